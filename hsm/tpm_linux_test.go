//go:build cgo

package hsm_test

import (
	"os"
	"path/filepath"
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

// TestTPMAway: what does not say why it does not start is asked about.
func TestTPMAway(t *testing.T) {
	module := hsmtest.TPM(t)
	t.Setenv("TPM2_PKCS11_STORE", t.TempDir())
	t.Setenv("TPM2_PKCS11_TCTI", "swtpm:host=127.0.0.1,port=1")
	t.Setenv("TSS2_LOG", "all+NONE")
	_, err := hsm.List(t.Context(), uri.URI{}.With("module-path", module), hsm.Options{})
	wantError(t, "List", err, hsm.ErrModule, "may this user use the TPM (/dev/tpmrm0; group tss)")
}
