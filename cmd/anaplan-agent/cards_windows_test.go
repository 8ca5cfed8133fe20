package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// cardHere gives the program a virtual YubiKey without keys, and its PIN.
func (p *program) cardHere() {
	p.Helper()
	socket := os.Getenv("ANAPLAN_AGENT_TEST_PCSCD")
	if socket == "" {
		p.Skip("ANAPLAN_AGENT_TEST_PCSCD names no pcscd with a card, which .ci/wine starts")
	}
	p.Setenv("PCSCLITE_CSOCK_NAME", socket)
	p.Setenv("PIN", "271828")
}

// TestCardOnWindows: from a new YubiKey to tokens: the key is made on the card, the certificate is stored
// there, and it logs in, by a command and by the agent.
func TestCardOnWindows(t *testing.T) {
	p := newProgram(t)
	p.cardHere()
	server := anaplantest.NewServer(t, nil)
	dir := t.TempDir()
	ca, request, certificate := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "login.csr"), filepath.Join(dir, "login.pem")
	p.write(ca, server.CA.PEM())
	p.configure(fmt.Sprintf("[profile.default]\nkey = 'piv:slot=9c'\npin = 'env:PIN'\nca_file = '%s'\nauth_url = '%s'\napi_url = '%[2]s'\n", ca, server.URL))

	p.run(0, []string{"keys", "--pin", "none", "--key", "piv:"}, "YubiKey")
	p.run(0, []string{"enroll", "--email", "integration@example.com", "--output", request}, request)
	p.write(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Enroll(publicKeyIn(t, request), nil).Raw}))
	p.run(0, []string{"enroll", "--certificate", certificate, "--upload-out", filepath.Join(dir, "upload.pem")})
	p.run(0, []string{"keys"}, "slot 9c", "RSA 2048")
	p.run(0, []string{"token", "--output", "powershell"}, "$env:ANAPLAN_TOKEN")
	p.run(0, []string{"doctor", "--login"}, "login")

	p.useAgent()
	if got := server.Counts().Logins; got < 3 {
		t.Errorf("%d logins", got)
	}

	t.Setenv("PIN", "654321")
	p.run(3, []string{"token"}, "refused the PIN", "2 tries are left")
}

// publicKeyIn reads the key of a certificate request.
func publicKeyIn(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s has no PEM: %q", path, text)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return request.PublicKey
}
