#!/usr/bin/env bash
# Calls that the agent makes for clients which have neither key nor token. Run it with:
# make demo-calls
. "$(dirname "$0")/demo-common.sh"
examples=$(cd "$OLDPWD/$(dirname "$0")/examples" && pwd)

export SOFTHSM2_CONF=$work/softhsm2.conf
mkdir tokens
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/tokens" > softhsm2.conf

title "1. A key in SoftHSM, and a stand-in for Anaplan that knows its certificate."
run "softhsm2-util --init-token --free --label demo --so-pin 87654321 --pin 1234"
background emulator.log url "anaplan-emulator --listen 127.0.0.1:0 --quick-tasks --tls --ca-dir ca --ca-out server-ca.pem --ready-file url"
url=$(cat url)
cat > config.toml <<TOML
[agent]
listen = "127.0.0.1:0"

[profile.default]
key      = "pkcs11:token=demo;object=login?module-name=softhsm2"
pin      = "file:$work/pin"
auth_url = "$url"
api_url  = "$url"
ca_file  = "$work/server-ca.pem"

TOML
(umask 077; echo 1234 > pin)
run "export ANAPLAN_AGENT_CONFIG=$work/config.toml"
run "anaplan-agent enroll --email ana@example.com > login.csr"
run "anaplan-emulator --ca-dir ca --issue login.csr > login.pem"
run "anaplan-agent enroll --certificate login.pem"
run "anaplan-agent cert > upload.pem"
run "curl -sS --cacert server-ca.pem --data-binary @upload.pem $url/emulator/certificates"

title "2. A client that may upload one file and run one process, and see what there is."
run "anaplan-agent client new nightly --output nightly.secret >> config.toml"
echo "(its rules are samples behind #; an editor takes the # away from those that are wanted, here sed)"
run "sed -i \"s/^  # '/  '/\" config.toml"
run "sed -n '/client.nightly/,\$p' config.toml"

title "3. The agent. It listens for clients on a loopback port, too."
background agent.log run/anaplan-agent/agent.sock "anaplan-agent serve"
await "curl -sS --unix-socket run/anaplan-agent/agent.sock http://agent/healthz 2>/dev/null"
run "anaplan-agent status"
agent=http://$(anaplan-agent status --json | jq -r .address)

title "4. A client of Anaplan's API: curl, jq and the client's secret; nothing else."
printf 'Product,Amount\nTea,10\n' > sales.csv
run "env -i PATH=\$PATH AGENT=$agent CLIENT=nightly SECRET_FILE=nightly.secret PAUSE=0.1 $examples/nightly.sh sales.csv report.csv"
run "cat report.csv"

title "5. Somebody has stolen the secret, and tries another process."
plan=/2/0/models/6D203BA7549241C7BEE26C93DE987F12
run "curl -sS -u \"nightly:\$(cat nightly.secret)\" -d '{\"localeName\": \"en_US\"}' -H 'Content-Type: application/json' $agent$plan/processes/118000000006/tasks | jq .problem"
run "anaplan-agent policy check --client nightly 'run process \"Publish\" in model \"Plan\"' || echo refused with \$?"
run "anaplan-agent policy check --client nightly POST $plan/processes/118000000001/tasks"

title "6. Jobs without a program of their own. This is the agent's own user, who may do everything; --client nightly would go by that client's rules."
run "anaplan-agent run import 'Sales from Sales.csv' --model Plan --input sales.csv | jq -c .result"
run "anaplan-agent run export Report.csv --model Plan --output report.csv | jq -r .taskState"
run "anaplan-agent run process Publish --model Plan --client nightly || echo refused with \$?"

title "7. A program with a token that is worth something to the agent only."
run "anaplan-agent exec --phantom --client nightly -- sh -c 'curl -sS -H \"Authorization: AnaplanAuthToken \$ANAPLAN_TOKEN\" \$ANAPLAN_API_URL/2/0/models | jq -c .models[].name'"
run "anaplan-agent exec --phantom -- sh -c 'curl -sS --cacert server-ca.pem -o /dev/null -w \"at Anaplan itself: %{http_code}\\n\" -H \"Authorization: AnaplanAuthToken \$ANAPLAN_TOKEN\" $url/2/0/models'"

title "8. What was it all? One login, and every call has been counted."
run "curl -sS --unix-socket run/anaplan-agent/agent.sock http://agent/metrics | grep -E '^anaplan_agent_(logins|calls)_total'"
if [ -n "${DEMO_SHELL:-}" ]; then AGENT=$agent $DEMO_SHELL; fi

title "Done. No client has seen the key, its PIN, or a token of Anaplan's."
