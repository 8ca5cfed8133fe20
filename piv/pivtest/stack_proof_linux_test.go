package pivtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Programs that nobody here wrote use the card: that is the proof that it is one,
// and not a mirror of package piv. Each does what it can, on each firmware.

// firmwares are those that the programs are tried with.
var firmwares = []string{"4.3.5", "5.4.3", "5.7.1"}

// tripleDES is the algorithm of a management key (SP 800-78-4 table 6-2). Programs
// of before firmware 5.7 know no other.
const tripleDES = 0x03

// soldManagementKey is the factory's in hexadecimal, as programs take it.
const soldManagementKey = "010203040506070801020304050607080102030405060708"

// openSCManagementKey is the same as OpenSC takes it, in a file.
const openSCManagementKey = "01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08"

// bench is a card in a reader, and a directory for files.
type bench struct {
	stack     *Stack
	card      *Card
	directory string
}

// onEachFirmware runs a test on a card of each firmware.
func onEachFirmware(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Parallel()
	for _, firmware := range firmwares {
		t.Run(firmware, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, Options{Firmware: firmware, ManagementAlgorithm: tripleDES}))
		})
	}
}

// newBench makes a card and inserts it. The management key is the factory's.
func newBench(t *testing.T, options Options) *bench {
	t.Helper()
	card, err := NewCard(options)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{stack: NewStack(t), card: card, directory: t.TempDir()}
	b.stack.Insert(0, card)
	b.write(t, "message", message)
	b.write(t, "management.hex", []byte(openSCManagementKey))
	return b
}

// command prepares a program that uses the card, in the bench's directory.
func (b *bench) command(name string, arguments ...string) *exec.Cmd {
	command := exec.Command(name, arguments...)
	command.Dir = b.directory
	// Neither the user's configuration nor his language.
	command.Env = append(b.stack.Env(), "HOME="+b.directory, "LC_ALL=C", "PIV_EXT_AUTH_KEY="+b.path("management.hex"))
	return command
}

// run runs a program that must succeed, and returns its standard output.
func (b *bench) run(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	var said bytes.Buffer
	command := b.command(name, arguments...)
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(arguments, " "), err, output, said.String())
	}
	return string(output)
}

// refused runs a program that must fail, and wants what it says to contain a text.
func (b *bench) refused(t *testing.T, want, name string, arguments ...string) {
	t.Helper()
	output, err := b.command(name, arguments...).CombinedOutput()
	if err == nil || !strings.Contains(string(output), want) {
		t.Errorf("%s %s: %v, it says %q, want %q", filepath.Base(name), strings.Join(arguments, " "), err, output, want)
	}
}

// path is that of a file in the bench's directory.
func (b *bench) path(name string) string { return filepath.Join(b.directory, name) }

