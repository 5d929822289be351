# facts.sh DIR: prints all that a restore has to bring back, without help of what is measured: type, mode, owner, times
# to the nanosecond, links, content, extended attributes and ACLs. Two trees with the same output are the same.
# facts.sh DIR stamps: prints what changes as soon as anything is touched.
set -euo pipefail
export LC_ALL=C
cd "$1"
if [[ ${2:-} == stamps ]]; then
	find . -printf '%P\t%i\t%T@\t%C@\n' | sort
	exit
fi
find . -type d -printf '%P\t%y %m %U:%G %T@\n' -o -printf '%P\t%y %m %U:%G %T@ %s %n %l\n' | sort
find . ! -type d -links +1 -printf '%i\t%P\n' | sort -t $'\t' -k 2 | awk -F '\t' '
	{ if (!($1 in first)) first[$1] = $2; print "link\t" $2 "\t" first[$1] }'
find . -type f ! -path '*/.git/index' -print0 | sort -z | xargs -0 -r -n 500 -P 2 sha256sum -b | sort -k 2
# An index holds inodes and times of change, which are those of other files when the files are new: it fits them or the
# old ones. What it says, and its own time and size above, have to come back.
find . -path '*/.git/index' -printf '%h\n' | sort | while IFS= read -r dir; do
	printf 'index\t%s\t' "$dir"
	git --git-dir="$dir" ls-files -z -v --stage | sha256sum -b
done
find . -print0 | sort -z | xargs -0 -r -n 5000 getfattr -h -d -m -
