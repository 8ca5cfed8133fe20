package anaplantest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// The handler brings its own checks and counters to any listener.
func ExampleNew() {
	service := anaplantest.New(nil)
	server := httptest.NewServer(service)
	defer server.Close()

	response, err := http.Post(server.URL+"/token/authenticate", "application/json", strings.NewReader("{}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.StatusCode)
	fmt.Println(service.Counts().LastRefusal)
	// Output:
	// 401
	// no header that logs in by certificate: there is no Authorization header
}

// What an administrator does with a certificate.
func ExampleService_Register() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	ca, err := anaplantest.NewCA()
	if err != nil {
		fmt.Println(err)
		return
	}
	cert, err := ca.IssueForKey(key.Public(), &anaplantest.IssueOptions{Email: "batch@example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	service := anaplantest.New(nil)
	added, err := service.Register(anaplantest.EncodePEM(cert))
	fmt.Println(added.UserID, added.Enabled, err)
	_, err = service.Register(append([]byte("Bag Attributes\n"), anaplantest.EncodePEM(cert)...))
	fmt.Println(err)
	// Output:
	// batch@example.com true <nil>
	// the file must hold one certificate and nothing else: it does not begin with -----BEGIN CERTIFICATE-----
}

// The first login of the script fails as if the network's firewall had stepped
// in.
func ExampleService_Fault() {
	service := anaplantest.New(nil)
	service.Fault("/token/authenticate", 1, anaplantest.Blocked())
	for range 2 {
		w := httptest.NewRecorder()
		service.ServeHTTP(w, httptest.NewRequest("POST", "/token/authenticate", nil))
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 403 text/html; charset=UTF-8
	// 401 application/json
}

// The next run of the import "Sales from Sales.csv" rejects a row.
func ExampleService_TaskOutcome() {
	service := anaplantest.New(nil)
	err := service.TaskOutcome("112000000001", 1, anaplantest.Outcome{
		Failed:  true,
		Details: []anaplantest.Detail{{Type: "moduleImportFailed", Text: "Nothing was imported.", Occurrences: 1}},
		Dump:    []byte("Line,Error,Name,Amount\n2,Invalid row,North,x\n"),
	})
	fmt.Println(err)
	fmt.Println(service.TaskOutcome("112000000009", 1, anaplantest.Outcome{Failed: true}))
	// Output:
	// <nil>
	// there is no such thing in the emulated tenant: import, export, action or process "112000000009"
}
