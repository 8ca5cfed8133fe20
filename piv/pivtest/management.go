package pivtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
	"fmt"
	"slices"
)

// Algorithms of management keys (SP 800-78-4 table 6-2).
const (
	alg3DES   = 0x03
	algAES128 = 0x08
	algAES192 = 0x0A
	algAES256 = 0x0C
)

// managementKeySlot is its key reference.
const managementKeySlot = 0x9B

// managementKey is what writing to the card takes: making keys, certificates and all other
// objects. There is no counter of wrong ones, so that clients may try the factory's.
type managementKey struct {
	algorithm byte
	value     []byte
	touch     bool
}

// factoryKey is the value that YubiKeys are sold with.
var factoryKey = bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)

// factoryManagementKey is the same value on all firmware, for another cipher since 5.7:
// clients that always take 3DES fail there. Other makers have stayed with 3DES.
func factoryManagementKey(firmware version, maker Maker) managementKey {
	if firmware.since(5, 7) && maker == Yubico {
		return managementKey{algorithm: algAES192, value: factoryKey}
	}
	return managementKey{algorithm: alg3DES, value: factoryKey}
}

// cipher returns the key's block cipher.
func (m managementKey) cipher() (cipher.Block, error) {
	if want := managementKeySize(m.algorithm); want == 0 || len(m.value) != want {
		return nil, fmt.Errorf("a management key of algorithm %02X has not %d bytes", m.algorithm, len(m.value))
	}
	if m.algorithm == alg3DES {
		return des.NewTripleDESCipher(m.value)
	}
	return aes.NewCipher(m.value)
}

// managementKeySize returns the length of a key in bytes; 0 for unknown algorithms.
func managementKeySize(algorithm byte) int {
	return map[byte]int{alg3DES: 24, algAES128: 16, algAES192: 24, algAES256: 32}[algorithm]
}

// manager is who has proved the management key, if anybody.
type manager struct {
	firmware  version
	wrong     uint16 // answer to a wrong key
	sensor    *sensor
	key       managementKey
	proved    bool
	challenge []byte // that the card has given, and that is still to be answered
}

// authenticate is GENERAL AUTHENTICATE with the management key (SP 800-73-4
// part 2 section 3.2.4 and appendix A.1): the card's challenge answered by the host,
// or a witness of the card that the host decrypts, and a challenge of its own.
func (m *manager) authenticate(algorithm byte, template map[byte][]byte) ([]byte, uint16) {
	if algorithm == 0 {
		algorithm = alg3DES
	}
	block, err := m.key.cipher()
	if err != nil || algorithm != m.key.algorithm {
		return nil, swWrongParameters
	}
	witness, hasWitness := template[tagWitness]
	challenge, hasChallenge := template[tagChallenge]
	response, hasResponse := template[tagResponse]
	switch {
	case hasWitness && len(witness) == 0:
		return m.giveWitness(block), swOK
	case hasChallenge && len(challenge) == 0:
		return m.giveChallenge(block), swOK
	case hasWitness && hasChallenge:
		return m.checkWitness(block, witness, challenge)
	case hasResponse:
		return nil, m.checkResponse(response)
	}
	return nil, swWrongData
}

// giveWitness gives the host something to decrypt. Each new one makes the last worthless,
// and so does each answer: what was recorded on the way proves nothing.
func (m *manager) giveWitness(block cipher.Block) []byte {
	m.challenge = randomBytes(block.BlockSize())
	encrypted := make([]byte, block.BlockSize())
	block.Encrypt(encrypted, m.challenge)
	return tlv(0x7C, tlv(tagWitness, encrypted))
}

// giveChallenge gives the host something to encrypt.
func (m *manager) giveChallenge(block cipher.Block) []byte {
	given := randomBytes(block.BlockSize())
	m.challenge = make([]byte, block.BlockSize())
	block.Encrypt(m.challenge, given)
	return tlv(0x7C, tlv(tagChallenge, given))
}

// checkWitness checks what the host has decrypted, and encrypts what it sent along, by
// which the host sees that the card has the key too.
func (m *manager) checkWitness(block cipher.Block, witness, challenge []byte) ([]byte, uint16) {
	if len(challenge) != block.BlockSize() {
		return nil, swWrongData
	}
	if sw := m.checkResponse(witness); sw != swOK {
		return nil, sw
	}
	encrypted := make([]byte, block.BlockSize())
	block.Encrypt(encrypted, challenge)
	return tlv(0x7C, tlv(tagResponse, encrypted)), swOK
}

// checkResponse compares with what was to come, once. A host that was let in before is
// out while it proves itself again: a key with a touch policy would otherwise be touched
// once for all.
func (m *manager) checkResponse(response []byte) uint16 {
	expected := m.challenge
	m.challenge, m.proved = nil, false
	if expected == nil || !bytes.Equal(response, expected) {
		return orElse(m.wrong, swSecurityStatus)
	}
	if m.key.touch && !m.sensor.touch() {
		return swSecurityStatus
	}
	m.proved = true
	return swOK
}

// set is SET MANAGEMENT KEY: algorithm, 9B, length, key, with FE in P2 for a
// touch. AES came with 5.4. The session stays open: a client that fails right after still
// may put the old key back.
func (m *manager) set(a apdu) uint16 {
	switch {
	case !m.proved:
		return swSecurityStatus
	case a.p1 != 0xFF || a.p2 != 0xFF && a.p2 != 0xFE:
		return swWrongParameters
	case len(a.data) < 3 || a.data[1] != managementKeySlot || int(a.data[2]) != len(a.data)-3:
		return swWrongData
	case a.data[0] != alg3DES && !m.firmware.since(5, 4):
		return swWrongData
	}
	key := managementKey{algorithm: a.data[0], value: slices.Clone(a.data[3:]), touch: a.p2 == 0xFE}
	if _, err := key.cipher(); err != nil {
		return swWrongData
	}
	m.key = key
	return swOK
}

// randomBytes are for challenges and serial numbers of certificates.
func randomBytes(size int) []byte {
	data := make([]byte, size)
	rand.Read(data) // never fails
	return data
}
