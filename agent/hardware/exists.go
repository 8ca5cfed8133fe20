package hardware

// KeyExistsError is ErrKeyExists with what is there.
type KeyExistsError struct {
	Address string // that means the key, ready to copy
	Text    string // says more of it

	// OnlyOne: the device gives each key the same names, so that no address would mean a second one.
	OnlyOne bool
}

func (e *KeyExistsError) Error() string { return ErrKeyExists.Error() + ": " + e.Text }

// Unwrap returns ErrKeyExists.
func (e *KeyExistsError) Unwrap() error { return ErrKeyExists }
