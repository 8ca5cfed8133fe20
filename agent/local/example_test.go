package local_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

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
