package agentclient

import (
	"context"
	"errors"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// KeepPhantom renews a phantom token until ctx ends, so that it lives for as long as the program that
// has it. It returns nil then, and an error once the token has ended before.
func KeepPhantom(ctx context.Context, socket string, token local.Phantom) error {
	client := local.NewClient(socket)
	defer client.Close()
	return keepRenewed(ctx, token.ExpiresAt, func(ctx context.Context) (time.Time, bool, error) {
		renewed, err := client.RenewPhantom(ctx, token)
		problem, ok := errors.AsType[*agent.Problem](err)
		return renewed.ExpiresAt, ok && problem.Code == agent.CodeUnauthorized, err
	})
}

// errOtherToken says that a program has the old one of two tokens.
var errOtherToken = errors.New("another token has come in its place, and nobody can change what a program has in its environment; with --phantom the agent looks after that")

// KeepToken is KeepPhantom for a token of Anaplan's own. Anaplan gives it another life, and has been
// seen to leave its value as it is; where that changes, it is an error.
func KeepToken(ctx context.Context, exchange *anaplan.Client, token agent.Token) error {
	return keepRenewed(ctx, token.ExpiresAt, func(ctx context.Context) (time.Time, bool, error) {
		renewed, err := exchange.Refresh(ctx, token)
		if err == nil && renewed.Value.Reveal() != token.Value.Reveal() {
			return time.Time{}, true, errOtherToken
		}
		return renewed.ExpiresAt, errors.Is(err, anaplan.ErrTokenRefused), err
	})
}

// Of what a token has left to live, half passes before it is renewed: the rest is for an agent that is
// being started again, or for a network that fails. Then it is tried again each renewPause.
const (
	renewAfter = 2
	renewPause = 5 * time.Second
	renewTime  = 30 * time.Second // for one answer
)

// keepRenewed is KeepPhantom with any way to renew it, which returns until when it lives, or an error
// and whether that is final.
func keepRenewed(ctx context.Context, ends time.Time, renew func(context.Context) (time.Time, bool, error)) error {
	wait := time.Until(ends) / renewAfter
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		asking, cancel := context.WithTimeout(ctx, renewTime)
		until, final, err := renew(asking)
		cancel()
		switch {
		case err == nil:
			ends, wait = until, time.Until(until)/renewAfter
		case ctx.Err() != nil:
			return nil
		case final, !time.Now().Before(ends):
			return err
		default:
			wait = renewPause
		}
	}
}
