# shellcheck shell=bash disable=SC2034 # sourced: who sources it uses the variables
# Shared by up, down and env: where the test bed keeps its state, and how it recognises what it made.
# Sourced, never run.

STATE=${DOGEAR_TESTBED_STATE:-/var/lib/dogear-testbed}
COMPOSE=$STATE/compose/docker-compose
NEWER_ENGINE=$STATE/engine
NEWER_GIT=$STATE/git
PID_FILE=$STATE/dockerd.pid
LABEL=dogear.test=1
TEST_USER=dogear-dev

say() { printf 'testbed: %s\n' "$*" >&2; }

# Not our fault and not the caller's: tests read 69 (EX_UNAVAILABLE) as "skip", anything else as a failure.
unavailable() {
	say "$*"
	exit 69
}

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# is_running PID NAME: a recorded pid may belong to someone else by now, or to a corpse that nobody has reaped.
is_running() {
	[[ -n $1 && -r /proc/$1/stat ]] || return 1
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	[[ $stat == "$1 ($2) "* && $stat != "$1 ($2) Z"* ]]
}

# started_at PID: with the pid, names one process for ever (field 22 of /proc/PID/stat, boot included).
started_at() {
	local stat
	stat=$(cat "/proc/$1/stat")
	stat=${stat##*) }
	printf '%s.%s\n' "$(cut -d' ' -f20 <<<"$stat")" "$(cat /proc/sys/kernel/random/boot_id)"
}

# our_dockerd: prints the pid of the engine that `up` started, fails if that is gone.
our_dockerd() {
	local pid started
	[[ -r $PID_FILE ]] || return 1
	read -r pid started <"$PID_FILE" || return 1
	is_running "$pid" dockerd || return 1
	[[ $(started_at "$pid") == "$started" ]] || return 1
	printf '%s\n' "$pid"
}

# A Compose v2 the machine already has comes first, then the one that `up` unpacked.
compose_path() {
	local dir
	for dir in "$HOME/.docker/cli-plugins" /usr/local/lib/docker/cli-plugins /usr/local/libexec/docker/cli-plugins \
		/usr/lib/docker/cli-plugins /usr/libexec/docker/cli-plugins; do
		if [[ -x $dir/docker-compose ]]; then
			printf '%s\n' "$dir/docker-compose"
			return
		fi
	done
	[[ -x $COMPOSE ]] && printf '%s\n' "$COMPOSE"
}

print_env() {
	local compose
	if [[ -n ${DOCKER_HOST:-} ]]; then printf 'export DOCKER_HOST=%q\n' "$DOCKER_HOST"; fi
	if compose=$(compose_path); then printf 'export DOGEAR_TEST_COMPOSE=%q\n' "$compose"; fi
	if [[ -x $NEWER_ENGINE/dockerd ]]; then printf 'export DOGEAR_TEST_ENGINE=%q\n' "$NEWER_ENGINE"; fi
	if [[ -x $NEWER_GIT/git ]]; then printf 'export DOGEAR_TEST_NEWER_GIT=%q\n' "$NEWER_GIT/git"; fi
	if id "$TEST_USER" >/dev/null 2>&1; then printf 'export DOGEAR_TEST_USER=%q\n' "$TEST_USER"; fi
	# Programs built with -race sleep for a second before they end, and the crash tests run many hundreds of them.
	printf 'export GORACE=%q\n' "atexit_sleep_ms=0${GORACE:+ $GORACE}"
}