// write writes a file in the bench's directory.
func (b *bench) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(b.path(name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// read reads one.
func (b *bench) read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(b.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// message is what the programs sign.
var message = []byte("what a program signs on a virtual card\n")

// wantSignature wants a signature of message by a public key: with SHA-512, or on a
// curve with SHA-256, for yubico-piv-tool takes no digest longer than the curve's.
func wantSignature(t *testing.T, public crypto.PublicKey, signature []byte) {
	t.Helper()
	switch key := public.(type) {
	case *rsa.PublicKey:
		digest := sha512.Sum512(message)
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA512, digest[:], signature); err != nil {
			t.Errorf("signature: %v", err)
		}
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		if !ecdsa.VerifyASN1(key, digest[:], signature) {
			t.Error("signature: it is not that key's")
		}
	default:
		t.Errorf("a key of type %T", public)
	}
}

// publicPEM reads a public key, behind whatever a program says before it.
func publicPEM(t *testing.T, text string) crypto.PublicKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM in %q", text)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certificatePEM reads a certificate.
func certificatePEM(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM in %q", text)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// certify issues a certificate for a public key, by a CA of the moment.
func certify(t *testing.T, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	ca, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "proof"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, ca)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// yubico runs yubico-piv-tool with the actions of a line of words.
func (b *bench) yubico(t *testing.T, line string) string {
	t.Helper()
	return b.run(t, "yubico-piv-tool", strings.Fields(line)...)
}

func TestYubicoPIVTool(t *testing.T) {
	Tool(t, "yubico", "yubico-piv-tool")
	onEachFirmware(t, func(t *testing.T, b *bench) {
		for _, slot := range []string{"9a", "9c"} {
			yubicoEnrolls(t, b, slot, "RSA2048")
		}
		yubicoEnrolls(t, b, "9d", "ECCP256")
		yubicoImports(t, b)
		status := b.yubico(t, "-a status")
		for _, want := range []string{"PIN tries left:\t3", "Slot 9a:", "Slot 9c:", "CN=proof"} {
			if !strings.Contains(status, want) {
				t.Errorf("status %q has no %q", status, want)
			}
		}
		yubicoChanges(t, b)
		yubicoResets(t, b)
	})
}

// yubicoEnrolls makes a key and a certificate in a slot, and uses them.
func yubicoEnrolls(t *testing.T, b *bench, slot, algorithm string) {
	t.Helper()
	public := publicPEM(t, b.yubico(t, fmt.Sprintf("-a generate -s %s -A %s", slot, algorithm)))
	certificate := certify(t, public)
	b.write(t, "certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
	b.yubico(t, fmt.Sprintf("-a import-certificate -s %s -i certificate", slot))
	if stored := certificatePEM(t, b.yubico(t, "-a read-certificate -s "+slot)); !stored.Equal(certificate) {
		t.Errorf("slot %s: it gives another certificate back", slot)
	}
	yubicoSigns(t, b, slot, algorithm, public)
	attested := certificatePEM(t, b.yubico(t, "-a attest -s "+slot))
	wantAttested(t, b, attested, public)
}

// yubicoSigns signs with a slot's key.
func yubicoSigns(t *testing.T, b *bench, slot, algorithm string, public crypto.PublicKey) {
	t.Helper()
	hash := "SHA512"
	if strings.HasPrefix(algorithm, "ECC") {
		hash = "SHA256"
	}
	b.yubico(t, fmt.Sprintf("-a verify-pin -P 123456 --sign -s %s -A %s -H %s -i message -o signature", slot, algorithm, hash))
	wantSignature(t, public, b.read(t, "signature"))
}

// wantAttested wants an attestation of a key that goes back to the root.
func wantAttested(t *testing.T, b *bench, attested *x509.Certificate, public crypto.PublicKey) {
	t.Helper()
	if key, ok := public.(interface{ Equal(crypto.PublicKey) bool }); !ok || !key.Equal(attested.PublicKey) {
		t.Error("another key is attested")
	}
	intermediate := certificatePEM(t, b.yubico(t, "-a read-certificate -s f9"))
	if err := attested.CheckSignatureFrom(intermediate); err != nil {
		t.Errorf("attestation: %v", err)
	}
	root, err := AttestationRoot()
	if err == nil {
		err = intermediate.CheckSignatureFrom(root)
	}
	if err != nil {
		t.Errorf("the card's attestation certificate: %v", err)
	}
}

// yubicoImports imports a key with policies.
func yubicoImports(t *testing.T, b *bench) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	b.yubico(t, "-a import-key -s 82 -i key --pin-policy never --touch-policy never")
	b.yubico(t, "-a version --sign -s 82 -A RSA2048 -H SHA512 -i message -o signature")
	wantSignature(t, &key.PublicKey, b.read(t, "signature"))
}

// yubicoChanges changes each secret, and uses the new one.
func yubicoChanges(t *testing.T, b *bench) {
	t.Helper()
	const newKey = "A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8"
	b.yubico(t, "-a set-mgm-key -n "+newKey)
	b.refused(t, "Failed authentication", "yubico-piv-tool", "-a", "set-chuid")
	b.yubico(t, "-k"+newKey+" -a set-chuid -a set-ccc")
	b.yubico(t, "-k"+newKey+" -a set-mgm-key -n "+soldManagementKey)

	b.yubico(t, "-a change-pin -P 123456 -N 654321")
	b.yubico(t, "-a verify-pin -P 654321")
	for _, left := range []string{"2 tries left", "1 tries left", "blocked"} {
		b.refused(t, left, "yubico-piv-tool", "-a", "verify-pin", "-P", "111111")
	}
	b.yubico(t, "-a unblock-pin -P 12345678 -N 123456")
	b.yubico(t, "-a change-puk -P 12345678 -N 87654321")
	// As YubiKeys do, it sets PIN and PUK back to the factory's.
	b.yubico(t, "-a verify-pin -P 123456 -a pin-retries --pin-retries 5 --puk-retries 4")
	b.refused(t, "4 tries left", "yubico-piv-tool", "-a", "verify-pin", "-P", "111111")
	b.yubico(t, "-a verify-pin -P 123456")
	b.yubico(t, "-a change-puk -P 12345678 -N 87654321")
}

// yubicoResets blocks PIN and PUK, which a reset wants, and resets.
func yubicoResets(t *testing.T, b *bench) {
	t.Helper()
	b.refused(t, "Reset failed", "yubico-piv-tool", "-a", "reset")
	for range 5 {
		b.command("yubico-piv-tool", "-a", "verify-pin", "-P", "111111").Run()
		b.command("yubico-piv-tool", "-a", "change-puk", "-P", "11111111", "-N", "22222222").Run()
	}
	b.yubico(t, "-a reset")
	b.yubico(t, "-a verify-pin -P 123456")
	b.refused(t, "Failed", "yubico-piv-tool", "-a", "read-certificate", "-s", "9a")
}

func TestOpenSC(t *testing.T) {
	Tool(t, "opensc", "piv-tool")
	onEachFirmware(t, openSCEnrolls)
}

// OpenSC is how this project serves the cards of other makers, which know none of
// Yubico's instructions.
func TestOpenSCOnAnotherMakersCard(t *testing.T) {
	t.Parallel()
	Tool(t, "opensc", "piv-tool")
	openSCEnrolls(t, newBench(t, Options{Maker: OtherMaker, ManagementAlgorithm: tripleDES}))
}

// openSCEnrolls makes keys and certificates in slots, and uses them as PKCS#11 has
// them.
func openSCEnrolls(t *testing.T, b *bench) {
	for _, slot := range []struct{ name, id string }{{"9A", "01"}, {"9C", "02"}} {
		public := openSCGenerates(t, b, slot.name)
		b.write(t, "certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certify(t, public).Raw}))
		// Its exit code is the certificate's length, which says nothing; the list does.
		b.command("piv-tool", "--admin", "M:9B:03", "--cert", slot.name, "--in", "certificate").Run()
		module := pkcs11{b, OpenSC(t)}
		if listed := module.run(t, "--list-objects", "--type", "cert", "--id", slot.id); !strings.Contains(listed, "CN=proof") {
			t.Errorf("slot %s: listed as %q", slot.name, listed)
		}
		module.signs(t, slot.id, public)
	}
	module := pkcs11{b, OpenSC(t)}
	b.refused(t, "CKR_PIN_INCORRECT", "pkcs11-tool", "--module", module.path, "--login", "--pin", "111111", "--list-objects")
	if left := b.card.PINTriesLeft(); left != 2 {
		t.Errorf("%d PIN tries left after a wrong one", left)
	}
	module.run(t, "--login", "--pin", "123456", "--change-pin", "--new-pin", "654321")
	module.run(t, "--login", "--pin", "654321", "--list-objects")
}

// openSCGenerates generates a key and returns the public one as the card has it:
// piv-tool 0.23, built with OpenSSL 3, cannot put together what the card answers and
// ends with an error on every card.
func openSCGenerates(t *testing.T, b *bench, slot string) crypto.PublicKey {
	t.Helper()
	output, err := b.command("piv-tool", "--admin", "M:9B:03", "--genkey", slot+":07", "--out", "public").CombinedOutput()
	number, _ := hex.DecodeString(slot)
	public := b.card.PublicKey(number[0])
	if public == nil {
		t.Fatalf("slot %s: no key was generated: %v\n%s", slot, err, output)
	}
	return public
}

// pkcs11 is a PKCS#11 module, used through pkcs11-tool.
type pkcs11 struct {
	*bench
	path string
}

func (p pkcs11) run(t *testing.T, arguments ...string) string {
	t.Helper()
	return p.bench.run(t, "pkcs11-tool", append([]string{"--module", p.path}, arguments...)...)
}

// signs signs as Anaplan wants it. A PIN that a slot wants each time is sent again.
func (p pkcs11) signs(t *testing.T, id string, public crypto.PublicKey) {
	t.Helper()
	p.run(t, "--login", "--pin", "123456", "--sign", "--id", id, "--mechanism", "SHA512-RSA-PKCS", "--input-file", "message", "--output-file", "signature")
	wantSignature(t, public, p.read(t, "signature"))
}

func TestYKCS11(t *testing.T) {
	Tool(t, "opensc", "pkcs11-tool")
	path := YKCS11(t)
	onEachFirmware(t, func(t *testing.T, b *bench) {
		module := pkcs11{b, path}
		if slots := module.run(t, "--list-token-slots"); !strings.Contains(slots, "YubiKey PIV #12345678") {
			t.Errorf("slots %q", slots)
		}
		for _, slot := range []struct {
			number byte
			id     string
		}{{0x9A, "01"}, {0x9C, "02"}} {
			module.run(t, "--login", "--login-type", "so", "--so-pin", soldManagementKey, "--keypairgen", "--key-type", "rsa:2048", "--id", slot.id)
			public := b.card.PublicKey(slot.number)
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				t.Fatal(err)
			}
			module.run(t, "--read-object", "--type", "pubkey", "--id", slot.id, "--output-file", "public")
			if !bytes.Equal(b.read(t, "public"), der) {
				t.Errorf("slot %02X: it gives another public key", slot.number)
			}
			module.signs(t, slot.id, public)
		}
		b.refused(t, "CKR_PIN_INCORRECT", "pkcs11-tool", "--module", path, "--login", "--pin", "111111", "--list-objects")
		module.run(t, "--login", "--pin", "123456", "--change-pin", "--new-pin", "654321")
		module.run(t, "--login", "--pin", "654321", "--list-objects")
	})
}
