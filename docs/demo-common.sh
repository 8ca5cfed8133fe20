# What the demos have in common; they source it with the directory of the programs in bin.
# Everything happens in a temporary directory and on loopback, and is gone at the end.
set -euo pipefail

bin=$(cd "$1" && pwd)
PATH=$bin:$PATH
work=$(mktemp -d)
pids=

finish() {
	status=$?
	for pid in $pids; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
	if [ $status != 0 ]; then echo "demo: failed" >&2; fi
}
trap finish EXIT
cd "$work"

# Nothing of this user's own is read or changed.
unset "${!ANAPLAN@}"
export HOME=$work XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/run

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
# run prints a command as one would type it, and runs it in this shell.
run() { printf '$ %s\n' "$1"; eval "$1"; }
# refused runs a command that must fail.
refused() { printf '$ %s\n' "$1"; if eval "$1"; then echo "demo: that should have failed" >&2; exit 1; fi; }
# background prints and starts a command that stays; its log goes to a file. The command
# has written that file, or another, when it is ready.
background() {
	log=$1 ready=$2
	printf '$ %s &\n' "$3"
	eval "exec env $3" > /dev/null 2> "$log" &
	pids="$! $pids"
	await "[ -e '$ready' ]" || { cat "$log" >&2; exit 1; }
}
# await waits for a condition, for half a minute.
await() { for _ in $(seq 300); do eval "$1" && return; sleep 0.1; done; echo "demo: not yet: $1" >&2; return 1; }
