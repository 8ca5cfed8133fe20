package intercepted

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// refusal is the answer of the agent, or of the user's proxy, to who wants to be connected.
type refusal struct {
	host, message string
	status        int
	problem       string // the agent's code; "" if it is not the agent that answers
	hints         []string
}

func (e *refusal) Error() string {
	return "the program is not connected with " + e.host + ": " + strings.Join(append([]string{e.message}, e.hints...), "; ")
}

const mostRefusal = 64 << 10 // bytes

// readRefusal returns the refusal in an answer.
func readRefusal(host string, response *http.Response) *refusal {
	refused := &refusal{host: host, status: response.StatusCode, message: "the proxy answers " + response.Status}
	body, _ := io.ReadAll(io.LimitReader(response.Body, mostRefusal))
	if problem, ok := errors.AsType[*agent.Problem](local.ParseProblem(response.StatusCode, body)); ok {
		refused.problem, refused.message, refused.hints = string(problem.Code), problem.Message, problem.Hints
	}
	return refused
}

// fail answers that the program is not connected.
func (p *proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the program has gone
	}
	refused, ok := errors.AsType[*refusal](err)
	switch {
	case ok:
	case p.way.isAgents(r.Host):
		refused = &refusal{host: r.Host, status: http.StatusBadGateway, message: "the agent cannot be reached: " + err.Error()}
	default:
		refused = &refusal{host: r.Host, status: http.StatusBadGateway, message: err.Error()}
	}
	p.tell(refused)
	if refused.problem != "" {
		w.Header().Set(local.HeaderProblem, refused.problem)
	}
	http.Error(w, "anaplan-agent: "+refused.message, refused.status)
}

// tell says once why a program is not connected: most programs print no more of it than a number.
func (p *proxy) tell(refused *refusal) {
	if _, before := p.told.LoadOrStore(refused.Error(), true); !before {
		p.warn("%s", printable.Line(refused.Error()))
	}
}
