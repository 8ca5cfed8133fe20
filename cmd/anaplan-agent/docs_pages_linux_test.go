//go:build cgo

package main

// How each page of docs is followed: TestDocs.

// pagePrologue has what plays the others: a token, Anaplan, a CA and an administrator.
const pagePrologue = `
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
mkdir -m 700 tokens run
until_true() { for i in $(seq 600); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done; "$@"; }
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$PWD/tokens" >softhsm2.conf
export SOFTHSM2_CONF=$PWD/softhsm2.conf ANAPLAN_AGENT_PIN=env:PIN PIN=1234
softhsm2-util --init-token --free --label prod --so-pin 5678 --pin 1234 >/dev/null
(umask 077; printf 1234 >pin)
printf 'Product,Amount\nApples,1\n' >sales.csv
anaplan-emulator --listen 127.0.0.1:0 --quick-tasks --ca-dir ca --ready-file url >emulator.log 2>&1 &
until_true test -s url
EMULATOR=$(cat url)
ca() { anaplan-emulator --ca-dir ca --issue "$1" 2>/dev/null; }
administrator() { curl -sSf --noproxy '*' --data-binary @"$1" "$EMULATOR/emulator/certificates" >/dev/null; }
# anaplan: Anaplan is the emulator.
anaplan() { export ANAPLAN_AGENT_AUTH_URL=$EMULATOR ANAPLAN_AGENT_API_URL=$EMULATOR; }
# key: a key that can log in, and a configuration.
key() {
	mkdir -p ~/.config/anaplan-agent
	cat >~/.config/anaplan-agent/config.toml <<TOML
[profile.default]
key = "pkcs11:token=prod;object=login?module-name=softhsm2"
pin = "file:$PWD/pin"
auth_url = "$EMULATOR"
api_url = "$EMULATOR"

[agent]
listen = "$AGENT_ADDRESS"
TOML
	unset ANAPLAN_AGENT_PIN
	anaplan-agent enroll --email integration@example.com --output login.csr 2>/dev/null
	ca login.csr >login.pem
	anaplan-agent enroll --certificate login.pem --upload-out upload.pem 2>/dev/null
	administrator upload.pem
	rm upload.pem
}
# agent: it runs. client: it has one, which may do what the page has it do.
agent() { anaplan-agent serve >agent.log 2>&1 & until_true anaplan-agent status; }
client() { anaplan-agent client new nightly --output nightly.secret 2>/dev/null | sed "s/^  # '/  '/" >>~/.config/anaplan-agent/config.toml; }
# card: a YubiKey in the reader.
card() { piv-emulator --ready-file card >card.log 2>&1 & until_true test -s card; . ./card; }
`

// pagesElsewhere are followed by other tests.
var pagesElsewhere = map[string]string{
	"server":         "packaging/inside-server, in a Debian that systemd has booted",
	"laptop":         "packaging/inside-laptop, likewise",
	"install":        "packaging/test builds from the sources as it says, in a clone; its table names files, which packaging/inside-deb and make tarballs have; another system is wanted for the rest",
	"offline":        "TestOfflinePage",
	"windows":        "wants a real Windows",
	"windows-server": "wants a real Windows",
	"macos":          "wants a real Mac",
	"architecture":   "pictures of the code",
	"configuration":  "TestManualPages, and TestConfigurationPage of agent/config",
	"container":      "make kubernetes-test has its manifests; the image wants buildah",
	"devices":        "packaging/inside-server has SoftHSM's; others want their devices",
	"errors":         "TestErrorsPage",
	"fleet-servers":  "packaging/inside-fleet, in two Debians that systemd has booted, on one network",
	"fleet":          "the scripts fleet-callers, fleet-edge, fleet-members and real-lease, on addresses of this machine",
	"platforms":      "what was run there",
	"reliability":    "make faults and make pin-faults print its tables",
	"security":       "TestThreatModel",
}

