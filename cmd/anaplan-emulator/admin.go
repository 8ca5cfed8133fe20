package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// maxAdminBody bounds what the administration reads.
const maxAdminBody = 1 << 20

// admin does over HTTP what a tenant administrator, or bad weather, does.
type admin struct {
	service *anaplantest.Service
	log     *slog.Logger
}

// newHandler puts the administration beside the emulated hosts.
func newHandler(service *anaplantest.Service, log *slog.Logger) http.Handler {
	a := &admin{service, log}
	mux := http.NewServeMux()
	mux.Handle("/", service)
	// Nothing below /emulator/ ever reaches the emulated hosts, so that a typing
	// error is not taken for an answer of Anaplan, and no fault befalls the
	// administration.
	mux.Handle("/emulator/", a.act(func(*http.Request) (any, error) { return nil, errNoPath }))
	mux.Handle("GET /emulator/certificates", a.act(a.list))
	mux.Handle("POST /emulator/certificates", a.act(a.register))
	mux.Handle("DELETE /emulator/certificates/{id}", a.act(byID(service.Delete)))
	mux.Handle("POST /emulator/certificates/{id}/disable", a.act(byID(service.Disable)))
	mux.Handle("POST /emulator/certificates/{id}/enable", a.act(byID(service.Enable)))
	mux.Handle("POST /emulator/faults", a.act(a.fault))
	mux.Handle("DELETE /emulator/faults", a.act(a.clearFaults))
	mux.Handle("POST /emulator/outcomes", a.act(a.outcome))
	mux.Handle("POST /emulator/models", a.act(a.model))
	mux.HandleFunc("GET /emulator/lists/{name}", a.sendList)
	mux.Handle("PUT /emulator/files/{name}", a.act(a.setFile))
	mux.HandleFunc("GET /emulator/files/{name}", a.sendFile)
	mux.Handle("POST /emulator/revoke", a.act(a.revoke))
	mux.Handle("GET /emulator/counters", a.act(a.counters))
	return mux
}

// errNoPath: the administration has no such path.
var errNoPath = errors.New("there is nothing of that method and path; see anaplan-emulator --help")

// action is one thing that the administration does. Its result is sent as JSON;
// nil is an empty answer.
type action func(r *http.Request) (any, error)

// act answers requests with what an action returns, and logs them.
func (a *admin) act(do action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A certificate has two kilobytes, a fault less than one; files for tests are small.
		r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
		result, err := do(r)
		status, reason := http.StatusOK, ""
		switch {
		case err != nil:
			// In words to the caller too, unlike Anaplan: this is not part of what is emulated.
			status, reason = statusOf(err), err.Error()
			result = map[string]string{"error": reason}
		case result == nil:
			// What was asked for is done, and there is nothing to say.
			status = http.StatusNoContent
		}
		// The reason quotes ids and names of faults, but never a file's content.
		a.log.Info("administration", "method", r.Method, "path", r.URL.Path, "status", status, "reason", reason)
		send(w, status, result)
	})
}

// send writes an answer.
func send(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// statusOf returns the status for an error. What is not known here is the
// request's fault: the actions do nothing else that can fail.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errNoPath), errors.Is(err, anaplantest.ErrNotRegistered), errors.Is(err, anaplantest.ErrNoSuchThing):
		return http.StatusNotFound
	case errors.Is(err, anaplantest.ErrDuplicate):
		return http.StatusConflict
	}
	return http.StatusBadRequest
}

// byID makes an action of one that concerns the certificate in the path.
func byID(do func(id string) error) action {
	return func(r *http.Request) (any, error) { return nil, do(r.PathValue("id")) }
}

// list answers with what an administrator sees in Anaplan.
func (a *admin) list(*http.Request) (any, error) {
	return map[string]any{"certificates": a.service.Certificates()}, nil
}

// register takes a PEM file as the whole body: curl --data-binary, for -d eats the
// line ends.
func (a *admin) register(r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	// By the file, not the certificate in it: what Anaplan refuses of files is refused.
	added, err := a.service.Register(text)
	if err != nil {
		return nil, err
	}
	return added, nil
}

// revoke ends all tokens; by value would put a token into a command line.
func (a *admin) revoke(*http.Request) (any, error) {
	return map[string]int{"revoked": a.service.RevokeAll()}, nil
}

// counters tells what has happened so far. They are never reset: compare two.
func (a *admin) counters(*http.Request) (any, error) { return a.service.Counts(), nil }

// clearFaults drops the faults to come. One that hangs already hangs on.
func (a *admin) clearFaults(*http.Request) (any, error) {
	a.service.ClearFaults()
	return nil, nil
}

// fault scripts a fault.
func (a *admin) fault(r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the fault: %w", err)
	}
	order, err := parseFault(text)
	if err != nil {
		return nil, err
	}
	made, err := order.make(a.service)
	if err != nil {
		return nil, err
	}
	// Only now that all of it is known to be good: half a fault must befall nobody.
	a.service.Fault(order.Path, order.Times, made)
	return nil, nil
}

// outcome plans how tasks end.
func (a *admin) outcome(r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the outcome: %w", err)
	}
	order, err := parseOutcome(text)
	if err != nil {
		return nil, err
	}
	made, err := order.make()
	if err != nil {
		return nil, err
	}
	return nil, a.service.TaskOutcome(order.ID, order.Times, made)
}

// setFile takes the content of a file as the whole body.
func (a *admin) setFile(r *http.Request) (any, error) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	return nil, a.service.SetFile(r.PathValue("name"), content)
}

// sendFile answers with what is in a file, as it is.
func (a *admin) sendFile(w http.ResponseWriter, r *http.Request) {
	content, ok := a.service.FileContent(r.PathValue("name"))
	var err error
	if !ok {
		err = fmt.Errorf("%w, or nothing in it: file %q", anaplantest.ErrNoSuchThing, r.PathValue("name"))
	}
	a.sendText(w, r, "application/octet-stream", content, err)
}

// sendList answers with the items of a list, as CSV.
func (a *admin) sendList(w http.ResponseWriter, r *http.Request) {
	table, err := a.service.ListItems(r.PathValue("name"))
	a.sendText(w, r, "text/csv; charset=UTF-8", []byte(table), err)
}

// sendText answers with what is not JSON, or with the error.
func (a *admin) sendText(w http.ResponseWriter, r *http.Request, contentType string, text []byte, err error) {
	if err != nil {
		a.act(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
		return
	}
	a.log.Info("administration", "method", r.Method, "path", r.URL.Path, "status", http.StatusOK, "reason", "")
	w.Header().Set("Content-Type", contentType)
	w.Write(text)
}
