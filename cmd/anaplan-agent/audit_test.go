package main

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

func TestCounted(t *testing.T) {
	for count, want := range map[int]string{
		0: "0 lines", 1: "1 line", 2: "2 lines", 999: "999 lines", 1000: "1,000 lines", 12345: "12,345 lines", 1234567: "1,234,567 lines",
	} {
		if got := console.Counted(count, "line"); got != want {
			t.Errorf("%d: got %q, want %q", count, got, want)
		}
	}
}
