package agent

import "github.com/anaplan-agent/anaplan-agent/agent/backoff"

// complaints are those of callers that found a token refused. A caller that finds one after the
// other refused is not believed every time: each costs a signature.
type complaints struct {
	refused  uint64 // the generation of the last one
	believed int    // in a row
	next     moment // before that no other is believed
}

// hear returns nil if a token of that generation is to be replaced, and else why not: the one
// before it was, just now.
func (c *complaints) hear(generation uint64, now moment) *Problem {
	if wait := c.next.until(now); wait > 0 {
		return &Problem{
			Code: CodeServerRefused, Wait: wait,
			Message: "the token before was replaced just now, because it was refused too; something else than the token is refused",
		}
	}
	if now.mono.Sub(c.next.mono) > believeAgain {
		c.believed = 0
	}
	c.refused, c.next = generation, now.add(backoff.Doubled(firstDemand, maxDemand, c.believed))
	c.believed++
	return nil
}
