package pivtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// Client is a program that uses PC/SC, as pcscd sees it: a connection of its own.
// It speaks pcscd's protocol itself, since a process has one libpcsclite, and what
// that has open is the business of the code under test.
type Client struct {
	conn    net.Conn
	context uint32
	card    uint32 // pcscd's handle of the card
}

// The commands of pcscd's protocol 4.4 (pcsc-lite 1.9, winscard_msg.h). Numbers are
// in the machine's own byte order.
const (
	commandEstablishContext = 0x01
	commandConnect          = 0x04
	commandDisconnect       = 0x06
	commandBegin            = 0x07
	commandTransmit         = 0x09
	commandVersion          = 0x11
	commandReadersState     = 0x12
)

// Sizes and values of the same.
const (
	protocolMajor  = 4
	protocolMinor  = 4
	maximumReaders = 16
	readerNameSize = 128

	shareExclusive = 1
	shareShared    = 2
	protocolT1     = 2

	readerPresent = 0x04
)

// What becomes of a card when a client is done with it.
const (
	// LeaveCard keeps it as it is: powered, and with the PIN verified where it was.
	LeaveCard = 0
	// ResetCard makes it forget.
	ResetCard = 1
)

// Reader is a reader as pcscd shows it.
type Reader struct {
	Name string

	// Present tells that a card is in it.
	Present bool

	// ATR is what the card said when it was powered. A card that failed to, since it
	// was pulled just then, has none, and is present until pcscd looks again.
	ATR []byte

	// Events counts the insertions and removals that pcscd has noticed. After a reset
	// of a card that is gone it shows an empty reader before it has noticed, and would
	// miss a card that is put in then.
	Events uint32
}

// readerState is a reader in pcscd's answer.
type readerState struct {
	Name      [readerNameSize]byte
	Events    uint32
	State     uint32
	Sharing   int32
	ATR       [33]byte
	_         [3]byte
	ATRLength uint32
	Protocol  uint32
}

// clientTimeout bounds every question to pcscd. A command to a card may take longer
// by the card's own choice, see Transmit.
const clientTimeout = 20 * time.Second

