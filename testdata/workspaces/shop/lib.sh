# shellcheck shell=bash disable=SC2034 # sourced: who sources it uses the variables
# Shared by layout, up, wreck and down. Sourced, never run.

SHOP=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
SERVICES=$SHOP/../../services

# Compose would prefer these to what the workspace's own .env says.
unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME

# Nobody's git configuration, hooks or signing keys have a say in a sample workspace.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0

die() {
	printf 'shop: %s\n' "$*" >&2
	exit 1
}

# setting NAME: one value of the workspace's .env.
setting() { sed -n "s/^$1=//p" "$DIR/.env"; }

# default_project: one name per directory, so that `down` finds it when the directory is wrecked or gone.
default_project() { printf 'shop-%s' "$(printf '%s' "$DIR" | sha256sum | cut -c1-10)"; }

# The image belongs to the project as its containers do: same name, same end.
image_of() { printf 'dogear-test/%s:latest' "$1"; }

# container SERVICE: id of the project's container of that service, stopped or running; empty if there is none.
container() {
	docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
		--filter "label=com.docker.compose.service=$1"
}

# build_program FOLDER FILE: without cgo, so that it runs in an image that has nothing else. Who cannot build finds the
# programs, by folder, in SHOP_PROGRAMS.
build_program() {
	if [[ -n ${SHOP_PROGRAMS:-} ]]; then
		cp "$SHOP_PROGRAMS/$1" "$2"
		return
	fi
	(cd "$SHOP/$1" && CGO_ENABLED=0 go build -buildvcs=false -ldflags='-s -w' -o "$2" .)
}
