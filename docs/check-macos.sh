#!/bin/sh
# Looks at anaplan-agent on a real macOS, and prints a report to paste: sh check-macos.sh [PROGRAM]
# It takes about ten minutes with the questions. It changes nothing that it does not put back, logs in
# nowhere, and sends no PIN: what would is asked about first.
program=${1:-anaplan-agent}
work=$(mktemp -d) || exit 1
agent=
end() { [ -z "$agent" ] || kill "$agent" 2>/dev/null; rm -rf "$work"; }
trap end EXIT
trap 'exit 1' INT TERM

title() { printf '\n## %s\n\n' "$1"; }
# run COMMAND... shows the command, what it says, and its exit code.
run() { printf '$ %s\n' "$*"; "$@" 2>&1 </dev/null; printf '[exit code %s]\n' "$?"; }
# ask QUESTION is true if the person says yes.
ask() { printf '%s [y/N] ' "$1" >&2; read -r answer </dev/tty; case $answer in y | Y | yes) ;; *) echo "(not done)"; false ;; esac; }

title "The machine and the program"
run sw_vers
run uname -m
run "$program" version

title "Cards, without a PIN"
run "$program" keys --pin none --key piv:
run "$program" doctor --offline --login=false

title "The keychain"
service=anaplan-agent-check
if ask "Put a made-up password into the keychain as $service, and read it by /usr/bin/security? macOS may ask you."; then
	for word in 4711 'a"b' 4711ä; do
		security add-generic-password -U -s $service -a anaplan-agent -w "$word"
		printf 'of %s, -g prints: ' "$word"
		# shellcheck disable=SC2069 # it prints the password to standard error: only that is shown
		security find-generic-password -g -s $service 2>&1 >/dev/null
	done
	run security delete-generic-password -s $service
fi

title "The agent: its socket, and who calls (LOCAL_PEERCRED)"
cat >"$work/config.toml" <<END
[profile.default]
key = "piv:slot=9c"
pin = "none"

[agent]
socket = "$work/agent.sock"
END
"$program" serve --config "$work/config.toml" --audit-file "$work/audit.log" 2>"$work/log" &
agent=$!
sleep 3
run ls -l "$work/agent.sock"
run "$program" status --socket "$work/agent.sock"
run "$program" lock --socket "$work/agent.sock"
if ask "Ask the agent as another user, nobody, by sudo? It must be refused."; then
	chmod 711 "$work"
	sudo -u nobody "$program" status --socket "$work/agent.sock"
	printf '[exit code %s]\n' "$?"
fi
echo "who was seen to call (uid $(id -u) is right):"
cat "$work/audit.log"
run "$program" stop --socket "$work/agent.sock"
cat "$work/log"

title "The service, as it would be installed"
run "$program" service print --user
run "$program" service install --user --dry-run
label=com.github.anaplan-agent
plist=$HOME/Library/LaunchAgents/$label.plist
if [ -e "$plist" ]; then
	echo "(not installed for a try: $plist is there)"
elif ask "Install the file of launchd, have it start the agent, and remove both again? With a configuration only."; then
	run "$program" service install --user
	run launchctl bootstrap "gui/$(id -u)" "$plist"
	sleep 3
	echo "launchd's socket, which must be yours and for you alone, and the agent on it:"
	run ls -l "$(sed -n '/SockPathName/{n;s/.*<string>\(.*\)<.*/\1/p;}' "$plist")"
	run "$program" status
	run "$program" stop
	echo "the next command has launchd start it again:"
	run "$program" status
	launchctl print "gui/$(id -u)/$label" | head -n 40
	run launchctl bootout "gui/$(id -u)/$label"
	run "$program" service uninstall --user
	tail -n 20 "$HOME/Library/Logs/anaplan-agent.log"
fi

title "A login"
echo "Not done here. With a key that is set up: $program doctor --login, which asks for its PIN."