// dialClient connects to pcscd and agrees on the protocol.
func dialClient(socket string) (*Client, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("connecting to pcscd: %w", err)
	}
	c := &Client{conn: conn}
	// pcscd closes the connection of a client whose protocol it does not know.
	if err := c.greet(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// greet agrees on the protocol. pcscd answers nothing else before.
func (c *Client) greet() error {
	version := struct {
		Major, Minor int32
		Result       uint32
	}{protocolMajor, protocolMinor, 0}
	if err := c.exchange(commandVersion, &version); err != nil {
		return fmt.Errorf("agreeing on pcscd's protocol: %w", err)
	}
	return outcome("pcscd's protocol", version.Result)
}

// exchange sends a command and reads the answer over it: pcscd sends the command's
// own structure back.
func (c *Client) exchange(command uint32, message any) error {
	if err := c.send(command, message, nil); err != nil {
		return err
	}
	return binary.Read(c.conn, binary.NativeEndian, message)
}

// send sends a command, and data behind it.
func (c *Client) send(command uint32, message any, data []byte) error {
	// For the answer as well, which is always read next.
	if err := c.conn.SetDeadline(time.Now().Add(clientTimeout)); err != nil {
		return err
	}
	header := [2]uint32{uint32(max(binary.Size(message), 0)), command}
	var out bytes.Buffer
	for _, part := range []any{header, message, data} {
		if part == nil {
			continue
		}
		if err := binary.Write(&out, binary.NativeEndian, part); err != nil {
			return err
		}
	}
	_, err := c.conn.Write(out.Bytes())
	return err
}

// Readers returns pcscd's readers.
func (c *Client) Readers() ([]Reader, error) {
	// All places, taken or not, come in one answer.
	var states [maximumReaders]readerState
	err := c.send(commandReadersState, nil, nil)
	if err == nil {
		err = binary.Read(c.conn, binary.NativeEndian, &states)
	}
	if err != nil {
		return nil, fmt.Errorf("asking pcscd for its readers: %w", err)
	}
	var readers []Reader
	for _, state := range states {
		if name := text(state.Name[:]); name != "" {
			atr := state.ATR[:min(state.ATRLength, uint32(len(state.ATR)))]
			readers = append(readers, Reader{Name: name, Present: state.State&readerPresent != 0, ATR: slices.Clone(atr), Events: state.Events})
		}
	}
	// Names end in the number of the reader.
	slices.SortFunc(readers, func(a, b Reader) int { return strings.Compare(a.Name, b.Name) })
	return readers, nil
}

// Connect opens the card in a reader; exclusive keeps everybody else off.
func (c *Client) Connect(reader string, exclusive bool) error {
	establish := struct{ Scope, Context, Result uint32 }{}
	if err := c.exchange(commandEstablishContext, &establish); err != nil {
		return fmt.Errorf("opening a PC/SC context: %w", err)
	}
	if err := outcome("opening a PC/SC context", establish.Result); err != nil {
		return err
	}
	// A name longer than the field would be another reader's; pcscd's own fit.
	connect := struct {
		Context                                uint32
		Reader                                 [readerNameSize]byte
		Share, Protocols, Card, Active, Result uint32
	}{Context: establish.Context, Share: shareShared, Protocols: protocolT1}
	copy(connect.Reader[:], reader)
	if exclusive {
		connect.Share = shareExclusive
	}
	if err := c.exchange(commandConnect, &connect); err != nil {
		return fmt.Errorf("connecting to the card: %w", err)
	}
	c.context, c.card = establish.Context, connect.Card
	return outcome("connecting to the card", connect.Result)
}

// Begin begins a transaction: others that share the card wait until it ends.
func (c *Client) Begin() error {
	begin := struct{ Card, Result uint32 }{Card: c.card}
	if err := c.exchange(commandBegin, &begin); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	return outcome("beginning a transaction", begin.Result)
}

// transmission is the head of a command to a card, and of its answer.
type transmission struct {
	Card                           uint32
	SendProtocol, SendProtocolSize uint32
	SendLength                     uint32
	ReceiveProtocol, ReceiveSize   uint32
	ReceiveLength                  uint32
	Result                         uint32
}

// Transmit sends a command to the card and returns its answer.
func (c *Client) Transmit(command []byte) ([]byte, error) {
	head := transmission{
		// The sizes of the protocol's descriptions are not looked at (winscard_svc.c).
		Card: c.card, SendProtocol: protocolT1, SendLength: uint32(len(command)),
		ReceiveProtocol: protocolT1, ReceiveLength: 0xFFFF,
	}
	if err := c.send(commandTransmit, &head, command); err != nil {
		return nil, fmt.Errorf("sending to the card: %w", err)
	}
	if err := binary.Read(c.conn, binary.NativeEndian, &head); err != nil {
		return nil, fmt.Errorf("waiting for the card: %w", err)
	}
	if err := outcome("sending to the card", head.Result); err != nil {
		return nil, err
	}
	answer := make([]byte, head.ReceiveLength)
	if _, err := io.ReadFull(c.conn, answer); err != nil {
		return nil, fmt.Errorf("reading the card's answer: %w", err)
	}
	return answer, nil
}

// Disconnect lets the card go, and does with it what disposition says.
func (c *Client) Disconnect(disposition uint32) error {
	disconnect := struct{ Card, Disposition, Result uint32 }{Card: c.card, Disposition: disposition}
	if err := c.exchange(commandDisconnect, &disconnect); err != nil {
		return fmt.Errorf("disconnecting from the card: %w", err)
	}
	return outcome("disconnecting from the card", disconnect.Result)
}

// Close ends the client as if its process were killed: pcscd takes the card from it,
// and resets the card.
func (c *Client) Close() error { return c.conn.Close() }

// text is what stands before the first NUL.
func text(field []byte) string {
	before, _, _ := bytes.Cut(field, []byte{0})
	return string(before)
}

// outcome is the error of one of pcscd's results (pcsclite.h).
func outcome(doing string, result uint32) error {
	if result == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, pcscdResult(result))
}

// pcscdResult is how pcscd says no.
type pcscdResult uint32

// resultSharingViolation: another client has the card, SCARD_E_SHARING_VIOLATION (pcsclite.h).
const resultSharingViolation pcscdResult = 0x8010000B

func (r pcscdResult) Error() string { return fmt.Sprintf("pcscd refuses (%08X)", uint32(r)) }
