package console

import (
	"fmt"
	"io"
	"os"
)

// MaxInput bounds what is read from a file or standard input, in bytes: payloads, tokens,
// certificates, configuration. A wrong file, or a device, gives an error instead of filling the
// memory. A bundle of all of a system's CAs, the largest that makes sense, has some 200 kB.
const MaxInput = 4 << 20

// ReadInput reads a file, or standard input for "-". Errors name the file, as those
// of package os do.
func ReadInput(path string) ([]byte, error) {
	if path == "-" {
		return readBounded(os.Stdin, "standard input")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file, path)
}

// readBounded reads to the end, or fails with name in the error.
func readBounded(from io.Reader, name string) ([]byte, error) {
	// One byte more than allowed tells too much from just enough.
	data, err := io.ReadAll(io.LimitReader(from, MaxInput+1))
	if err == nil && len(data) > MaxInput {
		return nil, fmt.Errorf("%s has more than %d bytes", name, MaxInput)
	}
	return data, err
}
