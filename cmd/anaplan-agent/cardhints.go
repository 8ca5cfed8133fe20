package main

// What to do about cards, which depends on the computer's own smartcard service. Where
// both of Yubico's programs can do it, both are named: ykman is what Yubico's pages speak
// of, yubico-piv-tool what servers have.

import "github.com/anaplan-agent/anaplan-agent/piv"

// managementKeyHint says how to give a management key.
const managementKeyHint = "--management-key says where it is, in hexadecimal: prompt, file:PATH, env:NAME, or protected (under the PIN)"

// cardPINHints says what a person can do about a PIN that a card did not take.
func cardPINHints(pin *piv.PINError) []string {
	switch {
	case pin.PUKBlocked:
		return []string{"all that is left: ykman piv reset (or yubico-piv-tool -a reset), which erases the keys and certificates of the PIV application; then enroll anew"}
	case pin.Blocked:
		return []string{
			"set a new PIN with the PUK: ykman piv access unblock-pin (or yubico-piv-tool -a unblock-pin)",
			"the PUK is counted too; when both are blocked, only ykman piv reset helps, which erases the keys",
		}
	}
	return []string{"the PIN was sent once; look it up, and correct it where it comes from, for the card blocks it when no tries are left"}
}

// serviceHints says how the smartcard service is started. Under systemd it is the socket
// that is started: the service itself ends when nobody uses it.
func serviceHints(system string) []string {
	switch system {
	case "windows":
		return []string{"start the service \"Smart Card\": sc start SCardSvr, as administrator"}
	case "darwin":
		return []string{"macOS starts its smartcard service when a reader is connected: connect the YubiKey, and try again"}
	}
	return []string{
		"sudo systemctl start pcscd.socket, or without systemd: sudo pcscd",
		"if it is not installed: sudo apt install pcscd (Debian, Ubuntu), sudo dnf install pcsc-lite (Fedora, RHEL)",
	}
}

// busyHints says which programs hold cards most often, and how to find the one that
// does.
func busyHints(system string) []string {
	hints := []string{"gpg holds cards until it is told not to: gpgconf --kill scdaemon; browsers and VPN clients do until they are closed"}
	if system == "linux" {
		hints = append(hints, "sudo lsof +E -aUc pcscd lists the programs that are connected to pcscd, one of which holds it")
	}
	return hints
}
