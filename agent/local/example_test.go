package local_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// A program that calls Anaplan gets its token from the agent, and another one when that
// was pulled back.
func ExampleClient() {
	ctx := context.Background()
	client := local.NewClient("/run/user/1000/anaplan-agent/agent.sock")
	defer client.Close()

	token, err := client.Token(ctx, "default", func(notice agent.Notice) { log.Print(notice.Message) })
	if errors.Is(err, local.ErrNotRunning) {
		log.Fatalf("%v: start it by anaplan-agent serve", err)
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		log.Fatal(problem.Message, problem.Hints)
	}
	if err != nil {
		log.Fatal(err)
	}

	request, _ := http.NewRequest(http.MethodGet, "https://api.anaplan.com/2/0/workspaces", nil)
	request.Header.Set("Authorization", "AnaplanAuthToken "+token.Value.Reveal())
	response, err := http.DefaultClient.Do(request)
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		token, err = client.Replace(ctx, "default", token.Generation, nil) // and once more
	}
	fmt.Println(token.ID, err)
}

// The agent serves its profiles until it is told to end.
func ExampleServer() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	allow, err := local.ParseAllow([]string{"user:1000", "group:etl"})
	if err != nil {
		log.Fatal(err)
	}
	keeper := agent.NewKeeper(agent.KeeperConfig{ /* how to sign, and where to log in */ })
	profiles := map[string]*local.Profile{"default": {Keeper: keeper, Allow: allow}}

	listener, err := local.Listen("/run/anaplan-agent/agent.sock", local.ListenOptions{Shared: true})
	if err != nil {
		log.Fatal(err)
	}
	server := local.New(local.Config{Profiles: func() map[string]*local.Profile { return profiles }})
	if err := server.Serve(ctx, listener); err != nil {
		log.Fatal(err)
	}
}
