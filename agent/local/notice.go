package local

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Headers of notices, in the form in which net/http keeps them.
const (
	HeaderNotices = "Anaplan-Agent-Notices"
	headerNotice  = "Anaplan-Agent-Notice"
)

const (
	mostNotices       = 256  // a request
	mostNoticeMessage = 1024 // bytes
)

// formatNotice makes a header's value of a notice.
func formatNotice(notice agent.Notice) string {
	message := notice.Message
	if len(message) > mostNoticeMessage {
		message = strings.ToValidUTF8(message[:mostNoticeMessage], "")
	}
	return url.PathEscape(string(notice.Kind)) + " " + url.PathEscape(message)
}

// parseNotice reads what formatNotice has written. It reports false for what is not a notice.
func parseNotice(value string) (agent.Notice, bool) {
	kind, message, _ := strings.Cut(value, " ") // HTTP trims the blank before no message
	kind, err := url.PathUnescape(kind)
	if err != nil || kind == "" {
		return agent.Notice{}, false
	}
	message, err = url.PathUnescape(message)
	if err != nil {
		return agent.Notice{}, false
	}
	return agent.Notice{Kind: agent.NoticeKind(kind), Message: message}, true
}

// Notices tells a caller notices while its request is under way. Writing may block, and telling
// must not; so a goroutine writes, which is there while there is something to write.
type Notices struct {
	W http.ResponseWriter

	mu      sync.Mutex
	over    bool // the answer comes
	told    int
	queue   []agent.Notice
	writing chan struct{} // closed when the goroutine has ended; nil: there is none
}

// Tell is an agent.NotifyFunc.
func (n *Notices) Tell(notice agent.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over || n.told == mostNotices {
		return
	}
	n.told++
	n.queue = append(n.queue, notice)
	if n.writing == nil {
		n.writing = make(chan struct{})
		go n.write(n.writing)
	}
}

// End waits until all is written; what is told later is lost. From then on the
// ResponseWriter belongs to the request's goroutine again. nil is fine.
func (n *Notices) End() {
	if n == nil {
		return
	}
	n.mu.Lock()
	n.over = true
	writing := n.writing
	n.mu.Unlock()
	if writing != nil {
		<-writing
	}
}

// write writes informational responses (RFC 9110 section 15.2). If the caller does not take them
// the connection is closed (see admitted), and the answer fails with it.
func (n *Notices) write(done chan struct{}) {
	defer close(done)
	header := n.W.Header()
	for notice, more := n.next(); more; notice, more = n.next() {
		header[headerNotice] = []string{formatNotice(notice)}
		n.W.WriteHeader(http.StatusProcessing)
		delete(header, headerNotice)
	}
}

// next takes a notice off the queue, or ends the goroutine in the same breath.
func (n *Notices) next() (agent.Notice, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		n.writing = nil
		return agent.Notice{}, false
	}
	notice := n.queue[0]
	n.queue = n.queue[1:]
	return notice, true
}
