package anaplantest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
)

// fuzzCA gives the fuzz tests something that parses.
func fuzzCA(f *testing.F) *CA {
	f.Helper()
	ca, err := NewCA()
	if err != nil {
		f.Fatal(err)
	}
	return ca
}

// A header that is taken holds a certificate which, sent back in either form, is
// the same again.
func FuzzHeader(f *testing.F) {
	ca := fuzzCA(f)
	encode := base64.StdEncoding.EncodeToString
	for _, seed := range []string{"", "=", "MII", encode(ca.PEM()), encode(ca.Certificate.Raw), encode([]byte(encode(ca.Certificate.Raw)))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		cert, refused := parseHeader(value)
		if refused != nil {
			return
		}
		for _, form := range [][]byte{cert.Raw, EncodePEM(cert)} {
			again, refused := parseHeader(encode(form))
			if refused != nil || !again.Equal(cert) {
				t.Errorf("the certificate does not come back: %v", refused)
			}
		}
	})
}

// A body that is taken has data and a signature, and its time can be checked.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"encodedData":"AAAA","encodedSignedData":"AAAA"}`,
		`{"encodedDataFormat":"v2","encodedData":"AAAAAGhaH7oAAAAA","encodedSignedData":"AA=="}`,
		`{"encodedDataFormat":"v2","encodedData":"//////////8=","encodedSignedData":"AA=="}`,
	} {
		f.Add([]byte(seed))
	}
	now := time.Unix(1_750_736_826, 0)
	service := New(&Options{Now: func() time.Time { return now }, MinMessage: 1, AcceptV1: true})
	f.Fuzz(func(t *testing.T, body []byte) {
		m, refused := readMessage(bytes.NewReader(body))
		if refused != nil {
			if refused.reason != BadRequest {
				t.Errorf("refused for %q", refused.reason)
			}
			return
		}
		if len(m.data) == 0 || len(m.signature) == 0 {
			t.Error("an empty field was taken")
		}
		service.checkMessage(m)
	})
}

// A file that the registry takes is one block and nothing more.
func FuzzPEM(f *testing.F) {
	ca := fuzzCA(f)
	for _, seed := range [][]byte{nil, []byte("-----BEGIN CERTIFICATE-----"), ca.PEM(), append(ca.PEM(), ca.PEM()...), append(ca.PEM()[:60], ca.PEM()...), bytes.ReplaceAll(ca.PEM(), []byte("\n"), []byte("\r\n"))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cert, err := parsePEM(text)
		if err != nil {
			return
		}
		if bytes.Count(text, []byte(pemCertificate)) != 1 {
			t.Error("more than one block was taken")
		}
		if again, err := parsePEM(EncodePEM(cert)); err != nil || !again.Equal(cert) {
			t.Errorf("the certificate does not come back: %v", err)
		}
	})
}

// A signing request that is taken carries its own key's signature.
func FuzzCSR(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"))
	f.Add(fuzzCA(f).PEM())
	f.Fuzz(func(t *testing.T, text []byte) {
		csr, err := parseCSR(text)
		if err != nil {
			return
		}
		if err := csr.CheckSignature(); err != nil {
			t.Error(err)
		}
		csrEmail(csr)
	})
}

// A body that starts a task is JSON with a locale.
func FuzzStart(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"localeName":"en_US"}`, `{"mappingParameters":[],"localeName":"en_US"}`,
		`{"localeName":"en_US","mappingParameters":[{"entityType":"Version","entityName":"Actual"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkStart(body) != nil {
			return
		}
		var order map[string]any
		if err := json.Unmarshal(body, &order); err != nil || len(order) == 0 {
			t.Errorf("taken: %v", err)
		}
	})
}

// Of the rows of a file, each one below the header that is not empty is taken or left,
// and the dump holds those that are left.
func FuzzSift(f *testing.F) {
	for _, seed := range []string{"", "Name", "Name\n\n", "Name\r\nbad\r\ngood", "bad\nbad,1\nbadly\nbad"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		good, bad, left := sift(content)
		if good+bad > max(0, bytes.Count(content, []byte("\n"))) || (bad > 0) != (left != nil) {
			t.Errorf("%d good, %d bad, dump %q", good, bad, left)
		}
		if whole := bytes.Join(split(content, 3), nil); !bytes.Equal(whole, content) {
			t.Errorf("split gives %q", whole)
		}
	})
}
