//go:build cgo

package hsm_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// TestTPMWithoutStore: the module would make an empty store in the home directory.
func TestTPMWithoutStore(t *testing.T) {
	module, home := hsmtest.TPM(t), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("TPM2_PKCS11_STORE", "")
	_, err := hsm.List(t.Context(), uri.URI{}.With("module-path", module), hsm.Options{})
	wantError(t, "List", err, hsm.ErrModule, "tpm2_ptool init makes one")
	wantError(t, "List", err, nil, filepath.Join(home, ".tpm2_pkcs11"))
	if left, err := os.ReadDir(home); len(left) > 0 || err != nil {
		t.Errorf("there is %v, %v", left, err)
	}
}

// TestTPMStoreAway: the variable's value is what is wrong, and is not overlooked.
func TestTPMStoreAway(t *testing.T) {
	module, away := hsmtest.TPM(t), filepath.Join(t.TempDir(), "tpm store")
	t.Setenv("TPM2_PKCS11_STORE", away)
	_, err := hsm.List(t.Context(), uri.URI{}.With("module-path", module), hsm.Options{})
	wantError(t, "List", err, hsm.ErrModule, "TPM2_PKCS11_STORE is "+away+", and there is no such directory: ")
	wantError(t, "List", err, nil, "mkdir -p '"+away+"' && tpm2_ptool init, and tpm2_ptool addtoken")
}

// TestTPMStoreIsNone: what only looks makes no store where one is named that is not there, and says of a
// file that is something else what it is.
func TestTPMStoreIsNone(t *testing.T) {
	module, store := hsmtest.TPM(t), t.TempDir()
	t.Setenv("TPM2_PKCS11_STORE", store)
	address := uri.URI{}.With("module-path", module)
	_, err := hsm.List(t.Context(), address, hsm.Options{})
	wantError(t, "an empty directory", err, hsm.ErrModule, "TPM2_PKCS11_STORE is "+store+", and there is no tpm2_pkcs11.sqlite3 in it: ")
	if left, err := os.ReadDir(store); len(left) > 0 || err != nil {
		t.Errorf("there is %v, %v", left, err)
	}
	for _, text := range []string{"", "junk", "SQLite format 2\x00 and more"} {
		path := filepath.Join(store, "tpm2_pkcs11.sqlite3")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := hsm.List(t.Context(), address, hsm.Options{})
		wantError(t, text, err, hsm.ErrModule, path+", is not an SQLite database: put it back from a backup, or, if there is none, move it away, then tpm2_ptool init, ")
		if now, err := os.ReadFile(path); string(now) != text || err != nil {
			t.Errorf("%q has become %q, %v", text, now, err)
		}
	}
}

// p11KitProxy is where distributions have the module that brings in all others.
var p11KitProxy = []string{"/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so", "/usr/lib/aarch64-linux-gnu/p11-kit-proxy.so", "/usr/lib64/p11-kit-proxy.so"}

// TestTPMBroughtIn: nor does it make a store where another module brings it in, or has its name.
func TestTPMBroughtIn(t *testing.T) {
	module, link := hsmtest.TPM(t), filepath.Join(t.TempDir(), "other.so")
	if err := os.Symlink(module, link); err != nil {
		t.Fatal(err)
	}
	proxy := hsmtest.Library(t, "p11kit", p11KitProxy...)
	t.Setenv("TPM2_PKCS11_STORE", "") // to have it put back
	t.Setenv("TSS2_LOG", "all+NONE")
	named := t.TempDir()
	for path, store := range map[string]string{link: "", proxy: "", link + " ": named, proxy + " ": named} {
		path = strings.TrimSpace(path)
		if os.Unsetenv("TPM2_PKCS11_STORE"); store != "" { // an empty one is the working directory for some versions
			os.Setenv("TPM2_PKCS11_STORE", store)
		}
		home, temp := t.TempDir(), t.TempDir()
		t.Setenv("HOME", home)
		t.Setenv("TMPDIR", temp)
		_, err := hsm.List(t.Context(), uri.URI{}.With("module-path", path), hsm.Options{})
		t.Logf("%s: %v", path, err) // the machine may have tokens
		if os.Getenv("TPM2_PKCS11_STORE") != store {
			t.Errorf("%s: the store is %q, want %q", path, os.Getenv("TPM2_PKCS11_STORE"), store)
		}
		for _, store := range []string{filepath.Join(home, ".tpm2_pkcs11"), filepath.Join(temp, "anaplan-agent-*"), filepath.Join(named, "*")} {
			if left, err := filepath.Glob(store); len(left) > 0 || err != nil {
				t.Errorf("%s: there is %v, %v", path, left, err)
			}
		}
	}
}

