# login.sh [SECONDS]: logs in at $URL with key.pem and cert.pem, signed by openssl
# and sent by curl; the message's time is SECONDS off. Writes the answer to
# answer.json, its status to standard output, and the token as a curl
# configuration to token.curl.
set -eu
stamp=$(printf '%016x' $(($(date +%s) + ${1:-0})))
{ printf %s "$stamp" | xxd -r -p; openssl rand 92; } >message
openssl dgst -sha512 -sign key.pem -out signature message
printf '{"encodedDataFormat":"v2","encodedData":"%s","encodedSignedData":"%s"}' \
	"$(openssl base64 -A -in message)" "$(openssl base64 -A -in signature)" >login.json
printf 'header = "Authorization: CACertificate %s"\n' "$(openssl base64 -A -in cert.pem)" >cert.curl
trust=
if [ -f ca.pem ]; then trust='--cacert ca.pem'; fi
curl -sS $trust -K cert.curl -H 'Content-Type: application/json' -d @login.json \
	-o answer.json -w '%{http_code}\n' "$URL/token/authenticate"
value=$(sed -n 's/.*"tokenValue":"\([^"]*\)".*/\1/p' answer.json)
printf 'header = "Authorization: AnaplanAuthToken %s"\n' "$value" >token.curl
