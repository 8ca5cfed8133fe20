package signer

import "github.com/anaplan-agent/anaplan-agent/agent/frame"

// The kinds of frames between an agent and its signers.
const (
	kindOrder   frame.Kind = 1 // to the child: an Order as JSON, without its PIN
	kindPIN     frame.Kind = 2 // to the child, after an order that says so: the PIN as it is
	kindNotice  frame.Kind = 3 // from the child, any number: an agent.Notice as JSON
	kindLogin   frame.Kind = 4 // from the child, its result: see encodeLogin
	kindProblem frame.Kind = 5 // from the child, its result: an agent.Problem as JSON
	kindMemory  frame.Kind = 6 // from the child, any number: what the parent shall remember, as JSON
)

const maxPayload = 64 << 10 // bytes in a frame; what needs more is not an order or a result