// TestTPMBroughtInToWrite: nor where crypto11 starts the module that brings it in.
func TestTPMBroughtInToWrite(t *testing.T) {
	hsmtest.TPM(t)
	proxy := hsmtest.Library(t, "p11kit", p11KitProxy...)
	token := hsmtest.NewToken(t)
	t.Setenv("TPM2_PKCS11_STORE", "") // to have it put back
	t.Setenv("TSS2_LOG", "all+NONE")
	os.Unsetenv("TPM2_PKCS11_STORE")
	home := t.TempDir()
	t.Setenv("HOME", home)
	address := uri.URI{}.With("token", "test").With("object", "new").With("module-path", proxy)
	if _, err := hsm.Generate(t.Context(), address, hsm.KeySpec{Bits: 2048}, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(home, ".tpm2_pkcs11")); err == nil {
		t.Error("there is a store in the home directory")
	}
}

// TestTPMAway: what does not say why it does not start is asked about.
func TestTPMAway(t *testing.T) {
	token := hsmtest.NewTPMToken(t)
	t.Setenv("TPM2_PKCS11_TCTI", "swtpm:host=127.0.0.1,port=1")
	_, err := hsm.List(t.Context(), token.Address(t), hsm.Options{})
	wantError(t, "List", err, hsm.ErrModule, "may this user use the TPM (/dev/tpmrm0; group tss)")
}

// TestTPMCleared: keys that the TPM cannot load, since it was cleared or is another one, are told as that,
// with what to do.
func TestTPMCleared(t *testing.T) {
	for name, change := range map[string]func(testing.TB){"cleared": hsmtest.ClearTPM, "another": hsmtest.ForeignTPM} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewTPMToken(t)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			enroll(t, token.Address(t, ";object=login"), options)
			change(t)
			_, err := hsm.Open(t.Context(), token.Address(t, ";object=login"), options)
			wantError(t, "Open", err, nil, "a TPM that was cleared, or is another one than this store was made with")
			wantError(t, "Open", err, nil, "move the store away ("+os.Getenv("TPM2_PKCS11_STORE")+"), then tpm2_ptool init, tpm2_ptool addtoken")
			_, err = hsm.Generate(t.Context(), token.Address(t, ";object=other"), hsm.KeySpec{Bits: 2048}, options)
			wantError(t, "Generate", err, nil, "a TPM that was cleared")
		})
	}
}

// TestTPMLongKey: the TPM tells how long its keys are at most.
func TestTPMLongKey(t *testing.T) {
	token := hsmtest.NewTPMToken(t)
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	_, err := hsm.Generate(t.Context(), token.Address(t, ";object=long"), hsm.KeySpec{Bits: 4096}, options)
	refused, ok := errors.AsType[*hsm.RefusalError](err)
	if !ok || !refused.Shorter || refused.Longest != 3072 {
		t.Fatalf("%+v, %v", refused, err)
	}
	if _, err := hsm.Generate(t.Context(), token.Address(t, ";object=long"), hsm.KeySpec{Bits: refused.Longest}, options); err != nil {
		t.Error(err)
	}
}
