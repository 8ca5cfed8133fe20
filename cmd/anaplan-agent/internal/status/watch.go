package status

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// watchEvery is how often Watch looks.
const watchEvery = time.Second

// Watch shows the status until it is interrupted or the agent has ended.
func Watch(ctx context.Context, a *agentclient.Session, asJSON bool) error {
	shown := ""
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		text, err := once(ctx, a, asJSON)
		if err != nil {
			return err
		}
		if text != shown {
			if err := console.PrintResult(frame(text, asJSON)); err != nil {
				return err
			}
			shown = text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// once returns what to show now.
func once(ctx context.Context, a *agentclient.Session, asJSON bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	status, err := a.Client.Status(ctx)
	if err != nil {
		return "", err
	}
	if !asJSON {
		return console.Marked(Text(status, time.Now()), OfState()), nil
	}
	data, err := json.Marshal(ForPrograms(status))
	return console.Printable(string(data)) + "\n", err
}

// frame has text replace what a terminal shows.
func frame(text string, asJSON bool) string {
	if asJSON || !console.ObeysEscapes(os.Stdout) {
		return text
	}
	const home, clearToEnd = "\x1b[H", "\x1b[J"
	return home + clearToEnd + text
}
