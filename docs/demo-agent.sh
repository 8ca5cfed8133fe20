#!/usr/bin/env bash
# The agent: one login, many callers. A virtual YubiKey plays the hardware, so that it can
# be pulled out. Run it with: make demo-agent
. "$(dirname "$0")/demo-common.sh"

title "1. A YubiKey with a key and a registered certificate, and a stand-in for Anaplan whose tokens live 10 seconds, not 35 minutes."
background yubikey.log yubikey.env "PIV_EMULATOR_PIN=246810 piv-emulator --ready-file yubikey.env"
background emulator.log url "anaplan-emulator --listen 127.0.0.1:0 --tls --ca-dir ca --ca-out server-ca.pem --token-life 10s --ready-file url"
url=$(cat url)
run ". ./yubikey.env"
mkdir -p .config/anaplan-agent
cat > .config/anaplan-agent/config.toml <<TOML
[profile.default]
key      = "piv:serial=12345678;slot=9c"
pin      = "file:$work/pin"
auth_url = "$url"
api_url  = "$url"
ca_file  = "$work/server-ca.pem"

[agent]
audit_file = "$work/audit.log"
TOML
(umask 077; printf 246810 > pin)
run "cat .config/anaplan-agent/config.toml"
anaplan-agent enroll --email ana@example.com > login.csr 2> enroll.log
anaplan-emulator --ca-dir ca --issue login.csr > login.pem
anaplan-agent enroll --certificate login.pem 2>> enroll.log
anaplan-agent cert > upload.pem 2>> enroll.log
curl -sS --cacert server-ca.pem --data-binary @upload.pem -o registered.json "$url/emulator/certificates"
echo "enrolled and registered, as make demo-piv shows step by step"

title "2. Start the agent. It does nothing before somebody asks."
background agent.log run/anaplan-agent/agent.sock "anaplan-agent serve"
run "anaplan-agent status"

# What the agent has counted, and wants, which fails unless a counter stands at a number.
counted="curl -sS --unix-socket run/anaplan-agent/agent.sock http://agent/metrics | grep -E '^anaplan_agent_(signatures|logins|refreshes)_total'"
wants() { eval "$counted" | grep -qxF "anaplan_agent_$1_total{profile=\"default\",result=\"ok\"} $2" || { eval "$counted" >&2; exit 1; }; }

title "3. Ten scripts at once: one signature on the card, one login, one token for all."
run 'scripts=; for i in 1 2 3 4 5 6 7 8 9 10; do anaplan-agent token > token.$i & scripts="$scripts $!"; done; wait $scripts'
run 'sort -u token.* | wc -l'
run "$counted"
wants signatures 1
wants logins 1

title "4. A program with the token in its environment, and one that speaks HTTP to the agent."
run "anaplan-agent exec -- sh -c 'echo \"ANAPLAN_TOKEN has \${#ANAPLAN_TOKEN} characters\"'"
run "curl -sS --unix-socket run/anaplan-agent/agent.sock http://agent/v1/token | jq '{profile, expires_in, generation}'"

title "5. Pull the YubiKey out. The token is refreshed all the same: that takes no hardware."
run "piv-emulator ctl pull"
await "$counted | grep -q refreshes_total"
run "$counted"
wants signatures 1
run "anaplan-agent status"
run 'anaplan-agent token | wc -c'

title "6. Anaplan ends the token. Without the YubiKey there is no other, and the agent says what is missing."
run "curl -sS --cacert server-ca.pem -X POST $url/emulator/revoke"
refused "anaplan-agent login"
run "anaplan-agent status"

title "7. Plug it in again. The next script has a token: one more signature."
run "piv-emulator ctl insert"
await 'anaplan-agent login 2> login.log'
run 'anaplan-agent token | wc -c'
run "$counted"
wants signatures 2

title "8. Who had the token, and is the log whole?"
run "jq -c '[.action, .result, .caller.pid, .caller.executable]' audit.log | sort | uniq -c | sort -rn | head -5"
run "anaplan-agent audit verify audit.log"

title "9. Lock it, unlock it, log out."
run "anaplan-agent lock"
refused "anaplan-agent token"
run "anaplan-agent unlock"
run "anaplan-agent logout"
run "anaplan-agent status"

title "Done. The private key never left the card, and no script had to know where it is."
