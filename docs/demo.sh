#!/usr/bin/env bash
# A login from an empty token to a call of the API. Run it with: make demo
. "$(dirname "$0")/demo-common.sh"

export SOFTHSM2_CONF=$work/softhsm2.conf
mkdir tokens
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/tokens" > softhsm2.conf

title "1. A new, empty PKCS#11 token. SoftHSM plays the HSM."
run "softhsm2-util --init-token --free --label demo --so-pin 87654321 --pin 1234"

title "2. A stand-in for Anaplan, with a test CA."
background emulator.log url "anaplan-emulator --listen 127.0.0.1:0 --tls --ca-dir ca --ca-out server-ca.pem --ready-file url"
url=$(cat url)
echo "it listens on $url"

title "3. What the agent has to know, as a profile. The PIN comes from the environment."
cat > config.toml <<TOML
[profile.default]
key      = "pkcs11:token=demo;object=login?module-name=softhsm2"
pin      = "env:TOKEN_PIN"
auth_url = "$url"
api_url  = "$url"
ca_file  = "server-ca.pem"
TOML
run "cat config.toml"
run "export ANAPLAN_AGENT_CONFIG=config.toml TOKEN_PIN=1234"

title "4. Make the key inside the token, and a request for a certificate."
run "anaplan-agent enroll --email ana@example.com > login.csr"
run "openssl req -in login.csr -noout -subject -verify"

title "5. The CA issues the certificate; store it beside the key."
run "anaplan-emulator --ca-dir ca --issue login.csr > login.pem"
run "anaplan-agent enroll --certificate login.pem"

title "6. What is on the token now, and can it log in?"
run "anaplan-agent keys"

title "7. Register the certificate, as a tenant administrator does in Anaplan."
run "anaplan-agent cert > upload.pem"
run "curl -sS --cacert server-ca.pem --data-binary @upload.pem $url/emulator/certificates"

title "8. A login payload, signed inside the token, and checked by openssl."
run "anaplan-agent sign > payload.json"
run "jq -r .encodedData payload.json | base64 -d > message.bin"
run "jq -r .encodedSignedData payload.json | base64 -d > signature.bin"
run "openssl x509 -in upload.pem -noout -pubkey > public.pem"
run "openssl dgst -sha512 -verify public.pem -signature signature.bin message.bin"

title "9. Log in. The server checks the certificate, the time and the signature."
run 'eval "$(anaplan-agent token --output env)"'
echo "ANAPLAN_TOKEN has ${#ANAPLAN_TOKEN} characters"

title "10. Call the integration API with the token, which stays out of the command line."
run "printf 'header = \"Authorization: AnaplanAuthToken %s\"\n' \"\$ANAPLAN_TOKEN\" | curl -sS --cacert server-ca.pem --config - $url/2/0/users/me | jq .user"

title "11. Which user does the certificate stand for?"
run "anaplan-agent whoami"

title "12. End the token. It is worth nothing from now on."
run "anaplan-agent logout"
refused "anaplan-agent whoami --token-from env:ANAPLAN_TOKEN"

title "Done. The private key was made in the token and never left it."
