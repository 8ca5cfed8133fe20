#!/usr/bin/env bash
# The terminal in README's picture, made by running its commands: make docs/session.svg
. "$(dirname "$0")/demo-common.sh"

exec 3>&1 >quiet.log 2>&1 # what prepares it is not shown
export SOFTHSM2_CONF=$work/softhsm2.conf COLUMNS=100 TZ=UTC
mkdir tokens
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/tokens" > softhsm2.conf
softhsm2-util --init-token --free --label prod --so-pin 87654321 --pin 1234
background emulator.log url "anaplan-emulator --listen 127.0.0.1:0 --quick-tasks --tls --ca-dir ca --ca-out server-ca.pem --ready-file url"
url=$(cat url)
cat > config.toml <<TOML
[agent]
listen = "127.0.0.1:0"

[profile.default]
key      = "pkcs11:token=prod;object=login?module-name=softhsm2"
pin      = "file:$work/pin"
auth_url = "$url"
api_url  = "$url"
ca_file  = "$work/server-ca.pem"
TOML
(umask 077; echo 1234 > pin)
export ANAPLAN_AGENT_CONFIG=$work/config.toml
anaplan-agent enroll --email integration@example.com > login.csr
anaplan-emulator --ca-dir ca --issue login.csr > login.pem
anaplan-agent enroll --certificate login.pem
anaplan-agent cert > upload.pem
curl -sS --cacert server-ca.pem --data-binary @upload.pem "$url/emulator/certificates"
printf 'Product,Amount\nTea,10\n' > sales.csv
exec 1>&3 2>&3

echo "# The key was made in the HSM, and never leaves it."
run "anaplan-agent keys"
echo
run "anaplan-agent whoami"
echo
background agent.log run/anaplan-agent/agent.sock "anaplan-agent serve"
echo
echo "# One login for all programs of this machine. They get a token, or not even that:"
run "anaplan-agent exec --phantom -- sh -c \\
    'curl -sSH \"Authorization: AnaplanAuthToken \$ANAPLAN_TOKEN\" \$ANAPLAN_API_URL/2/0/models' \\
    | jq -c '.models[].name'"
echo
run "anaplan-agent run import 'Sales from Sales.csv' --model Plan --input sales.csv >/dev/null"
