set -euo pipefail
workspace=8a8196b15b7dbae6015b8694411d13fe model=6D203BA7549241C7BEE26C93DE987F12
plan=https://api.anaplan.com/2/0/workspaces/$workspace/models/$model
call() { curl -sS --fail-with-body -H "Authorization: AnaplanAuthToken $token" "$@"; }
token=$(curl -sS --fail-with-body -u ana@example.com:password -X POST https://auth.anaplan.com/token/authenticate | sed 's/.*"tokenValue":"\([^"]*\)".*/\1/')
echo "models: $(call https://api.anaplan.com/2/0/models | grep -o '"name":"[^"]*"' | tr '\n' ' ')"
call -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" "$plan/files/113000000001"
task=$(call -H 'Content-Type: application/json' -d '{"localeName":"en_US"}' "$plan/processes/118000000001/tasks" | sed 's/.*"taskId":"\([^"]*\)".*/\1/')
while state=$(call "$plan/processes/118000000001/tasks/$task" | sed 's/.*"taskState":"\([^"]*\)".*/\1/'); [ "$state" != COMPLETE ]; do sleep 0.1; done
echo "process: $state"
call -X POST https://auth.anaplan.com/token/logout
