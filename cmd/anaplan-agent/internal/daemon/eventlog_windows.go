package daemon

import (
	"context"
	"io"
	"log/slog"
	"strings"
)

// events is the Event Log, as golang.org/x/sys/windows/svc/eventlog has it.
type events interface {
	Info(id uint32, text string) error
	Warning(id uint32, text string) error
	Error(id uint32, text string) error
}

// The events' numbers. The source is one of EventCreate.exe's, whose messages are from 1 to 1000, and
// nothing but the text.
const (
	eventInfo    = 1
	eventWarning = 2
	eventError   = 3
)

// eventHandler writes what is logged to the Event Log, which has the time and the level by itself.
type eventHandler struct {
	events events
	level  slog.Level
	text   func(io.Writer) slog.Handler // makes a line of a record
}

func newEventHandler(to events, level slog.Level) *eventHandler {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.TimeKey) {
			return slog.Attr{}
		}
		return a
	}}
	return &eventHandler{to, level, func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }}
}

// Enabled implements slog.Handler.
func (h *eventHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler.
func (h *eventHandler) Handle(ctx context.Context, record slog.Record) error {
	var line strings.Builder
	if err := h.text(&line).Handle(ctx, record); err != nil {
		return err
	}
	text := strings.TrimSuffix(line.String(), "\n")
	switch {
	case record.Level >= slog.LevelError:
		return h.events.Error(eventError, text)
	case record.Level >= slog.LevelWarn:
		return h.events.Warning(eventWarning, text)
	}
	return h.events.Info(eventInfo, text)
}

// WithAttrs implements slog.Handler.
func (h *eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eventHandler{h.events, h.level, func(w io.Writer) slog.Handler { return h.text(w).WithAttrs(attrs) }}
}

// WithGroup implements slog.Handler.
func (h *eventHandler) WithGroup(name string) slog.Handler {
	return &eventHandler{h.events, h.level, func(w io.Writer) slog.Handler { return h.text(w).WithGroup(name) }}
}
