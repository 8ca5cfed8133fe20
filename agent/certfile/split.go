package certfile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
)

// Bounds of what is read. The largest bundles of real CAs have a few dozen certificates.
const (
	maxSize  = 1 << 20
	maxCount = 100
)

// piece is one thing of a file.
type piece struct {
	kind  kind
	der   []byte     // nil if it is not ASN.1
	raw   []byte     // the same with the lengths that were written, over which a CA's signature is
	block *pem.Block // of legacyPEM
}

// split takes a file apart, whatever it is wrapped in.
func split(data []byte) ([]piece, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%w: more than 1 MiB; give a file of certificates or keys only", ErrTooLarge)
	}
	text := textOf(data)
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("it is empty: get it again")
	case isBinary(data):
		return splitBinary(data)
	}
	pieces, err := splitText(text)
	if err != nil || len(pieces) == 0 {
		if again, failed := splitText(pasted(text)); failed == nil && len(again) > 0 {
			return again, nil
		}
	}
	if err == nil && len(pieces) == 0 {
		pieces = []piece{{kind: kindOfOther(data), der: data}}
	}
	return pieces, err
}

// splitText takes PEM apart, and base64, which holds DER; or PEM, as Kubernetes and the Authorization
// header of Anaplan have it. What is neither gives nothing.
func splitText(text string) ([]piece, error) {
	if strings.Contains(text, "-----BEGIN ") {
		return splitPEM(text)
	}
	inner, ok := decodeHex(text)
	if !ok {
		inner, ok = decodeBase64(text)
	}
	switch text := textOf(inner); {
	case !ok:
	case isBinary(inner):
		return splitBinary(inner)
	case strings.Contains(text, "-----BEGIN "):
		return splitPEM(text)
	}
	return nil, nil
}

// splitDER returns the elements that stand one after the other, as DER. What follows the last one
// and does not begin like another is passed over: some tools pad, and some leave rubbish behind.
func splitDER(data []byte) ([]piece, error) {
	var all []piece
	for padded := false; len(data) > 0 && (len(all) == 0 || data[0] == 0x30); {
		der, rest, err := ber.DER(data)
		if err != nil && padded {
			break
		}
		if err != nil {
			return nil, err
		}
		raw, _, err := ber.Definite(data)
		if err != nil {
			return nil, err
		}
		all = append(all, piece{kind: kindOf(der), der: der, raw: raw})
		data = bytes.TrimLeft(rest, "\x00")
		padded = len(data) < len(rest)
	}
	return all, nil
}

// isBinary reports whether data begins like a DER or BER sequence of more than 127 bytes or of
// unknown length, which no text does, or is a shorter one.
func isBinary(data []byte) bool {
	return len(data) > 2 && data[0] == 0x30 && (data[1] >= 0x80 || int(data[1]) == len(data)-2)
}

func splitBinary(data []byte) ([]piece, error) {
	pieces, err := splitDER(data)
	switch {
	case errors.Is(err, ber.ErrCut):
		return nil, damaged("its end is missing")
	case err != nil:
		return nil, damaged("it begins like a certificate or key, but is not one")
	}
	return pieces, nil
}

// armour matches the lines around a block, whatever stands before and after them in their line:
// pasting into forms and mails loses line ends.
var armour = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[ \t]*-----(BEGIN|END) ([A-Z0-9 .#]+)-----[ \t]*\n?`)
})

// splitPEM reads the blocks one by one, so that a damaged one is noticed: encoding/pem would pass
// over it.
func splitPEM(text string) ([]piece, error) {
	text = armour().ReplaceAllString(text, "\n-----$1 $2-----\n")
	var pieces []piece
	segments := strings.Split(text, "\n-----BEGIN ")[1:]
	if len(segments) > 10*maxCount {
		return nil, tooMany("blocks")
	}
	for i, segment := range segments {
		label, _, _ := strings.Cut(segment, "-----")
		found, err := piecesOf("-----BEGIN " + segment)
		if err != nil && isOurs(label) {
			return nil, fmt.Errorf("%w: block %d of %d (%.40s) is cut short or has wrong characters; get it again", ErrDamaged, i+1, len(segments), label)
		}
		pieces = append(pieces, found...)
	}
	return pieces, nil
}

// isOurs reports whether a block with that label should be readable.
func isOurs(label string) bool {
	within := func(word string) bool { return strings.Contains(label, word) }
	return slices.ContainsFunc([]string{"CERTIFICATE", "PKCS", "CMS"}, within) || strings.HasSuffix(label, "PRIVATE KEY")
}

// piecesOf returns what is in a block: several things if somebody made one block of several
// certificates.
func piecesOf(segment string) ([]piece, error) {
	block, _ := pem.Decode([]byte(segment))
	switch {
	case block == nil:
		return nil, ber.ErrNotASN1
	case block.Headers["DEK-Info"] != "":
		return []piece{{kind: legacyPEM, block: block}}, nil
	case kindOfOther(block.Bytes) == openSSH:
		return []piece{{kind: openSSH, der: block.Bytes}}, nil
	}
	return splitDER(block.Bytes)
}

// textOf returns data as text without byte order marks, blanks at the ends of lines, and carriage
// returns.
func textOf(data []byte) string {
	if decoded, err := textfile.Decode(data); err == nil { // else there is nothing of ours in it
		data = decoded
	}
	text := string(data)
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

// decodeBase64 decodes text that is base64 and nothing else. What is shorter than any key may be
// a word.
func decodeBase64(text string) ([]byte, bool) {
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
	if len(text) < 100 {
		return nil, false
	}
	data, err := base64.RawStdEncoding.DecodeString(text)
	return data, err == nil
}

// decodeHex decodes a sequence of DER that is written in hexadecimal, with colons and the like.
func decodeHex(text string) ([]byte, bool) {
	text = strings.NewReplacer(":", "", " ", "", "\n", "", "\t", "", ",", "", `\x`, "", "0x", "").Replace(text)
	if len(text) < 100 || !strings.HasPrefix(text, "30") {
		return nil, false
	}
	data, err := hex.DecodeString(text)
	return data, err == nil
}

func tooMany(what string) error {
	return fmt.Errorf("%w: more than %d %s; give a file with your own only", ErrTooLarge, maxCount, what)
}
