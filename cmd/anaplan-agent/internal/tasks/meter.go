package tasks

import (
	"fmt"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// meter says how far a transfer is, how fast, and when it will be over.
type meter struct {
	what  string
	began time.Time

	mu  sync.Mutex
	now integration.Transfer
}

func (m *meter) set(now integration.Transfer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

// text is what is shown: "file "Sales.csv": 12.4 MB of 100.0 MB, 3.1 MB/s, 28s left".
func (m *meter) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.now
	text := m.what + ": " + sized(t.Bytes)
	if t.Total > 0 {
		text += " of " + sized(t.Total)
	}
	took := time.Since(m.began)
	if took < time.Second {
		return text + m.chunks()
	}
	text += fmt.Sprintf(", %s/s", sized(int64(float64(t.Bytes)/took.Seconds())))
	if done := m.done(); done > 0 && done < 1 {
		left := time.Duration(float64(took) * (1 - done) / done)
		return text + ", " + max(left, time.Second).Round(time.Second).String() + " left"
	}
	return text
}

// chunks says how many chunks are through, of several.
func (m *meter) chunks() string {
	if m.now.Of > 1 && m.now.Chunks > 0 {
		return fmt.Sprintf(", chunk %d of %d", m.now.Chunks, m.now.Of)
	}
	return ""
}

// done is the part that is through, from 0 to 1; 0 where that is not known.
func (m *meter) done() float64 {
	switch t := m.now; {
	case t.Total > 0:
		return float64(t.Bytes) / float64(t.Total)
	case t.Of > 0:
		return float64(t.Chunks) / float64(t.Of)
	}
	return 0
}
