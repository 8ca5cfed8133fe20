package enroll

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
)

// firefox is a file that takes some tenths of a second to open, and its password.
func firefox(t *testing.T) (data, password []byte) {
	t.Helper()
	data, err := os.ReadFile("../../../../agent/certfile/testdata/firefox.p12")
	if err != nil {
		t.Fatal(err)
	}
	return data, []byte("correct horse")
}

// Nothing of what opened the file stays.
func TestOpenKeysClears(t *testing.T) {
	data, password := firefox(t)
	bundle, err := openKeys(t.Context(), data, func() ([]byte, error) { return password, nil })
	if err != nil || len(bundle.Keys) != 1 {
		t.Fatalf("%d keys, error %v", len(bundle.Keys), err)
	}
	for name, secret := range map[string][]byte{"file": data, "password": password} {
		if !bytes.Equal(secret, make([]byte, len(secret))) {
			t.Errorf("the %s is still there", name)
		}
	}
}

// Who interrupts is not kept waiting for what a file asks for, and not asked any more.
func TestOpenKeysInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	data, _ := firefox(t)
	if _, err := openKeys(ctx, data, func() ([]byte, error) { panic("asked") }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
