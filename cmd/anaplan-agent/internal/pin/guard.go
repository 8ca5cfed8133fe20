package pin

import (
	"errors"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// guardOf returns what takes care of a PIN on its way to the device: before it leaves,
// "being sent" is written down, and what becomes of it afterwards. Only success, and the
// certainty that nothing was counted, take the note away; a process that ends in between
// leaves it.
func (a *Asker) guardOf(u use) func(send func() error) error {
	return func(send func() error) error {
		if a.Hide != nil {
			if err := a.Hide(); err != nil {
				return err
			}
		}
		way, err := a.begin(u)
		if err != nil {
			return err
		}
		answer := send() // which may take for ever, so nothing is locked
		a.mu.Lock()
		defer a.mu.Unlock()
		return way.end(answer)
	}
}

// way is a PIN between its leaving and the answer.
type way struct {
	*Asker
	use
	name   string
	before note  // as it was
	onDisk *note // what is in the file now; nil: there is none
	sent   note
}

// begin notes that the PIN is being sent. Where that cannot be written down a PIN from a
// place that nobody watches is not sent, but by an agent, which remembers it as long as it
// runs.
func (a *Asker) begin(u use) (*way, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := &way{Asker: a, use: u, name: noteName(u.device, u.source)}
	before, onDisk, err := a.Book.read(w.name, u.typed)
	if err != nil && !u.fresh {
		return nil, &DoubtError{Device: u.device, Source: u.source, Err: err}
	}
	w.before, w.onDisk = before, onDisk
	w.sent = before.sending(u.mark, u.counter, now())
	w.sent.about.Device, w.sent.about.Serial, w.sent.about.Card = u.device.Label, u.device.Serial, u.device.Card
	w.sent.about.Source = u.source
	w.sent.about.Counts = before.about.Counts || u.counts
	if a.sent == nil {
		a.sent = map[string]bool{}
	}
	a.sent[w.name] = true
	err = w.put(w.sent)
	switch {
	case err == nil, a.Unrecorded:
		return w, nil
	case a.Book.tell == nil:
		w.forget()
		return nil, err
	}
	a.Say.Warn("a wrong PIN would be sent again at the agent's next start: %v", err)
	return w, nil
}

// put writes a note, and keeps in mind what the file has now.
func (w *way) put(n note) error {
	err := w.Book.write(w.name, n, w.onDisk, w.use)
	if err == nil && !w.typed {
		w.onDisk = &n
	}
	return err
}

// forget undoes what begin has noted in memory.
func (w *way) forget() {
	w.Book.mu.Lock()
	defer w.Book.mu.Unlock()
	delete(w.Book.notes, w.name)
}

// end notes what came of the PIN, and returns what to tell of that.
func (w *way) end(err error) error {
	at := now()
	switch {
	case err == nil:
		w.settle(w.sent.taken(at))
		w.own()
		return nil
	case IsRefusal(err):
		w.sent.about.Counts = w.sent.about.Counts || isLow(err)
		w.settle(w.sent.refused(at))
		w.drop()
		return err
	case errors.Is(err, hsm.ErrPINNotSent), errors.Is(err, hsm.ErrPINNotRead), w.isUncounted(err):
		w.settle(w.back(at))
		return err
	}
	w.drop()
	return w.unclear(err)
}

// settle writes down what came of the PIN. Where that fails the note stays that it is on its
// way, which is on the safe side, and told: the person may have to say that it was right.
func (w *way) settle(n note) {
	if err := w.put(n); err != nil && w.onDisk != nil {
		w.Say.Warn("the next run cannot know what came of this PIN: %v", err)
	}
}

// back returns the note as it was before the PIN left. A time later than before makes it
// count in the place of the one that it takes back.
func (w *way) back(at time.Time) note {
	n := w.before
	n.about = w.sent.about
	n.about.Refused = w.before.about.Refused
	n.Time = at
	if n.State == "" {
		n.State = stateTaken // of no PIN yet: nothing stands against any
	}
	return n
}

// unclear returns an answer that says nothing of the PIN, with when it is sent again.
func (w *way) unclear(err error) error {
	if w.typed {
		return err
	}
	verdict, wait := w.sent.judge(w.mark, counter{tries: -1, card: w.device.Card}, w.sent.Time)
	if verdict == mustWait {
		return &WaitError{Device: w.device, Source: w.source, Wait: wait, Err: err}
	}
	return &SpentError{Device: w.device, Source: w.source, Err: err}
}

// isUncounted reports whether the counter says that an unclear answer has cost no try.
func (w *way) isUncounted(err error) bool {
	if card, ok := errors.AsType[*piv.PINUnclearError](err); ok {
		before, after := counter{tries: card.Before, card: true}, counter{tries: card.After, card: true}
		return after.since(before, true) == uncounted
	}
	token, ok := errors.AsType[*hsm.PINUnclearError](err)
	if !ok || !token.Told {
		return false
	}
	before, after := counter{low: int(token.Before)}, counter{low: int(token.After)}
	return after.since(before, w.sent.about.Counts) == uncounted
}

// isLow reports whether a token's flags tell of the wrong PIN.
func isLow(err error) bool {
	token, ok := errors.AsType[*hsm.PINError](err)
	return ok && token.State != hsm.PINFresh
}

// DoubtError says that a PIN is not sent, because what is known of it cannot be read.
type DoubtError struct {
	Device Device
	Source string
	Err    error
}

// Error implements error.
func (e *DoubtError) Error() string {
	return "the PIN from " + e.Source + " is not sent to " + e.Device.String() + ": " + e.Err.Error()
}

// Unwrap returns why.
func (e *DoubtError) Unwrap() error { return e.Err }

// Path returns the file that cannot be read; "" where it is not one.
func (e *DoubtError) Path() string {
	if unreadable, ok := errors.AsType[*unreadableError](e.Err); ok {
		return unreadable.path
	}
	return ""
}

// SpentError says that no clear answer came to a PIN, and that it is not sent again.
type SpentError struct {
	Device Device
	Source string
	Err    error // the answer
}

// Error implements error.
func (e *SpentError) Error() string {
	return e.Err.Error() + "; the PIN from " + e.Source + " counts as refused, and is not sent again"
}

// Unwrap returns the answer.
func (e *SpentError) Unwrap() error { return e.Err }
