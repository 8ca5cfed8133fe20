package anaplan_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

func ExampleRegion() {
	hosts, err := anaplan.Region("eu3")
	fmt.Println(hosts.Auth, hosts.API, err)
	// Output: https://eu3.auth.anaplan.com https://eu3.api.anaplan.com <nil>
}

func ExampleClient_Authenticate() {
	// A stand-in for Anaplan, and a key in memory.
	ca, err := anaplantest.NewCA()
	if err != nil {
		log.Fatal(err)
	}
	cert, err := ca.IssueForKey(&rsaKey().PublicKey, &anaplantest.IssueOptions{Email: "robot@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	service := anaplantest.New(nil)
	service.RegisterCertificate(cert)
	server := httptest.NewServer(service)
	defer server.Close()

	client, err := anaplan.New(anaplan.Config{AuthURL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	login, err := agent.SignLogin(ctx, softKey{cert}, agent.V2, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Authenticate(ctx, login)
	if err != nil {
		log.Fatal(err)
	}
	identity, err := client.Validate(ctx, token)
	fmt.Println(token.Live(time.Now()), token.Value, identity.UserID, err)

	// A token that was revoked elsewhere.
	service.RevokeAll()
	_, err = client.Refresh(ctx, token)
	fmt.Println(errors.Is(err, anaplan.ErrTokenRefused))
	// Output:
	// true [redacted] robot@example.com <nil>
	// true
}

func ExampleParsePayload() {
	ca, err := anaplantest.NewCA()
	if err != nil {
		log.Fatal(err)
	}
	cert, err := ca.IssueForKey(&rsaKey().PublicKey, nil)
	if err != nil {
		log.Fatal(err)
	}
	login, err := agent.SignLogin(context.Background(), softKey{cert}, agent.V2, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	text, err := anaplan.MarshalPayload(login)
	if err != nil {
		log.Fatal(err)
	}
	parsed, err := anaplan.ParsePayload(text, cert)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(parsed.Format, parsed.Message)

	_, err = anaplan.ParsePayload([]byte(`{"encodedData":"?"}`), cert)
	fmt.Println(err)
	// Output:
	// v2 [redacted]
	// unusable login payload: encodedData is not base64 of the standard alphabet with padding
}

func ExampleAuthorization() {
	ca, err := anaplantest.NewCA()
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "https://auth.anaplan.com/token/authenticate", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", anaplan.Authorization(ca.Certificate, anaplan.FormPEM))
	fmt.Printf("%.29s...\n", request.Header.Get("Authorization"))
	// Output: CACertificate LS0tLS1CRUdJTiB...
}
