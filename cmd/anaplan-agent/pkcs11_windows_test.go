//go:build cgo

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// tokenHere makes a key whose certificate Anaplan's stand-in knows, has the module of
// testdata/pkcs11windows keep both, and returns the key's address.
func tokenHere(t *testing.T, server *anaplantest.Server) string {
	t.Helper()
	modules := os.Getenv("ANAPLAN_AGENT_TEST_MODULES")
	if modules == "" {
		t.Skip("ANAPLAN_AGENT_TEST_MODULES names no directory with token.dll, which .ci/wine makes")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"key.blob": fullPrivateBlob(key), "certificate.der": server.Enroll(key.Public(), nil).Raw} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("ANAPLAN_AGENT_TEST_TOKEN", dir)
	return "pkcs11:token=wine;object=login?module-path=" + filepath.ToSlash(filepath.Join(modules, "token.dll"))
}

// fullPrivateBlob writes a key as Windows reads it (BCRYPT_RSAKEY_BLOB, bcrypt.h).
func fullPrivateBlob(key *rsa.PrivateKey) []byte {
	const magic = 0x33415352 // RSA3
	exponent, size, half := big.NewInt(int64(key.E)).Bytes(), key.Size(), key.Size()/2
	var blob bytes.Buffer
	for _, number := range []int{magic, size * 8, len(exponent), size, half, half} {
		blob.Write(binary.LittleEndian.AppendUint32(nil, uint32(number)))
	}
	blob.Write(exponent)
	for _, part := range []struct {
		number *big.Int
		size   int
	}{{key.N, size}, {key.Primes[0], half}, {key.Primes[1], half}, {key.Precomputed.Dp, half}, {key.Precomputed.Dq, half}, {key.Precomputed.Qinv, half}, {key.D, size}} {
		blob.Write(part.number.FillBytes(make([]byte, part.size)))
	}
	return blob.Bytes()
}

// configureToken writes the configuration of a login with a key behind a PKCS#11 module, and more of
// the profile.
func (p *program) configureToken(more ...string) *anaplantest.Server {
	p.Helper()
	server := anaplantest.NewServer(p.T, nil)
	ca := filepath.Join(p.TempDir(), "ca.pem")
	p.write(ca, server.CA.PEM())
	p.configure(fmt.Sprintf("[profile.default]\nkey = '%s'\npin = 'env:PIN'\nca_file = '%s'\nauth_url = '%s'\napi_url = '%[3]s'\n%s",
		tokenHere(p.T, server), ca, server.URL, strings.Join(more, "\n")))
	p.Setenv("PIN", "4711")
	return server
}

// TestModuleOnWindows: a key behind a PKCS#11 module logs in, by a command and by the agent.
func TestModuleOnWindows(t *testing.T) {
	p := newProgram(t)
	server := p.configureToken()
	p.run(0, []string{"keys"}, "token=wine", "login")
	p.run(0, []string{"token", "--output", "powershell"}, "$env:ANAPLAN_TOKEN")
	if output, err := p.command("token").CombinedOutput(); err != nil || bytes.Contains(output, []byte("hello")) {
		t.Errorf("what the module prints is beside the token: %v\n%s", err, output)
	}
	p.run(0, []string{"doctor", "--login"}, "login")
	if output, err := p.command("list", "workspaces").CombinedOutput(); err != nil || bytes.Count(output, []byte("a login of this command's own")) != 1 {
		t.Errorf("what is said of the login is said once: %v\n%s", err, output)
	}
	p.useAgent()
	if got := server.Counts().Logins; got < 3 {
		t.Errorf("%d logins", got)
	}
}

// TestModuleCrashesOnWindows: a module that crashes takes the signer process with it, and not the agent;
// of a command without an agent, in words.
func TestModuleCrashesOnWindows(t *testing.T) {
	p := newProgram(t)
	p.configureToken()
	t.Setenv("ANAPLAN_AGENT_TEST_CRASH", "yes")
	agent := p.serve()
	p.run(1, []string{"token"}, "the PKCS#11 module or the smart card library crashed", "it took only the signer process with it")
	p.run(0, []string{"stop"})
	agent.wait()
	p.run(1, []string{"token"}, "error: the PKCS#11 module crashed, and took this program with it", "hint: try again")
	t.Setenv("ANAPLAN_AGENT_TEST_CRASH", "exit")
	p.run(1, []string{"token"}, "error: the PKCS#11 module ended this program", "hint: try again")
}

// TestBadEndingsOnWindows: what was wanted of a module is delivered, however badly it ends; also where
// it is an agent's.
func TestBadEndingsOnWindows(t *testing.T) {
	for order, want := range map[string]string{
		"close": "crashed while it closed", "close-exit": "crashed while it closed", "close-heap": "crashed while it closed",
		"close-hang": "did not close within 2s", "unload": "",
	} {
		t.Run(order, func(t *testing.T) {
			p := newProgram(t)
			p.configureToken()
			t.Setenv("ANAPLAN_AGENT_TEST_CRASH", order)
			for _, args := range [][]string{{"token"}, {"whoami"}, {"keys"}, {"exec", "--", p.path, "version"}} {
				command := p.command(args...)
				var out, said bytes.Buffer
				command.Stdout, command.Stderr = &out, &said
				command.WaitDelay = 10 * time.Second
				err := command.Run()
				warnings := strings.Count(said.String(), "warning: the PKCS#11 module")
				isWarned := want == "" && warnings == 0 || want != "" && warnings == 1 && strings.Contains(said.String(), want)
				if args[0] == "exec" && (order == "close-exit" || order == "close-heap") { // before its program begins
					if exitCode(err) != 1 || out.Len() != 0 || !strings.Contains(said.String(), "error: the PKCS#11 module") {
						t.Errorf("%s: %v, stdout %q\n%s", args, err, &out, &said)
					}
					continue
				}
				if exitCode(err) != 0 || out.Len() == 0 || !isWarned {
					t.Errorf("%s: %v, %d warnings, stdout %q\n%s", args, err, warnings, &out, &said)
				}
			}
			p.useAgent()
		})
	}
}
