package signer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
)

func ExampleProcess_Sign() {
	signers := &signer.Process{Command: []string{"/usr/bin/anaplan-agent-that-is-not-there", "signer"}}
	login, err := signers.Sign(context.Background(), signer.Order{Device: "yubikey 12345678"}, nil)
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		fmt.Println(problem.Code, problem.Final)
		return
	}
	fmt.Println(login.Format)
	// Output: signer_failed false
}

func ExampleServe() {
	var open func(ctx context.Context, order signer.Order) (agent.Key, error) // hsm.Open or piv.Open
	err := signer.Serve(func(ctx context.Context, order signer.Order, notify agent.NotifyFunc) (*agent.Login, error) {
		key, err := open(ctx, order)
		if err != nil {
			return nil, err
		}
		return agent.SignLogin(ctx, key, agent.V2, time.Now())
	})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleLockDevice() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	busy := func() { fmt.Println("waiting for another program") }
	unlock, err := signer.LockDevice(context.Background(), filepath.Join(dir, "locks"), "yubikey 12345678", busy)
	if err != nil {
		log.Fatal(err)
	}
	defer unlock()
	fmt.Println("the device is ours")
	// Output: the device is ours
}
