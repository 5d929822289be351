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
find . -type f -print0 | sort -z | xargs -0 -r -n 500 -P 2 sha256sum -b | sort -k 2
find . -print0 | sort -z | xargs -0 -r -n 5000 getfattr -h -d -m -
