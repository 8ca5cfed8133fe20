#!/usr/bin/env bash
# A nightly integration with curl: log in, find things by their names, upload a file, run
# a process, download an export, log out. It speaks to anaplan-agent in the place of
# Anaplan, and knows nothing of keys, certificates or Anaplan's tokens.
#
#   AGENT=http://127.0.0.1:8470 CLIENT=nightly SECRET_FILE=nightly.secret ./nightly.sh sales.csv report.csv
set -euo pipefail
upload=$1 download=$2
model=${MODEL:-Plan} file=${FILE:-Sales.csv} process=${PROCESS:-Nightly load} export=${EXPORT:-Report.csv}

# Headers with secrets go through files that only this user can read, never on command lines.
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'user = "%s:%s"\n' "$CLIENT" "$(cat "$SECRET_FILE")" >"$work/login"

curl -sS --fail-with-body -K "$work/login" -X POST "$AGENT/token/authenticate" -o "$work/token"
printf 'header = "Authorization: AnaplanAuthToken %s"\n' "$(jq -r .tokenInfo.tokenValue "$work/token")" >"$work/auth"

# call METHOD PATH [CURL-ARGUMENT...]
call() { local method=$1 path=$2; shift 2; curl -sS --fail-with-body -K "$work/auth" -X "$method" "$AGENT/2/0$path" "$@"; }

# id LIST NAME: the id of what has that name in a list
id() { call GET "$1?limit=1000" | jq -er --arg name "$2" 'first(.[] | arrays | .[] | select(.name == $name)).id'; }

place=$(call GET /models | jq -er --arg name "$model" 'first(.models[] | select(.name == $name)) | "/workspaces/\(.currentWorkspaceId)/models/\(.id)"')
echo "model $model: $place"

# run KIND NAME: starts it, waits, and fails unless Anaplan says that it went well
run() {
	local path=$place/$1/$(id "$place/$1" "$2") task state
	task=$(call POST "$path/tasks" -H 'Content-Type: application/json' -d '{"localeName": "en_US"}' | jq -er .task.taskId)
	until state=$(call GET "$path/tasks/$task") && jq -e '.task.taskState | . == "COMPLETE" or . == "CANCELLED"' <<<"$state" >/dev/null; do sleep "${PAUSE:-2}"; done
	echo "$1 $2: $(jq -r .task.taskState <<<"$state")"
	jq -e .task.result.successful <<<"$state" >/dev/null
}

source=$place/files/$(id "$place/files" "$file")
call POST "$source" -H 'Content-Type: application/json' -d '{"chunkCount": 1}' -o /dev/null
call PUT "$source/chunks/0" -H 'Content-Type: application/octet-stream' -T "$upload" -o /dev/null
call POST "$source/complete" -H 'Content-Type: application/json' -d '{}' -o /dev/null
echo "uploaded $upload"

run processes "$process"
run exports "$export"
result=$place/files/$(id "$place/exports" "$export")
for chunk in $(call GET "$result/chunks" | jq -r '.chunks[].id'); do
	call GET "$result/chunks/$chunk" --compressed
done >"$download"
echo "downloaded $download"

curl -sS --fail-with-body -K "$work/auth" -X POST "$AGENT/token/logout"
echo "logged out"
