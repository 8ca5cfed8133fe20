package daemon

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// newHandler returns what writes the log to out, a line each, as the settings want it.
func newHandler(out io.Writer, own *config.Agent) slog.Handler {
	options := &slog.HandlerOptions{Level: own.LogLevel}
	if own.LogJSON {
		return slog.NewJSONHandler(out, options)
	}
	return slog.NewTextHandler(out, options)
}

// standardHandler returns what writes the log to standard error.
func standardHandler(own *config.Agent) slog.Handler {
	if isJournal() {
		return newJournalHandler(os.Stderr, own)
	}
	return newHandler(os.Stderr, own)
}

// newJournalHandler returns what writes lines to journald that say how grave they are in a way that
// it understands, sd-daemon(3), so that journalctl -p finds them.
func newJournalHandler(out io.Writer, own *config.Agent) slog.Handler {
	return &lineHandler{
		level: own.LogLevel,
		lines: func(w io.Writer) slog.Handler { return newHandler(w, own) },
		write: func(level slog.Level, line string) error {
			_, err := io.WriteString(out, priority(level)+line)
			return err
		},
	}
}

// priority returns what journald takes off a line's beginning: syslog's number of its level.
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "<3>"
	case level >= slog.LevelWarn:
		return "<4>"
	case level >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// lineHandler hands what is logged to something that wants to know how grave each line is.
type lineHandler struct {
	level slog.Level
	lines func(io.Writer) slog.Handler // makes a line of a record
	write func(level slog.Level, line string) error
}

// Enabled implements slog.Handler.
func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler.
func (h *lineHandler) Handle(ctx context.Context, record slog.Record) error {
	var line strings.Builder
	if err := h.lines(&line).Handle(ctx, record); err != nil {
		return err
	}
	return h.write(record.Level, line.String())
}

// WithAttrs implements slog.Handler.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lineHandler{h.level, func(w io.Writer) slog.Handler { return h.lines(w).WithAttrs(attrs) }, h.write}
}

// WithGroup implements slog.Handler.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	return &lineHandler{h.level, func(w io.Writer) slog.Handler { return h.lines(w).WithGroup(name) }, h.write}
}
