#!/bin/sh
# Runs an integration against a whole stand-in for production: a key in SoftHSM, Anaplan's emulator
# and the agent. Nothing leaves this machine, and all of it is gone afterwards.
#
#     sh ci.sh ./nightly.sh ARGUMENT...
#
# The program runs under `anaplan-agent exec --intercept`: one that calls https://api.anaplan.com
# needs no change, and one that knows of the agent has ANAPLAN_TOKEN, ANAPLAN_API_URL and
# ANAPLAN_SOCKET. It has EMULATOR besides, at which a test can look into files, plan failures and count requests
# (anaplan-emulator --help). It needs anaplan-agent, anaplan-emulator, softhsm2-util and curl.
set -eu

[ $# -gt 0 ] || { echo "usage: sh ci.sh PROGRAM ARGUMENT..." >&2; exit 2; }
work=$(mktemp -d)
processes=
finish() {
	for process in $processes; do kill "$process" && wait "$process" || true; done 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT

# wait_for COMMAND...: until it succeeds, for a minute at most.
wait_for() {
	tries=600
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "ci.sh: this did not come true: $*" >&2; cat "$work"/*.log >&2; exit 1; }
		sleep 0.1
	done
}

mkdir "$work/tokens" "$work/run" "$work/state"
chmod 700 "$work/run"
export SOFTHSM2_CONF="$work/softhsm2.conf" XDG_RUNTIME_DIR="$work/run" XDG_STATE_HOME="$work/state"
export ANAPLAN_AGENT_CONFIG="$work/config.toml"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/tokens" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label ci --so-pin 87654321 --pin 1234 >/dev/null
(umask 077 && echo 1234 >"$work/pin")

# Anaplan.
anaplan-emulator --listen 127.0.0.1:0 --quick-tasks --ca-dir "$work/ca" --ready-file "$work/url" >"$work/emulator.log" 2>&1 &
processes=$!
wait_for test -s "$work/url"
EMULATOR=$(cat "$work/url")
export EMULATOR
cat >"$ANAPLAN_AGENT_CONFIG" <<TOML
[profile.default]
key      = "pkcs11:token=ci;object=login?module-name=softhsm2"
pin      = "file:$work/pin"
auth_url = "$EMULATOR"
api_url  = "$EMULATOR"

[agent]
listen = "127.0.0.1:0"
TOML

# The key and its certificate, as enrolling is in production.
anaplan-agent enroll --email ci@example.com --output "$work/login.csr" 2>"$work/enroll.log" ||
	{ cat "$work/enroll.log" >&2; exit 1; }
anaplan-emulator --ca-dir "$work/ca" --issue "$work/login.csr" >"$work/login.pem"
anaplan-agent enroll --certificate "$work/login.pem" --upload-out "$work/upload.pem" 2>>"$work/enroll.log" ||
	{ cat "$work/enroll.log" >&2; exit 1; }
curl -sSf --noproxy '*' --data-binary @"$work/upload.pem" "$EMULATOR/emulator/certificates" >/dev/null

# The agent, and the program.
anaplan-agent serve >"$work/agent.log" 2>&1 &
processes="$! $processes"
wait_for anaplan-agent status
anaplan-agent exec --intercept -- "$@"
