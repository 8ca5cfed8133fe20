package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

func ExampleTransport() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("Authorization"))
	}))
	defer service.Close()
	client := &http.Client{Transport: &proxy.Transport{
		Source: &source{generation: 1}, // an *agent.Keeper
		Base:   proxy.NewBase(nil),
	}}
	defer client.CloseIdleConnections()
	response, err := client.Get(service.URL + "/2/0/users/me")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Print(string(body))
	// Output: AnaplanAuthToken the.real.token.nobody.sees.1
}

func ExampleProxy_Serve() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("Authorization"), r.URL)
	}))
	defer service.Close()
	p, err := proxy.New(proxy.Config{API: service.URL, Source: &source{generation: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := p.Serve(w, r, proxy.Call{Path: r.URL.EscapedPath(), Client: "user:1000"})
		switch {
		case result.Cut:
			panic(http.ErrAbortHandler)
		case !result.Began:
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	}))
	defer front.Close()
	response, err := http.Get(front.URL + "/2/0/workspaces?limit=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Print(string(body))
	// Output: AnaplanAuthToken the.real.token.nobody.sees.1 /2/0/workspaces?limit=1
}
