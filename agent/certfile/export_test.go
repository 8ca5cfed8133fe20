package certfile

// KeysWithin is Keys with another limit of rounds.
var KeysWithin = keys

// RC2 deciphers a block.
func RC2(key, block []byte) []byte {
	out := make([]byte, len(block))
	c, _ := newRC2(key)
	c.Decrypt(out, block)
	return out
}
