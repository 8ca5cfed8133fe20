package daemon

import (
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

// newEventHandler returns what writes the log to the Event Log, which has the time and the level by itself.
func newEventHandler(to events, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.TimeKey) {
			return slog.Attr{}
		}
		return a
	}}
	return &lineHandler{
		level: level,
		lines: func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) },
		write: func(level slog.Level, line string) error {
			return writeEvent(to, level, strings.TrimSuffix(line, "\n"))
		},
	}
}

// writeEvent writes an event of a level.
func writeEvent(to events, level slog.Level, text string) error {
	switch {
	case level >= slog.LevelError:
		return to.Error(eventError, text)
	case level >= slog.LevelWarn:
		return to.Warning(eventWarning, text)
	}
	return to.Info(eventInfo, text)
}
