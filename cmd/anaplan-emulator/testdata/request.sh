# request.sh EMAIL: makes key.pem and request.pem with openssl alone.
set -eu
openssl req -new -newkey rsa:2048 -nodes -keyout key.pem -out request.pem \
	-subj /CN=batch -addext "subjectAltName=email:$1" 2>openssl.log
