package console

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadSecret(t *testing.T) {
	long := strings.Repeat("9", MaxSecret)
	if pin, err := ReadSecret(strings.NewReader(long), "x"); err != nil || string(pin) != long {
		t.Errorf("%d bytes: %v", MaxSecret, err)
	}
	if pin, err := ReadSecret(strings.NewReader(long+"9"), "x"); pin != nil || err == nil || strings.Contains(err.Error(), "9999") {
		t.Errorf("%d bytes: %v", MaxSecret+1, err)
	}
	broken := io.MultiReader(strings.NewReader("12"), iotestErr{})
	if pin, err := ReadSecret(broken, "x"); pin != nil || err == nil {
		t.Errorf("a broken pipe: %q, %v", pin, err)
	}
}

// iotestErr is a reader that fails.
type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errors.New("input/output error") }
