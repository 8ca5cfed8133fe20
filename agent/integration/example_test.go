package integration_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
)

func Example() {
	base, authenticated, closeAll := emulator()
	defer closeAll()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	client := &integration.Client{Base: base, HTTP: authenticated}
	model, err := client.FindModel(ctx, "Plan", "Finance")
	if err != nil {
		log.Fatal(err)
	}

	// What the import reads.
	load, err := client.FindThing(ctx, model, integration.Imports, "Sales from Sales.csv")
	if err != nil {
		log.Fatal(err)
	}
	file, _ := load.File()
	content := "Product,Amount\nBolts,12\nbad,7\n"
	err = client.Upload(ctx, file, integration.Upload{Content: strings.NewReader(content), Size: int64(len(content))})
	if err != nil {
		log.Fatal(err)
	}

	// The import itself, and what it did not take.
	id, err := client.Start(ctx, load, integration.Start{})
	if err != nil {
		log.Fatal(err)
	}
	task, err := client.Wait(ctx, load, id, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("successful:", task.OK())
	for _, dump := range integration.Dumps(load, task) {
		var rejected bytes.Buffer
		if err := client.DownloadDump(ctx, dump, &rejected, nil); err != nil {
			log.Fatal(err)
		}
		fmt.Println(strings.Contains(rejected.String(), "bad,7"))
	}

	_, err = client.FindThing(ctx, model, integration.Processes, "Nightly laod")
	fmt.Println(err)
	// Output:
	// successful: true
	// true
	// there is no process "Nightly laod" in model "Plan"; is it "Nightly load"?
}

func ExampleCatalog() {
	base, authenticated, closeAll := emulator()
	defer closeAll()
	catalog := integration.NewCatalog(&integration.Client{Base: base, HTTP: authenticated})
	name, err := catalog.Name(context.Background(), "processes", "", anaplantest.PlanID, "118000000001")
	fmt.Println(name == lookalike.Any("Nightly load"), err)
	name, err = catalog.Name(context.Background(), "processes", "", anaplantest.PlanID, "118000000999")
	fmt.Printf("%q %v\n", name, err)
	// Output:
	// true <nil>
	// "" <nil>
}

// emulator starts a stand-in for Anaplan, and logs in there.
func emulator() (base string, authenticated *http.Client, closeAll func()) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	ca, err := anaplantest.NewCA()
	if err != nil {
		log.Fatal(err)
	}
	cert, err := ca.IssueForKey(&key.PublicKey, nil)
	if err != nil {
		log.Fatal(err)
	}
	service := anaplantest.New(nil)
	service.RegisterCertificate(cert)
	server := httptest.NewServer(service)
	return server.URL, &http.Client{Transport: logIn(server.URL, softKey{key, cert})}, server.Close
}

type softKey struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func (k softKey) Certificate() *x509.Certificate { return k.cert }

func (k softKey) SignSHA512(_ context.Context, message []byte) ([]byte, error) {
	digest := sha512.Sum512(message)
	return rsa.SignPKCS1v15(nil, k.key, crypto.SHA512, digest[:])
}

// tokenTransport is in the place of the agent's proxy.
type tokenTransport struct{ token agent.Token }

func (t tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "AnaplanAuthToken "+t.token.Value.Reveal())
	return http.DefaultTransport.RoundTrip(r)
}

func logIn(url string, key softKey) tokenTransport {
	client, err := anaplan.New(anaplan.Config{AuthURL: url})
	if err != nil {
		log.Fatal(err)
	}
	login, err := agent.SignLogin(context.Background(), key, agent.V2, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Authenticate(context.Background(), login)
	if err != nil {
		log.Fatal(err)
	}
	return tokenTransport{token}
}
