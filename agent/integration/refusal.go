package integration

import (
	"io"
	"net/http"
)

// Refusal returns an answer of Do that is not 2xx as an error, and its text, of which 64 KiB
// are read at most.
func Refusal(method, path string, response *http.Response) (*APIError, []byte) {
	body, _ := io.ReadAll(io.LimitReader(response.Body, mostRefusal))
	return newAPIError(call{method: method, path: path}, response, body), body
}
