#!/usr/bin/env bash
# A login from a new YubiKey to a call of the API, on a virtual YubiKey in a virtual
# reader of a real pcscd, away from the machine's own. Run it with: make demo-piv
. "$(dirname "$0")/demo-common.sh"

title "1. A new YubiKey. piv-emulator plays it; without it, plug yours in."
background yubikey.log yubikey.env "PIV_EMULATOR_PIN=246810 piv-emulator --ready-file yubikey.env"
run ". ./yubikey.env"

title "2. A stand-in for Anaplan, with a test CA."
background emulator.log url "anaplan-emulator --listen 127.0.0.1:0 --tls --ca-dir ca --ca-out server-ca.pem --ready-file url"
url=$(cat url)
echo "it listens on $url"

title "3. What is there? The serial number is on the back of the YubiKey, too."
run "anaplan-agent keys --key piv:"

title "4. What the agent has to know, as a profile. At a desk the PIN would be typed: pin = \"prompt\"."
cat > config.toml <<TOML
[profile.default]
key      = "piv:serial=12345678;slot=9c"
pin      = "env:CARD_PIN"
auth_url = "$url"
api_url  = "$url"
ca_file  = "server-ca.pem"
TOML
run "cat config.toml"
run "export ANAPLAN_AGENT_CONFIG=config.toml CARD_PIN=246810"

title "5. Make the key on the card, a request for a certificate, and the card's word that the key was made there. A virtual card's does not lead to Yubico, so a warning follows."
run "anaplan-agent enroll --email ana@example.com --attestation attestation.pem > login.csr"
run "openssl req -in login.csr -noout -subject -verify"
run "openssl x509 -in attestation.pem -noout -subject -issuer"

title "6. The CA issues the certificate; store it beside the key."
run "anaplan-emulator --ca-dir ca --issue login.csr > login.pem"
run "anaplan-agent enroll --certificate login.pem"

title "7. What is on the card now, and can it log in?"
run "anaplan-agent keys"

title "8. Register the certificate, as a tenant administrator does in Anaplan."
run "anaplan-agent cert > upload.pem"
run "curl -sS --cacert server-ca.pem --data-binary @upload.pem $url/emulator/certificates"

title "9. A login payload, signed on the card, and checked by openssl."
run "anaplan-agent sign > payload.json"
run "jq -r .encodedData payload.json | base64 -d > message.bin"
run "jq -r .encodedSignedData payload.json | base64 -d > signature.bin"
run "openssl x509 -in upload.pem -noout -pubkey > public.pem"
run "openssl dgst -sha512 -verify public.pem -signature signature.bin message.bin"

title "10. Log in, and call the integration API with the token."
run 'eval "$(anaplan-agent token --output env)"'
echo "ANAPLAN_TOKEN has ${#ANAPLAN_TOKEN} characters"
run "printf 'header = \"Authorization: AnaplanAuthToken %s\"\n' \"\$ANAPLAN_TOKEN\" | curl -sS --cacert server-ca.pem --config - $url/2/0/users/me | jq .user"
run "anaplan-agent whoami"
run "anaplan-agent logout"

title "11. What if it is not plugged in? The virtual reader has two slots."
run "piv-emulator ctl pull"
refused "anaplan-agent token"
run "piv-emulator ctl insert"
run 'eval "$(anaplan-agent token --output env)"'
run "anaplan-agent logout"

title "Done. The private key was made on the card and never left it."
