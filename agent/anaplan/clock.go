package anaplan

import "time"

// clockTolerance is how far clocks may be apart before they are blamed for a
// refusal; the service's own tolerance is not known (contract section 1.3).
const clockTolerance = time.Minute

// judgeTime blames a refusal on the time in the message, if by the service's
// clock that is wrong: on this machine's clock where that explains most of it, or
// else on the age of the payload. local and remote are one moment, the
// arrival of the refusal, by the two clocks.
func judgeTime(refusal *AnswerError, made, local, remote time.Time) error {
	age, skew := remote.Sub(made), local.Sub(remote)
	switch {
	case age.Abs() <= clockTolerance:
		return refusal
	case skew.Abs() > clockTolerance && skew.Abs() >= local.Sub(made).Abs():
		return &ClockSkewError{AnswerError: *refusal, Skew: skew}
	}
	return &StalePayloadError{AnswerError: *refusal, Age: age}
}
