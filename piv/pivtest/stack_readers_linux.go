package pivtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// slot is a reader.
type slot struct {
	card ICC           // nil: none
	conn *net.TCPConn  // to vpcd; nil while pcscd does not run
	done chan struct{} // closed when the last card has answered its last command
}

// thawer is a card that can be woken from a command that has no end.
type thawer interface{ Thaw() }

// Insert puts a card into a reader, 0 or 1. It returns when pcscd has powered it,
// or at once while pcscd does not run.
//
// A card that a Fault pulls can be put back when the Fault's function has returned,
// not by that function: until then the card is in the middle of a command.
func (s *Stack) Insert(reader int, card ICC) error {
	// The place is taken before the lock is given back, so that of two calls one fails.
	s.mu.Lock()
	running, taken := s.running, s.slots[reader].card != nil
	if !taken {
		s.slots[reader].card = card
	}
	s.mu.Unlock()
	if taken {
		return s.report(fmt.Errorf("reader %d has a card already", reader))
	}
	if !running {
		return nil
	}
	return s.report(s.connect(reader))
}

// connect connects the card in a reader with vpcd, and waits for pcscd to see it.
func (s *Stack) connect(reader int) error {
	before, err := s.look(reader)
	if err != nil {
		return err
	}
	file, err := s.child.ask(fmt.Sprintf("dial %d", reader))
	if err != nil {
		return err
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("connecting to vpcd: %w", err)
	}
	s.serve(reader, conn.(*net.TCPConn))
	return s.await(reader, before, true)
}

// serve has the card in a reader answer on conn, until that ends.
func (s *Stack) serve(reader int, conn *net.TCPConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &s.slots[reader]
	card, previous, done := at.card, at.done, make(chan struct{})
	at.conn, at.done = conn, done
	s.serving.Go(func() {
		defer close(done)
		defer conn.Close()
		// It may be the same card, which answers one caller at a time, and which a new
		// pcscd resets in the middle of what the last one had asked.
		cut(card, previous)
		// How it ends tells nothing: by a card pulled or a pcscd gone.
		_ = serveICC(conn, card)
	})
}

// Pull takes the card out of a reader, also in the middle of a command. It returns
// when pcscd shows the reader empty, or at once while pcscd does not run.
func (s *Stack) Pull(reader int) error {
	// Without pcscd nothing comes of it, and nothing is needed.
	before, err := s.look(reader)
	card, connected := s.unplug(reader)
	if card == nil {
		return s.report(fmt.Errorf("reader %d has no card", reader))
	}
	if !connected {
		return nil
	}
	if err == nil {
		err = s.await(reader, before, false)
	}
	return s.report(err)
}

// unplug takes the card out of a reader, and tells whether pcscd can have seen it.
func (s *Stack) unplug(reader int) (card ICC, connected bool) {
	s.mu.Lock()
	card = s.slots[reader].card
	done := s.slots[reader].done
	s.slots[reader].card = nil
	s.mu.Unlock()
	connected = s.disconnect(reader)
	// Without power it waits for nothing any more.
	s.serving.Go(func() { cut(card, done) })
	return card, connected
}

