#!/usr/bin/env bash
# A nightly integration with curl and jq: log in, find things by their names, upload a file,
# run a process, download an export, log out. It speaks to anaplan-agent in the place of
# Anaplan, and knows nothing of keys, certificates or Anaplan's tokens.
#
#   AGENT=http://127.0.0.1:8470 CLIENT=nightly SECRET_FILE=nightly.secret ./nightly.sh sales.csv report.csv
#
# or with a token that it is given, and then it neither logs in nor out:
#
#   anaplan-agent exec --phantom --client nightly -- ./nightly.sh sales.csv report.csv
set -euo pipefail # within $( ) it takes || return, too
if [ $# != 2 ]; then echo "usage: $0 UPLOAD.csv DOWNLOAD.csv" >&2; exit 2; fi
upload=$1 download=$2
model=${MODEL:-Plan} file=${FILE:-Sales.csv} process=${PROCESS:-Nightly load} export=${EXPORT:-Report.csv}
if [ ! -r "$upload" ]; then echo "$upload cannot be read" >&2; exit 1; fi
agent=${ANAPLAN_API_URL:-${AGENT:?is not set: where the agent listens, as http://127.0.0.1:8470}}

# Headers with secrets go through files that only this user can read, never on command lines.
umask 077
work=$(mktemp -d)
logged_in=
finish() {
	status=$?
	if [ -n "$logged_in" ] && curl -sS --fail -K "$work/auth" -X POST "$agent/token/logout"; then echo "logged out"; fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT

# ask METHOD URL [CURL-ARGUMENT...]: prints the answer, that of a failure to standard error
ask() {
	local method=$1 url=$2
	shift 2
	rm -f "$work/answer"
	if ! curl -sS --fail-with-body --compressed -X "$method" -o "$work/answer" "$@" "$url"; then
		echo "$method $url: $(cat "$work/answer" 2>/dev/null)" >&2
		return 1
	fi
	if [ -e "$work/answer" ]; then cat "$work/answer"; fi
}

# call METHOD PATH [CURL-ARGUMENT...]
call() {
	local method=$1 path=$2
	shift 2
	ask "$method" "$agent/2/0$path" -K "$work/auth" "$@"
}

if [ -n "${ANAPLAN_TOKEN:-}" ]; then
	token=$ANAPLAN_TOKEN
else
	printf 'user = "%s:%s"\n' "${CLIENT:?is not set}" "$(cat "${SECRET_FILE:?is not set}")" >"$work/login"
	answer=$(ask POST "$agent/token/authenticate" -K "$work/login")
	token=$(jq -er .tokenInfo.tokenValue <<<"$answer")
	logged_in=yes
fi
printf 'header = "Authorization: AnaplanAuthToken %s"\n' "$token" >"$work/auth"

# find LIST NAME: the first thing of that name in a list
find() {
	local list
	list=$(call GET "$1?limit=1000") || return
	jq -e --arg name "$2" 'first(.[] | arrays | .[] | select(.name == $name))' <<<"$list" && return
	echo "there is no \"$2\" in $1" >&2
	return 1
}

found=$(find /models "$model")
place=$(jq -er '"/workspaces/\(.currentWorkspaceId)/models/\(.id)"' <<<"$found")
echo "model $model: $place"

# id LIST NAME: the id of what has that name in a list of the model
id() {
	local thing
	thing=$(find "$place/$1" "$2") || return
	jq -er .id <<<"$thing"
}

# run LIST NAME: starts it, waits, and fails unless Anaplan says that it went well
run() {
	local thing path task state
	thing=$(id "$1" "$2")
	path=$place/$1/$thing
	task=$(call POST "$path/tasks" -H 'Content-Type: application/json' -d '{"localeName": "en_US"}' | jq -er .task.taskId)
	while true; do
		state=$(call GET "$path/tasks/$task")
		case $(jq -r .task.taskState <<<"$state") in COMPLETE | CANCELLED) break ;; esac
		sleep "${PAUSE:-5}"
	done
	echo "$1 $2: $(jq -r .task.taskState <<<"$state")"
	if ! jq -e .task.result.successful <<<"$state" >/dev/null; then
		echo "$1 $2 was not successful:" >&2
		jq .task <<<"$state" >&2
		return 1
	fi
}

source=$(id files "$file")
source=$place/files/$source
call POST "$source" -H 'Content-Type: application/json' -d '{"chunkCount": 1}' >/dev/null
call PUT "$source/chunks/0" -H 'Content-Type: application/octet-stream' -T "$upload" >/dev/null
call POST "$source/complete" -H 'Content-Type: application/json' -d '{}' >/dev/null
echo "uploaded $upload"

run processes "$process"
run exports "$export"
result=$(id exports "$export")
result=$place/files/$result
chunks=$(call GET "$result/chunks" | jq -r '.chunks[].id')
for chunk in $chunks; do call GET "$result/chunks/$chunk"; done >"$download"
echo "downloaded $download"
