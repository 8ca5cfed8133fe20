//go:build cgo || windows

package piv

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
	"errors"
	"fmt"
)

// piv-go proves the management key in each of its own writes, and lets nobody else make
// use of it. For commands that it does not have the key is proved here.

// The elements of an authentication (NIST SP 800-73-4 part 2, table 7).
const (
	tagAuthentication = 0x7c
	tagWitness        = 0x80
	tagChallenge      = 0x81
	tagResponse       = 0x82
)

// errNotTheCard: the card does not know its own management key.
var errNotTheCard = errors.New("the card has not proved that it has the key")

// authenticate has card and host prove the management key to each other (NIST SP 800-73-4
// part 2, appendix A.1): the host decrypts a witness of the card's, the card encrypts a
// challenge of the host's. Its errors read as piv-go's, which writer.inWords knows.
func (r *rawCard) authenticate(m management, key []byte) error {
	if err := r.prove(m, key); err != nil {
		return fmt.Errorf("authenticating with management key: %w", err)
	}
	return nil
}

// prove is authenticate without words.
func (r *rawCard) prove(m management, key []byte) error {
	block, err := m.cipher(key)
	if err != nil {
		return err
	}
	witness, err := r.ask(m, block, tagWitness, asElement(tagWitness, nil))
	if err != nil {
		return err
	}
	block.Decrypt(witness, witness)
	challenge := make([]byte, block.BlockSize())
	rand.Read(challenge)
	response, err := r.ask(m, block, tagResponse, append(asElement(tagWitness, witness), asElement(tagChallenge, challenge)...))
	if err != nil {
		return err
	}
	block.Encrypt(challenge, challenge)
	if !bytes.Equal(response, challenge) {
		return errNotTheCard
	}
	return nil
}

// ask sends a part of an authentication, and returns one block of the answer.
func (r *rawCard) ask(m management, block cipher.Block, wanted byte, data []byte) ([]byte, error) {
	answer, err := r.command(0x87, m.algorithm, referenceManagement, asElement(tagAuthentication, data))
	if err != nil {
		return nil, err
	}
	inner, _ := element(answer, tagAuthentication)
	value, _ := element(inner, wanted)
	if len(value) != block.BlockSize() {
		return nil, errNotTheCard
	}
	return value, nil
}

func (m management) cipher(key []byte) (cipher.Block, error) {
	if err := m.fits(key); err != nil {
		return nil, err
	}
	if m.algorithm == algorithm3DES {
		return des.NewTripleDESCipher(key)
	}
	return aes.NewCipher(key)
}

// asElement encodes an element of up to 127 bytes, which all here are.
func asElement(tag byte, value []byte) []byte {
	return append([]byte{tag, byte(len(value))}, value...)
}
