package anaplantest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// readBody reads what a request brings, and unpacks it if it is packed. The bound on
// chunks is on what comes out of them too.
func readBody(r *http.Request, maxChunk int) ([]byte, *answer) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a := unreadable(err)
		return nil, &a
	}
	// Only chunks may be packed; putFile says so to a client that packs a whole file.
	if r.Method != http.MethodPut || r.PathValue("n") == "" || !packed(r) {
		return body, nil
	}
	body, err = unpack(body, maxChunk)
	if err != nil {
		a := unreadable(err)
		return nil, &a
	}
	return body, nil
}

// unreadable answers a request whose body cannot be had.
func unreadable(err error) answer {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, errTooLarge) {
		return tooLarge("the body is larger than the service takes")
	}
	return apiFailure(http.StatusBadRequest, "the body is not whole, or not compressed as it claims to be")
}

// tooLarge answers a request that brings too much.
func tooLarge(reason string) answer { return apiFailure(http.StatusRequestEntityTooLarge, reason) }

// packed reports whether the body is compressed, which its content type tells and not
// its encoding (help.anaplan.com, "Upload a file in chunks").
func packed(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-gzip"
}

// errTooLarge: a chunk is larger, once it is unpacked, than a chunk may be.
var errTooLarge = errors.New("the chunk is too large")

// unpack undoes gzip, of what has limit bytes at most.
func unpack(body []byte, limit int) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > limit {
		return nil, errTooLarge
	}
	return plain, nil
}

// sendContent answers with a file: a part of it if a Range asks for one, packed if the client takes
// that. A packed answer is always whole.
func sendContent(w http.ResponseWriter, r *http.Request, content io.ReadSeeker) {
	if r.Header.Get("Range") != "" || !takesGzip(r.Header.Get("Accept-Encoding")) {
		http.ServeContent(w, r, "", time.Time{}, content)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(http.StatusOK)
	// Fast, for the tests' sake; errors are those of a client that has gone.
	packer, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	io.Copy(packer, content)
	packer.Close()
}

// takesGzip reads Accept-Encoding (RFC 9110 section 12.5.3).
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			// A weight of nothing but zeros refuses it.
			return weight == "" || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}
