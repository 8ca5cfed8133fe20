package console

import (
	"fmt"
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
)

// MaxInput bounds what is read from a file or standard input, in bytes: payloads, tokens,
// certificates, configuration. A wrong file, or a device, gives an error instead of filling the
// memory. A bundle of all of a system's CAs, the largest that makes sense, has some 200 kB.
const MaxInput = 4 << 20

// ReadInput reads a file, or standard input for "-". Errors name the file, as those
// of package os do.
func ReadInput(path string) ([]byte, error) {
	if path == "-" {
		return readBounded(os.Stdin, inputName(path))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file, path)
}

// ReadText is ReadInput for a text, or a file that may be text: what Windows PowerShell's > has
// written is read as well.
func ReadText(path string) ([]byte, error) {
	data, err := ReadInput(path)
	if err != nil {
		return nil, err
	}
	text, err := textfile.Decode(data)
	if err != nil {
		clear(data)
		return nil, fmt.Errorf("%s: %w", inputName(path), err)
	}
	if textfile.IsUTF16(data) {
		clear(data) // it may be a key
	}
	return text, nil
}

// inputName names an input for a person.
func inputName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
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
