package explain

// From an error to a problem, the form in which the agent's processes tell each other what
// went wrong, and callers are told.

import (
	"errors"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// Problem returns err as a problem; nil for nil.
func (t Table) Problem(err error) *agent.Problem {
	problem, _ := t.problem(err)
	return problem
}

// ProblemForAgent is Problem for what the agent keeps and tells every caller. It adds how to make
// the agent try again where it does not by itself. It leaves out hints with a flag, since a command
// with one bypasses the agent.
func (t Table) ProblemForAgent(err error) *agent.Problem {
	problem, hints := t.problem(err)
	if problem == nil || !problem.Final {
		return problem
	}
	told := *problem
	if hints != nil {
		told.Hints = nil
		for _, hint := range hints {
			if hint.Flag == "" {
				told.Hints = append(told.Hints, hint.Text)
			}
		}
	}
	told.Hints = append(told.Hints[:len(told.Hints):len(told.Hints)], Again(told.Code))
	return &told
}

// problem returns the problem and the hints that it was made from; hints are nil if err is a
// problem already.
func (t Table) problem(err error) (*agent.Problem, []Hint) {
	if err == nil {
		return nil, nil
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return problem, nil
	}
	row, explained := t.row(err), t.Explain(err)
	problem := &agent.Problem{
		Code: row.Code, Message: explained.Text, Hints: explained.Hints,
		Human: explained.Exit == Human, Attend: row.Attend, Final: row.Final, Wait: row.Wait, PIN: row.PIN,
	}
	if problem.Code == "" {
		problem.Code = agent.CodeInternal
	}
	return problem, row.Hints
}

// Again says what to call once a final problem is put right.
func Again(code agent.Code) string {
	switch code {
	case agent.CodePINRefused:
		return "to type the right PIN on a terminal, or once it is corrected where it comes from: " + build.Program + " unlock; if the one that was sent is right, to send it again: " + build.Program + " unlock --pin-changed"
	case agent.CodePINNeeded:
		return "once that is put right, or to type the PIN on a terminal: " + build.Program + " unlock"
	case agent.CodeSettings:
		return "once that is put right: " + build.Program + " reload"
	}
	return "once that is put right: " + build.Program + " login"
}

// ofProblem returns a problem as the person who called sees it.
func ofProblem(problem *agent.Problem) Explanation {
	e := Explanation{Text: problem.Message, Hints: slices.Clip(problem.Hints), Exit: Failed}
	switch {
	case problem.Human:
		e.Exit = Human
	case problem.Code == agent.CodeBadRequest || problem.Code == agent.CodeUnknownProfile || problem.Code == agent.CodeSettings:
		e.Exit = Usage
	}
	return e
}
