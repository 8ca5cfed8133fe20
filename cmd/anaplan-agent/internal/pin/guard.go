package pin

import (
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// guard takes care of a PIN on its way to a device: before it leaves, "being sent" is written
// down, and what becomes of it afterwards. Only success, and the certainty that nothing was
// counted, take the note back; a process that ends in between leaves it.
type guard struct {
	asker    *Asker // that got the PIN
	use      use
	unproven []*way // the module says that it accepted the PIN, which is still to be proved
}

// guarded returns the PIN with its guard.
func (a *Asker) guarded(pin []byte, u use) hardware.PIN {
	g := &guard{asker: a, use: u}
	return hardware.PIN{Value: pin, Guard: g.send, Proved: g.proved}
}

// send sends the PIN; as that of a key, which may be another than the device's, with a note of its
// own.
func (g *guard) send(secret hardware.Secret, send func() error) error {
	u := g.use
	if secret == hardware.KeyPIN {
		u = g.asker.Book.keys(u)
	}
	if g.asker.Hide != nil {
		if err := g.asker.Hide(); err != nil {
			return err
		}
	}
	unlock, err := g.asker.Book.lockFor(u)
	if err != nil {
		return err
	}
	defer unlock()
	way, err := g.begin(u)
	if err != nil {
		return err
	}
	answer := send() // this may take for ever, so mu is not held
	g.asker.mu.Lock()
	defer g.asker.mu.Unlock()
	if errors.Is(answer, hardware.ErrPINUnproven) {
		g.unproven = append(g.unproven, way)
	}
	return way.end(answer)
}

// proved notes that the PINs whose acceptance was not certain were accepted.
func (g *guard) proved() {
	g.asker.mu.Lock()
	defer g.asker.mu.Unlock()
	for _, way := range g.unproven {
		way.prove()
	}
	g.unproven = nil
}

// way is a PIN between its leaving and the answer.
type way struct {
	asker *Asker
	use
	before note  // as it was
	onDisk *note // what is in the file now; nil: there is none
	sent   note
}

// begin notes that the PIN is being sent, unless another process was faster and learned something.
// Where the note cannot be written, a PIN from a place that nobody watches is not sent, except by
// an agent, which remembers it as long as it runs.
func (g *guard) begin(u use) (*way, error) {
	a := g.asker
	a.mu.Lock()
	defer a.mu.Unlock()
	before, onDisk, err := a.Book.read(u.name, u.typed)
	if err = a.Book.judgeLate(u, before, err); err != nil {
		return nil, fmt.Errorf("%s: %w", u.device, err)
	}
	if before.State == "" {
		before = u.inherited()
	}
	w := &way{asker: a, use: u, before: before, onDisk: onDisk, sent: before.sending(u, now())}
	if a.sent == nil {
		a.sent = map[string]bool{}
	}
	a.sent[u.name] = true
	err = w.put(w.sent)
	switch {
	case err == nil, u.loose:
		return w, nil
	case a.Book.tell == nil:
		w.forget()
		return nil, fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	a.Say.Warn("after a restart the agent would send a wrong PIN again: %v", err)
	return w, nil
}

// put writes a note, and keeps in mind what the file has now.
func (w *way) put(n note) error {
	err := w.asker.Book.write(n, w.onDisk, w.use)
	if err == nil && !w.typed {
		w.onDisk = &n
	}
	return err
}

// forget undoes what begin has noted in memory.
func (w *way) forget() {
	book := w.asker.Book
	book.mu.Lock()
	defer book.mu.Unlock()
	delete(book.notes, w.name)
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
		w.sent.about.Counts = w.sent.about.Counts || w.isFlagged(err)
		w.settle(w.sent.refused(at))
		w.asker.kept.drop()
		return err
	case errors.Is(err, hardware.ErrPINUnproven):
		w.asker.kept.drop()
		return err
	case errors.Is(err, hardware.ErrPINNotSent), errors.Is(err, hardware.ErrPINNotRead), isUncounted(err):
		w.settle(w.back(at))
		return err
	}
	w.asker.kept.drop()
	return w.unclear(err)
}

// prove notes that the PIN was taken, unless another was sent meanwhile. It waits for nobody:
// without the note the PIN counts as unclear.
func (w *way) prove() {
	latest, onDisk, err := w.asker.Book.read(w.name, w.typed)
	if err == nil && latest.isLike(w.sent) {
		w.onDisk = onDisk
		w.settle(latest.taken(now()))
		w.own()
	}
}

// settle writes down what came of the PIN. If that fails, the note stays at "being sent", which is
// the safe side, with a warning: the person may have to say that the PIN was right.
func (w *way) settle(n note) {
	if err := w.put(n); err != nil && w.onDisk != nil {
		w.asker.Say.Warn("the next run cannot know what came of this PIN: %v", err)
	}
}

// back returns the note as it was before the PIN left. A later number makes it count in the
// place of the one that it takes back.
func (w *way) back(at time.Time) note {
	n := w.before
	n.about = w.sent.about
	n.about.Refused = w.before.about.Refused
	n.Time, n.Seq = at, w.sent.Seq+1
	if n.State == "" {
		n.State = stateTaken // without a PIN: nothing stands against any
	}
	return n
}

// unclear returns an answer that says nothing about the PIN, with what comes next. A device that
// counts tries may tell later.
func (w *way) unclear(err error) error {
	verdict, wait := w.sent.judge(w.mark, hardware.PINCounter{}, w.sent.Time)
	switch {
	case w.typed:
		return err
	case verdict == mustWait:
		return &WaitError{Source: w.source, Wait: wait, Worked: true, Err: err}
	case w.device.Card, w.sent.about.Counts && w.sent.Low == 0:
		return err
	}
	return &SpentError{Source: w.source, Err: err}
}

// isUncounted reports whether a card's counter says that an unclear answer has cost no try.
// What a token's flags say is believed a few times only, see judgeUnclear: some set them late.
func isUncounted(err error) bool {
	unclear, ok := errors.AsType[*hardware.PINUnclearError](err)
	return ok && unclear.After.Exact && since(unclear.Before, unclear.After, true) == uncounted
}

// isFlagged reports whether the flags of a token tell of its first wrong PIN. Some set one
// only when few tries are left, which says nothing of the tries before.
func (w *way) isFlagged(refusal error) bool {
	refused, ok := errors.AsType[*hardware.PINError](refusal)
	isFirst := w.before.Row == 0 && w.before.State != stateSending && w.sent.Low == 0
	return ok && isFirst && !refused.Counter.Exact && refused.Counter.State != hardware.PINFresh
}

// DoubtError says that a PIN is not sent, because what is known of it cannot be read.
type DoubtError struct {
	Path string // the file that cannot be read
	Err  error
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("%s cannot be read; it may say that the PIN was refused, so the PIN is not sent: %v", e.Path, e.Err)
}

func (e *DoubtError) Unwrap() error { return e.Err }

// SpentError says that no clear answer came to a PIN, and that it is not sent again.
type SpentError struct {
	Source string
	Err    error // the answer
}

func (e *SpentError) Error() string {
	return e.Err.Error() + "; the PIN from " + e.Source + " counts as refused, and is not sent again"
}

// Unwrap returns the answer.
func (e *SpentError) Unwrap() error { return e.Err }
