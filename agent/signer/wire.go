package signer

// What is in the frames.

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

// wireOrder is an Order as it goes to the child. The PIN goes after it, by itself.
type wireOrder struct {
	Order
	HasPIN bool `json:"has_pin"`
}

// encodeOrder returns the payload of the order's frame, and looks whether the PIN would
// fit in its own.
func encodeOrder(order Order) ([]byte, error) {
	payload, err := json.Marshal(wireOrder{order, order.PIN != nil})
	switch {
	case err != nil:
		return nil, fmt.Errorf("the settings are not JSON: %w", err)
	case len(payload) > maxPayload:
		return nil, fmt.Errorf("the settings are %w: more than %d bytes", frame.ErrTooLarge, maxPayload)
	case len(order.PIN) > maxPayload:
		return nil, fmt.Errorf("the PIN is too long: more than %d bytes", maxPayload)
	}
	return payload, nil
}

// writeOrder writes an order that encodeOrder has made a payload of.
func writeOrder(w io.Writer, payload, pin []byte) error {
	if err := frame.Write(w, maxPayload, kindOrder, payload); err != nil || pin == nil {
		return err
	}
	return frame.Write(w, maxPayload, kindPIN, pin)
}

// readOrder reads what writeOrder wrote.
func readOrder(r io.Reader) (Order, error) {
	f, err := frame.Read(r, maxPayload, kindOrder)
	if err != nil {
		return Order{}, err
	}
	var order wireOrder
	if err := json.Unmarshal(f.Payload, &order); err != nil {
		return Order{}, fmt.Errorf("%w: %w", frame.ErrGarbage, err)
	}
	if !order.HasPIN {
		return order.Order, nil
	}
	if f, err = frame.Read(r, maxPayload, kindPIN); err != nil {
		return Order{}, err
	}
	order.PIN = f.Payload
	return order.Order, nil
}

// encodeLogin returns the payload of a login: format, certificate, message and signature,
// each after four bytes of its length. It is not JSON because an encoder keeps copies of
// what went through it. The caller clears the payload.
func encodeLogin(login *agent.Login) ([]byte, error) {
	if login == nil || login.Certificate == nil {
		return nil, errors.New("the signer made no login and gave no reason")
	}
	parts := [][]byte{[]byte(login.Format), login.Certificate.Raw, login.Message.Bytes(), login.Signature.Bytes()}
	size := 0
	for _, part := range parts {
		size += 4 + len(part)
	}
	payload := make([]byte, 0, size) // at once: growing would leave copies behind
	for _, part := range parts {
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(part)))
		payload = append(payload, part...)
	}
	return payload, nil
}

// decodeLogin undoes encodeLogin. Nothing of the login is in the payload's memory, which
// the caller clears.
func decodeLogin(payload []byte) (*agent.Login, error) {
	var parts [4][]byte
	for i := range parts {
		if len(payload) < 4 || uint64(len(payload)-4) < uint64(binary.BigEndian.Uint32(payload)) {
			return nil, fmt.Errorf("%w: a login that is cut short", frame.ErrGarbage)
		}
		end := 4 + int(binary.BigEndian.Uint32(payload))
		parts[i], payload = payload[4:end], payload[end:]
	}
	if len(payload) > 0 {
		return nil, fmt.Errorf("%w: a login with more behind it", frame.ErrGarbage)
	}
	certificate, err := certread.Parse(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%w: a login with a bad certificate: %w", frame.ErrGarbage, err)
	}
	return &agent.Login{
		Format:      agent.Format(parts[0]),
		Certificate: certificate,
		Message:     agent.NewSecret(parts[2]),
		Signature:   agent.NewSecret(parts[3]),
	}, nil
}

// encodeProblem returns the payload of a problem. One that is too large is cut: what it
// means must arrive, above all that it is final.
func encodeProblem(problem *agent.Problem) ([]byte, error) {
	sound := agent.Problem{Code: agent.CodeInternal, Message: "the signer failed and gave no reason"}
	if problem != nil && problem.Message != "" {
		sound = *problem
	}
	if sound.Code == "" {
		sound.Code = agent.CodeInternal
	}
	payload, err := json.Marshal(sound)
	if err == nil && len(payload) > maxPayload {
		sound.Message, sound.Hints, sound.PIN = fmt.Sprintf("%.1000s ... (cut)", sound.Message), nil, nil
		payload, err = json.Marshal(sound)
	}
	return payload, err
}

// decodeProblem undoes encodeProblem.
func decodeProblem(payload []byte) (*agent.Problem, error) {
	problem := new(agent.Problem)
	if err := json.Unmarshal(payload, problem); err != nil {
		return nil, fmt.Errorf("%w: a problem that is not JSON: %w", frame.ErrGarbage, err)
	}
	if problem.Code == "" || problem.Message == "" {
		return nil, fmt.Errorf("%w: a problem without a code or a message", frame.ErrGarbage)
	}
	return problem, nil
}

// decodeNotice undoes the JSON of a notice.
func decodeNotice(payload []byte) (agent.Notice, error) {
	var notice agent.Notice
	if err := json.Unmarshal(payload, &notice); err != nil {
		return agent.Notice{}, fmt.Errorf("%w: a notice that is not JSON: %w", frame.ErrGarbage, err)
	}
	if notice.Kind == "" {
		return agent.Notice{}, fmt.Errorf("%w: a notice without a kind", frame.ErrGarbage)
	}
	return notice, nil
}
