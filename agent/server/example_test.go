package server_test

import (
	"context"
	"log"
	"os/signal"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// The agent serves its profiles until it is told to end.
func ExampleServer() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	allow, err := server.ParseAllow([]string{"user:1000", "group:etl"})
	if err != nil {
		log.Fatal(err)
	}
	keeper := agent.NewKeeper(agent.KeeperConfig{ /* how to sign, and where to log in */ })
	profiles := map[string]*server.Profile{"default": {Keeper: keeper, Allow: allow}}

	listener, err := listen.On("/run/anaplan-agent/agent.sock", listen.Options{Shared: true})
	if err != nil {
		log.Fatal(err)
	}
	agents := server.New(server.Config{Profiles: func() map[string]*server.Profile { return profiles }})
	if err := agents.Serve(ctx, listener); err != nil {
		log.Fatal(err)
	}
}
