package pivtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"
	"testing"
)

// factoryHex is the factory's management key.
const factoryHex = "010203040506070801020304050607080102030405060708"

// blockOf returns a cipher, as a host makes it.
func blockOf(t testing.TB, algorithm byte, key []byte) cipher.Block {
	t.Helper()
	make := aes.NewCipher
	if algorithm == alg3DES {
		make = des.NewTripleDESCipher
	}
	block, err := make(key)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// mutual proves the management key, has the card prove it, and returns the status word.
func mutual(t testing.TB, c *Card, algorithm byte, key []byte) string {
	t.Helper()
	block := blockOf(t, algorithm, key)
	header := fmt.Sprintf("0087%02X9B", algorithm)
	witness, status := askLong(t, c, header, unhex(t, "7C028000"))
	if status != "9000" {
		return status
	}
	size := block.BlockSize()
	if len(witness) != 4+size || !bytes.HasPrefix(witness, []byte{0x7C, byte(size + 2), 0x80, byte(size)}) {
		t.Fatalf("witness %X", witness)
	}
	plain, challenge, want := make([]byte, size), bytes.Repeat([]byte{0x5A}, size), make([]byte, size)
	block.Decrypt(plain, witness[4:])
	block.Encrypt(want, challenge)
	answer, status := askLong(t, c, header, tlv(0x7C, tlv(0x80, plain), tlv(0x81, challenge), tlv(0x82)))
	if status == "9000" && !bytes.Equal(answer, tlv(0x7C, tlv(0x82, want))) {
		t.Errorf("the card proves %X", answer)
	}
	return status
}

// single proves the management key, and returns the status word.
func single(t testing.TB, c *Card, algorithm byte, key []byte) string {
	t.Helper()
	block := blockOf(t, algorithm, key)
	header := fmt.Sprintf("0087%02X9B", algorithm)
	challenge, status := askLong(t, c, header, unhex(t, "7C028100"))
	if status != "9000" {
		return status
	}
	response := make([]byte, block.BlockSize())
	block.Encrypt(response, challenge[4:])
	_, status = askLong(t, c, header, tlv(0x7C, tlv(0x82, response)))
	return status
}

// manage proves the factory's management key.
func manage(t testing.TB, c *Card) {
	t.Helper()
	algorithm := byte(alg3DES)
	if c.chip.piv.firmware.since(5, 7) {
		algorithm = algAES192
	}
	if status := mutual(t, c, algorithm, factoryKey); status != "9000" {
		t.Fatalf("the management key: %s", status)
	}
}

// mayWrite tells whether the card takes an object.
func mayWrite(t *testing.T, c *Card) bool {
	t.Helper()
	_, status := ask(t, c, "00DB3FFF 09 5C035FC102 5302AABB")
	return status == "9000"
}

func TestAuthenticateManagementKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options   Options
		algorithm byte
		key       []byte
	}{
		"as sold":           {Options{}, alg3DES, factoryKey},
		"as sold since 5.7": {Options{Firmware: "5.7.1"}, algAES192, factoryKey},
		"3DES on 5.7":       {Options{Firmware: "5.7.1", ManagementAlgorithm: alg3DES}, alg3DES, factoryKey},
		"3DES under 0":      {Options{Firmware: "4.3.5"}, 0, factoryKey},
		"AES of 128 bits":   {Options{ManagementAlgorithm: algAES128, ManagementKey: factoryKey[:16]}, algAES128, factoryKey[:16]},
		"AES of 256 bits":   {Options{ManagementAlgorithm: algAES256, ManagementKey: make([]byte, 32)}, algAES256, make([]byte, 32)},
		"another 3DES key":  {Options{ManagementKey: unhex(t, factoryHex[:46]+"FE")}, alg3DES, unhex(t, factoryHex[:46]+"FE")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cipher := max(test.algorithm, alg3DES) // 0 is 3DES too
			for how, prove := range map[string]func(testing.TB, *Card, byte, []byte) string{"single": single, "mutual": mutual} {
				c := newTestCard(t, test.options)
				if mayWrite(t, c) {
					t.Error("an object without the key")
				}
				if status := prove(t, c, cipher, bytes.Repeat([]byte{0x77}, len(test.key))); status != "6982" || mayWrite(t, c) {
					t.Errorf("%s, another key: %s", how, status)
				}
				if status := prove(t, c, cipher, test.key); status != "9000" || !mayWrite(t, c) {
					t.Errorf("%s: %s", how, status)
				}
			}
		})
	}
}

// A step is good once, and only after its first half.
func TestAuthenticateManagementKeySteps(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	play(t, c,
		step{"0087039B 0E 7C0C 8008 0000000000000000 8100", "..."},
		step{"0087039B 0C 7C0A 8208 0000000000000000", "6982"},
		step{"00870A9B 04 7C028000", "6A86"}, // another algorithm
		step{"0087039B 04 7C028300", "6A80"},
		step{"0087039B 02 7C00", "6A80"},
		step{"0087039B 02 8000", "6A80"},
		step{"0087039B", "6A80"},
	)
	// The answer to a challenge, sent again.
	block := blockOf(t, alg3DES, factoryKey)
	challenge, _ := ask(t, c, "0087039B 04 7C028100")
	response := make([]byte, 8)
	block.Encrypt(response, challenge[4:])
	again := fmt.Sprintf("0087039B 0C 7C0A8208%X", response)
	play(t, c, step{again, "9000"}, step{again, "6982"})
	if mayWrite(t, c) {
		t.Error("a refused proof leaves the card open")
	}
}

func TestSetManagementKey(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	aes256 := bytes.Repeat([]byte{0x21}, 32)
	set := fmt.Sprintf("00FFFFFF 23 0C9B20%X", aes256)
	play(t, c, step{set, "6982"})
	manage(t, c)
	play(t, c,
		step{"00FFFFFC 1B 039B18" + factoryHex, "6A86"},
		step{"00FF00FF 1B 039B18" + factoryHex, "6A86"},
		step{"00FFFFFF 1B 0A9A18" + factoryHex, "6A80"}, // another reference
		step{"00FFFFFF 1B 0C9B18" + factoryHex, "6A80"}, // too short for AES-256
		step{"00FFFFFF 1A 039B18" + factoryHex[2:], "6A80"},
		step{"00FFFFFF 02 039B", "6A80"},
		step{set, "9000"},
	)
	if status := mutual(t, c, algAES256, aes256); status != "9000" {
		t.Errorf("the new key: %s", status)
	}
	old := newTestCard(t, Options{Firmware: "4.3.5"})
	manage(t, old)
	play(t, old, step{set, "6A80"}, step{"00FFFFFF 1B 039B18" + factoryHex, "9000"})
}

// A management key may want a touch.
func TestManagementKeyTouch(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	manage(t, c)
	play(t, c, step{"00FFFFFE 1B 039B18" + factoryHex, "9000"})
	touched := false
	c.OnTouch(func() bool { return touched })
	if status := mutual(t, c, alg3DES, factoryKey); status != "6982" || mayWrite(t, c) {
		t.Errorf("without a touch: %s", status)
	}
	touched = true
	manage(t, c)
	data, _ := ask(t, c, "00F7009B")
	if got, want := fmt.Sprintf("%X", data), "010103"+"02020002"+"050101"; got != want {
		t.Errorf("metadata %s, want %s", got, want)
	}
}