var pages = map[string]page{
	"yubikey": {
		before: []string{"card", "export ANAPLAN_AGENT_PIN=env:PIN PIN=123456"},
		then:   map[string]string{"anaplan-agent enroll --key 'piv:serial=12345678;slot=9c' --email": "ca login.csr >login.pem"},
		around: map[string]string{"$ anaplan-agent keys": shown},
		not:    map[string]string{"ykman": "Yubico's own tool asks on its terminal"},
	},
	"hsm": {
		instead: []string{"module-path=/usr/lib/vendor/libcryptoki.so", "module-name=softhsm2"},
		then:    map[string]string{"anaplan-agent enroll --key 'pkcs11:token=prod;object=login?module-name=softhsm2' --email": "ca login.csr >login.pem"},
		not:     map[string]string{"pkcs11:token=LABEL": "the form of an address"},
	},
	"enroll": {
		instead: []string{"file:/run/secrets/pin", "file:$PWD/pin", "ANAPLAN_AGENT_REGION=us1", "ANAPLAN_AGENT_AUTH_URL=$EMULATOR ANAPLAN_AGENT_API_URL=$EMULATOR"},
		then: map[string]string{
			"anaplan-agent enroll --email":    "ca login.csr | openssl crl2pkcs7 -nocrl -certfile /dev/stdin >answer.p7b",
			"# an administrator registers up": "administrator upload.pem",
		},
		not: map[string]string{
			"anaplan-agent enroll\n": "the conversation is that of enroll-guided.txtar",
			"Looking for devices":    "a conversation",
			"Waiting for the CA":     "more of it",
			"note: answer.p7b":       "what it prints",
			"[profile.default]":      "a configuration that it writes",
		},
	},
	"register": {before: []string{"key"}, after: "cmp upload.pem login.pem"},
	"token": {
		before:  []string{"key", "cp login.pem cert.pem"},
		instead: []string{"hsm-host$ ", "", "other$    ", ""},
	},
	"curl": {
		before: []string{"key", "client", "agent", `printf 'user = "nightly:%s"\n' "$(cat nightly.secret)" >login.curl`},
		not:    map[string]string{"user = ": "the file login.curl", "header = ": "another file of curl's"},
	},
	"clients": {
		before:  []string{"key", "client", "agent", `printf 'import urllib.request\nprint(urllib.request.urlopen("https://api.anaplan.com/2/0/models").read())\n' >job.py`},
		instead: []string{"-- python job.py", "-- python3 job.py"},
		not:     map[string]string{"--- PASS": "what make clients prints"},
	},
	"intercept": {
		before: []string{"key", "client", "agent"},
		not:    map[string]string{"program --CONNECT": "a picture"},
	},
	"expiry": {
		not: map[string]string{
			"[profile.default]": "a configuration", "profile default: the": "what a program gets",
			"#!/bin/sh": "a chat's webhook", "- alert": "a rule, as those of TestAlertRules",
		},
	},
	"rotate": {
		before:  []string{"key"},
		instead: []string{"--upload-out upload.pem", "--upload-out upload.pem || [ $? = 3 ]", "rotate retire", "rotate retire --yes"},
		then: map[string]string{
			"anaplan-agent rotate start":                "ca new.csr >new.pem",
			"anaplan-agent rotate finish --certificate": "administrator upload.pem",
		},
		after: "anaplan-agent whoami | grep integration@example.com",
	},
	"import": {
		before: []string{"anaplan", "card",
			"openssl req -new -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=import -addext subjectAltName=email:integration@example.com -out import.csr 2>/dev/null",
			"ca import.csr >import.pem", "administrator import.pem", "openssl pkcs12 -export -inkey key.pem -in import.pem -passout pass:secret -out login.p12", "export P12=secret CARD=123456"},
		instead: []string{"import login.p12 --key 'piv", "import login.p12 --password env:P12 --pin env:CARD --key 'piv", "import login.p12", "import login.p12 --password env:P12"},
	},
	"certificate": {
		before: []string{"key", "openssl crl2pkcs7 -nocrl -certfile login.pem >answer.p7b"},
		after:  "cmp upload.pem login.pem",
	},
	"calls": {
		before: []string{"key", "agent", "printf 'SKU,Name,Remark\\nP9,Pears,\\n' >new.csv", "cp sales.csv prices.csv",
			`printf '#!/bin/sh\nsed -i "s/^  # /  /" "$1"\n' >edit && chmod +x edit`, "EDITOR=$PWD/edit"},
		not: map[string]string{
			"client --phantom": "a picture", "[agent]\n": "a configuration", "[client.lists]": "a client of a configuration",
		},
	},
	"from-anaplan-connect": {
		before: []string{"key", "agent", "printf 'SKU,Product\\nP9,Pears\\n' >new.csv"},
		not:    map[string]string{"AnaplanClient.sh": "Anaplan Connect is Anaplan's, and is not here"},
	},
	"anaplan-connect": {
		not: map[string]string{"[agent]": "rules, which a test of agent/policy holds against the clients", "./AnaplanClient": "Anaplan Connect is Anaplan's, and is not here", "anaplan-agent exec --phantom": "it runs Anaplan Connect, too"},
	},
	"anaplan-sdk": {
		not: map[string]string{"import os": "TestPackagedClients runs it", "[client.nightly]": "a configuration", "import anaplan_sdk": "TestPackagedClients runs this, too"},
	},
	"failover": {
		before: []string{"key", "agent", "anaplan-agent token >/dev/null"},
		around: map[string]string{"anaplan-agent status": `head -n 1 "$BLOCK" >command && . ./command | grep '^default  *healthy'`},
		not:    map[string]string{"[profile.default]": "a configuration", "- alert": "a rule of TestAlertRules"},
	},
	"monitoring": {
		before: []string{"key", "agent"},
		not:    map[string]string{"[agent]": "a configuration", "scrape_configs": "TestAlertRules has a Prometheus scrape an agent", "livenessProbe": "a part of a pod"},
	},
	"doctor": {
		before:  []string{"key", "agent"},
		instead: []string{"| less", "| grep -c ."},
		not:     map[string]string{"1 error, 1": "what it prints", "sudo": "packaging/inside-server"},
	},
	"ci": {
		before: []string{"mkdir ci && cp $REPOSITORY/docs/examples/ci.sh ci/anaplan.sh",
			`printf '#!/bin/sh\nexec anaplan-agent run file Sales.csv --model Plan --input "${1:-sales.csv}"\n' >nightly.sh && chmod +x nightly.sh`,
			"unset ANAPLAN_AGENT_PIN"},
		around: map[string]string{"#!/bin/sh": `sh ci/anaplan.sh "$BLOCK"`},
		not:    map[string]string{"# .github": "GitHub's machines", "# .gitlab": "GitLab's"},
	},
}

// shown runs the commands of a block that shows what they print, and compares it.
const shown = `
grep '^\$ ' "$BLOCK" | sed 's/^\$ //' >commands
grep -v '^\$ ' "$BLOCK" | sed 's/^ *//' >wanted
. ./commands 2>&1 | sed 's/^ *//' >printed
diff wanted printed`
