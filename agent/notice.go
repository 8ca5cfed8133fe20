package agent

// NoticeKind is the kind of a Notice, for programs.
type NoticeKind string

// Kinds of notices.
const (
	NoticeTouch     NoticeKind = "touch"      // the card waits for a touch
	NoticeTouchOver NoticeKind = "touch_over" // the card waits no longer
	NoticePerson    NoticeKind = "person"     // a person is asked for something, on a PIN pad or in a window
	NoticeWorking   NoticeKind = "working"    // the person has answered
	NoticeBusy      NoticeKind = "busy"       // the device is in use and is waited for
	NoticeWarning   NoticeKind = "warning"    // something may turn out bad
	NoticeInfo      NoticeKind = "info"       // something worth knowing
)

// Notice is something that a person should know at once, while a login is under way.
type Notice struct {
	Kind    NoticeKind `json:"kind"`
	Message string     `json:"message"` // one line, no secret
}

// NotifyFunc is told notices. It must not block. nil is nobody.
type NotifyFunc func(Notice)

// Tell tells f a notice; nil is told nothing.
func (f NotifyFunc) Tell(kind NoticeKind, message string) {
	if f != nil {
		f(Notice{kind, message})
	}
}
