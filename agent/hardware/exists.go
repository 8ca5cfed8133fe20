package hardware

// KeyExistsError is ErrKeyExists with what is there.
type KeyExistsError struct {
	Address string // that means the key, ready to copy
	Text    string // says more of it
}

func (e *KeyExistsError) Error() string { return ErrKeyExists.Error() + ": " + e.Text }

// Unwrap returns ErrKeyExists.
func (e *KeyExistsError) Unwrap() error { return ErrKeyExists }