// cut ends the command that a card is at, and returns when it has ended, which closes done. nil: no
// command is under way.
func cut(card ICC, done <-chan struct{}) {
	if done == nil {
		return
	}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		// Again and again, because the command may only be about to freeze.
		if frozen, ok := card.(thawer); ok {
			frozen.Thaw()
		}
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// disconnect ends a reader's connection to vpcd, and tells whether there was one.
func (s *Stack) disconnect(reader int) bool {
	s.mu.Lock()
	conn := s.slots[reader].conn
	s.slots[reader].conn = nil
	s.mu.Unlock()
	if conn != nil {
		breakOff(conn)
	}
	return conn != nil
}

// pollInterval is how often pcscd is asked what it sees; itself it looks every 400 ms.
const pollInterval = 10 * time.Millisecond

// cardTimeout bounds an insertion, which takes 0.3 to 0.6 s.
const cardTimeout = 30 * time.Second

// look returns a reader as pcscd shows it.
func (s *Stack) look(reader int) (Reader, error) {
	found, err := s.Readers()
	if err != nil {
		return Reader{}, err
	}
	if reader >= len(found) {
		return Reader{}, fmt.Errorf("pcscd has no reader %d", reader)
	}
	return found[reader], nil
}

// await returns when pcscd has noticed that a reader has changed, and shows its card as present or
// absent.
func (s *Stack) await(reader int, before Reader, present bool) error {
	// Its own time limit and not a caller's: a card that pcscd does not see within
	// seconds it never will.
	ctx, cancel := context.WithTimeout(context.Background(), cardTimeout)
	defer cancel()
	err := s.poll(ctx, func(readers []Reader) bool {
		if reader >= len(readers) {
			return false
		}
		at := readers[reader]
		return at.Events != before.Events && at.Present == present && (len(at.ATR) > 0) == present
	})
	if err != nil && present {
		return fmt.Errorf("pcscd does not see the card in reader %d: %w", reader, err)
	}
	if err != nil {
		return fmt.Errorf("pcscd still sees a card in reader %d: %w", reader, err)
	}
	return nil
}

// awaitReaders returns when pcscd shows its readers.
func (s *Stack) awaitReaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, daemonTimeout)
	defer cancel()
	if err := s.poll(ctx, func(found []Reader) bool { return len(found) == s.readers }); err != nil {
		return fmt.Errorf("pcscd does not show vpcd's readers: %w", err)
	}
	return nil
}

// poll asks pcscd for its readers until they are as wanted.
func (s *Stack) poll(ctx context.Context, wanted func([]Reader) bool) error {
	// One client for all questions: pcscd starts a thread for each.
	c, err := s.Connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		found, err := c.Readers()
		if err != nil {
			return err
		}
		if wanted(found) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// KillDaemon ends pcscd as kill -9 does. The cards stay in their readers.
func (s *Stack) KillDaemon() error { return s.endDaemon("kill") }

// StopDaemon ends pcscd as a service manager does.
func (s *Stack) StopDaemon() error { return s.endDaemon("stop") }

// endDaemon ends pcscd.
func (s *Stack) endDaemon(how string) error {
	if _, err := s.child.ask(how); err != nil {
		return s.report(err)
	}
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	// Their connections have ended; a card that is frozen would not notice.
	for reader := range s.slots {
		s.disconnect(reader)
	}
	return nil
}

// StartDaemon starts pcscd again, and returns when it has found readers and cards.
func (s *Stack) StartDaemon() error { return s.report(s.startDaemon(context.Background())) }

// startDaemon is StartDaemon.
func (s *Stack) startDaemon(ctx context.Context) error {
	if _, err := s.child.ask("start"); err != nil {
		return err
	}
	if err := s.awaitReaders(ctx); err != nil {
		return err
	}
	// From here on a card that is inserted connects by itself.
	s.mu.Lock()
	s.running = true
	slots := s.slots
	s.mu.Unlock()
	for reader := range slots {
		if slots[reader].card == nil {
			continue
		}
		if err := s.connect(reader); err != nil {
			return err
		}
	}
	return nil
}

// Hold keeps a card as another program does, exclusively or shared with others, and
// in the latter case not within a transaction. It returns the function that lets go.
// A program that has the card now is waited for: pcscd takes its time over a client that is gone.
func (s *Stack) Hold(reader int, exclusive bool) (release func(), err error) {
	timeout := time.After(daemonTimeout)
	for {
		c, err := s.ConnectCard(reader, exclusive)
		if err == nil {
			return func() { c.Close() }, nil
		}
		if !errors.Is(err, resultSharingViolation) {
			return func() {}, s.report(err)
		}
		select {
		case <-time.After(pollInterval):
		case <-timeout:
			return func() {}, s.report(err)
		}
	}
}

// ConnectCard connects a client to the card in a reader.
func (s *Stack) ConnectCard(reader int, exclusive bool) (*Client, error) {
	at, err := s.look(reader)
	if err != nil {
		return nil, err
	}
	c, err := s.Connect()
	if err != nil {
		return nil, err
	}
	if err := c.Connect(at.Name, exclusive); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}
