package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// Each row is given for its error, and not hidden by one above it.
func TestRows(t *testing.T) {
	for _, row := range explanations() {
		if row.Is == nil || row.Exit == 0 { // a partial one completes another, see TestExplain
			continue
		}
		err := fmt.Errorf("signing: %w", row.Is)
		got, problem := explanations().Explain(err), explanations().Problem(err)
		var hints []string
		for _, hint := range row.Hints {
			hints = append(hints, hint.String())
		}
		if got.Exit != row.Exit || !slices.Equal(got.Hints[:len(hints)], hints) || got.Text != err.Error() {
			t.Errorf("%v: exit code %d and hints %q, want %d and %q", row.Is, got.Exit, got.Hints, row.Exit, hints)
		}
		if row.Code != "" && problem.Code != row.Code || problem.Final != row.Final || problem.Message != err.Error() {
			t.Errorf("%v: %+v, want %s, %v", row.Is, problem, row.Code, row.Final)
		}
	}
}

func TestExplain(t *testing.T) {
	skew := &anaplan.ClockSkewError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential}}
	stale := &anaplan.StalePayloadError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential}}
	tests := []struct {
		name string
		err  error
		code int
		hint string
	}{
		{"wrong call", explain.Usagef("anaplan-agent token", "unknown flag"), explain.Usage, "anaplan-agent token --help"},
		{"refused PIN", &hardware.PINError{}, explain.Human, "the PIN was sent once"},
		{"locked PIN", &hardware.PINError{Locked: true}, explain.Human, "security officer"},
		{"PIN refused by a card", &piv.CardError{Err: &hardware.PINError{Counter: hardware.TryCounter(2)}}, explain.Human, "the PIN was sent once"},
		{"PIN blocked on a card", &piv.CardError{Err: &hardware.PINError{Locked: true}}, explain.Human, "ykman piv access unblock-pin"},
		{"PIN and PUK blocked", &piv.CardError{Err: &hardware.PINError{Locked: true, ResetOnly: true}}, explain.Human, "ykman piv reset"},
		{"empty slot", fmt.Errorf("login: %w", &piv.CardError{Err: hardware.ErrNoKey}), explain.Failed, "keys --key piv: lists"},
		{"no such key on a token", hardware.ErrNoKey, explain.Failed, "without object and id"},
		{"touch in vain, since time was up", fmt.Errorf("%w: %w", piv.ErrNotTouched, console.TimeoutError{}), explain.Human, "when it blinks"},
		{"PIN refused before", &pin.RefusedError{}, explain.Human, "--pin-changed"},
		{"ambiguous", &hardware.AmbiguousError{What: "keys"}, explain.Usage, "copy one of these"},
		{"clock, which is a bad credential too", skew, explain.Human, "set this machine's clock"},
		{"old payload, which is a bad credential too", stale, explain.Failed, "sign --key ADDRESS"},
		{"no way to ask for a PIN", fmt.Errorf("%w: %w", hardware.ErrPINNeeded, console.ErrNoTerminal), explain.Human, "or say where the PIN is"},
		{"module, with those of this machine", hsm.ErrModule, explain.Failed, "?module-path="},
		{"locked PIN, and what unlocks it", &hardware.PINError{Locked: true, Unlock: "TOOL"}, explain.Human, "to unlock it and set a new PIN: TOOL"},
		{"certificate that is not stored", hardware.ErrNotStored, explain.Failed, "the key is in the device, and safe"},
		{"nor for want of a management key", fmt.Errorf("%w: %w", hardware.ErrNotStored, piv.ErrManagementKey), explain.Human, "with that put right, the same command stores"},
		{"anything else", errors.New("disk full"), explain.Failed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := explanations().Explain(fmt.Errorf("token %q: %w", "demo", test.err))
			if got.Exit != test.code || !strings.Contains(strings.Join(got.Hints, "\n"), test.hint) {
				t.Errorf("exit code %d and hints %q, want %d and %q", got.Exit, got.Hints, test.code, test.hint)
			}
		})
	}
}

// TestEveryErrorHasARow: an error that no row is about is tried again for ever, and helps nobody
// who reads it. Those below are never told as they are.
func TestEveryErrorHasARow(t *testing.T) {
	never := map[string]string{
		"agent.ErrFormat":         "the formats are checked with the settings",
		"agent.PanicError":        "it is a mistake of this program, and stands for itself",
		"anaplan.ErrHeaderForm":   "the forms are checked with the settings",
		"anaplan.ErrUserAgent":    "the program has one",
		"audit.ErrInUse":          "it is told at the start of an agent, and stands for itself",
		"audit.BrokenError":       "audit verify prints it as its result",
		"ber.ErrCut":              "the reader of the file or device says what is damaged",
		"ber.ErrNotASN1":          "the reader of the file or device says what is damaged",
		"fair.BusyError":          "agent/server answers it",
		"frame.ErrGarbage":        "the process that has started the child says what became of it",
		"frame.ErrTooLarge":       "the process that has started the child says what became of it",
		"hardware.ErrPINNotRead":  "it tells pin that a wait is worth it",
		"hardware.ErrPINNotSent":  "it tells pin that the device saw nothing, and wraps why",
		"hardware.ErrPINUnproven": "it tells pin that a signature has to show it",
		"loader.ErrNotModule":     "it is within hsm.ErrModule",
		"modules.ErrModule":       "it is hsm.ErrModule",
		"mutualtls.ErrNoPair":     "the log says why there is none, and the handshake fails",
		"owned.Error":             "it is ErrExposed",
		"pcsc.Error":              "package piv puts it into words",
		"phantom.ErrExpired":      "agent/server answers it",
		"phantom.ErrRevoked":      "agent/server answers it",
		"phantom.ErrTooMany":      "agent/server answers it",
		"phantom.ErrUnknown":      "agent/server answers it",
		"progress.SilenceError":   "hsm.Transient says that it passes, and it names the module",
		"proxy.ToldError":         "it is told as what it wraps",
		"proxy.ErrAnswerCut":      "agent/server answers it",
		"proxy.ErrBodyCut":        "agent/server answers it",
		"proxy.ErrGone":           "agent/server answers it",
		"proxy.ErrMethod":         "agent/server answers it",
		"proxy.ErrPath":           "agent/server answers it",
		"proxy.ErrRedirect":       "agent/server answers it",
		"proxy.ErrSlowBody":       "agent/server answers it",
		"proxy.ErrUpgrade":        "agent/server answers it",
		"proxy.UnreachableError":  "agent/server answers it",
		"record.ErrChanged":       "agent/lease reads the lease again",
		"record.ErrNone":          "agent/lease makes the lease",
		"rv.Error":                "hsm.Transient says whether it passes, and it is words already",
		"rv.UnwritableError":      "it is within hsm.ErrNotMade and the like",
		"textfile.ErrUTF16":       "it is within the error of what was read, and names the remedy",
		"tunnel.RefusedError":     "agent/server answers it",
		"upstream.ProxyError":     "it is within anaplan.ErrUnreachable or proxy.UnreachableError",
	}
	rows := errorsIn(t, "rows*.go", "internal/*/rows.go")
	root := filepath.Join("..", "..")
	for name := range exportedErrors(t, filepath.Join(root, "hsm"), filepath.Join(root, "piv"), filepath.Join(root, "agent")) {
		if _, told := never[name]; rows[name] == told {
			t.Errorf("%s: it has a row: %v, and is never told as it is: %v", name, rows[name], told)
		}
	}
}

// errorsIn returns the names that files use of other packages, as hardware.ErrNoKey.
func errorsIn(t *testing.T, patterns ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v %v", pattern, files, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				if selector, ok := node.(*ast.SelectorExpr); ok {
					if of, ok := selector.X.(*ast.Ident); ok {
						names[of.Name+"."+selector.Sel.Name] = true
					}
				}
				return true
			})
		}
	}
	return names
}

// exportedErrors returns the exported sentinels and error types of the packages below some
// directories.
func exportedErrors(t *testing.T, roots ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			if strings.HasSuffix(file.Name.Name, "test") { // for tests
				return nil
			}
			for _, declaration := range file.Decls {
				for _, name := range errorNames(declaration) {
					if ast.IsExported(name) {
						names[file.Name.Name+"."+name] = true
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// errorNames returns the variables Err... and the types with a method Error of a declaration.
func errorNames(declaration ast.Decl) (names []string) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || d.Name.Name != "Error" {
			return nil
		}
		of := d.Recv.List[0].Type
		if pointer, ok := of.(*ast.StarExpr); ok {
			of = pointer.X
		}
		return []string{of.(*ast.Ident).Name}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
				for _, name := range value.Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

func TestProblemOf(t *testing.T) {
	refusal := func(kind error, attempts int, wait time.Duration) error {
		return &anaplan.AnswerError{Kind: kind, Attempts: attempts, RetryAfter: wait}
	}
	skew := &anaplan.ClockSkewError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential, Attempts: 1}}
	stale := &anaplan.StalePayloadError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential, Attempts: 1}}
	for name, test := range map[string]struct {
		err   error
		code  agent.Code
		human bool
		final bool
		wait  time.Duration
	}{
		"refused by a token":               {&hardware.PINError{}, agent.CodePINRefused, true, true, 0},
		"refused by a card":                {&hardware.PINError{Counter: hardware.TryCounter(2)}, agent.CodePINRefused, true, true, 0},
		"refused before":                   {&pin.RefusedError{}, agent.CodePINRefused, true, true, 0},
		"no clear answer, and not again":   {&pin.SpentError{Err: errors.New("CKR_DEVICE_ERROR")}, agent.CodePINRefused, true, true, 0},
		"no clear answer, and again":       {&pin.WaitError{Wait: 4 * time.Second}, agent.CodeDeviceFailed, false, false, 4 * time.Second},
		"no clear answer to a typed PIN":   {&hardware.PINUnclearError{Err: errors.New("CKR_USER_TYPE_INVALID")}, agent.CodeDeviceFailed, false, false, 0},
		"a card pulled at the PIN":         {&hardware.PINUnclearError{Err: piv.ErrRemoved}, agent.CodeDeviceAbsent, true, false, 0},
		"the PIN of another card":          {&pin.OtherDeviceError{}, agent.CodeDeviceAbsent, true, false, 0},
		"a note that cannot be read":       {&pin.DoubtError{Err: errors.New("permission denied")}, agent.CodePINNeeded, true, true, 0},
		"two lines in the PIN file":        {&pin.MistakeError{}, agent.CodePINNeeded, true, true, 0},
		"nothing can be written down":      {pin.ErrUnrecorded, agent.CodePINNeeded, true, true, 0},
		"two tokens":                       {&hardware.AmbiguousError{What: "tokens"}, agent.CodeKeyUnusable, false, true, 0},
		"no terminal":                      {fmt.Errorf("%w: %w", hardware.ErrPINNeeded, console.ErrNoTerminal), agent.CodePINNeeded, true, false, 0},
		"not registered":                   {refusal(anaplan.ErrBadCredential, 1, 0), agent.CodeLoginRefused, true, true, 0},
		"refused after an answer was lost": {refusal(anaplan.ErrBadCredential, 2, 0), agent.CodeLoginRefused, true, false, 0},
		"a wrong clock":                    {skew, agent.CodeLoginRefused, true, false, 0},
		"a login that got too old":         {stale, agent.CodeLoginRefused, false, false, 0},
		"another header form is wanted":    {refusal(anaplan.ErrBadHeader, 1, 0), agent.CodeServerRefused, false, true, 0},
		"a web page":                       {refusal(anaplan.ErrBlocked, 1, 0), agent.CodeServerRefused, false, false, 0},
		"a redirect":                       {refusal(anaplan.ErrRedirect, 1, 0), agent.CodeServerRefused, false, false, 0},
		"a request that is not understood": {refusal(anaplan.ErrBadRequest, 1, 0), agent.CodeServerRefused, false, false, 0},
		"an answer of no use":              {refusal(anaplan.ErrResponse, 1, 0), agent.CodeServerRefused, false, false, 0},
		"patience":                         {refusal(anaplan.ErrRateLimited, 4, 7*time.Second), agent.CodeRateLimited, false, false, 7 * time.Second},
		"patience without a time":          {refusal(anaplan.ErrRateLimited, 4, 0), agent.CodeRateLimited, false, false, login.LimitedWait},
		"maintenance with a time":          {refusal(anaplan.ErrUnavailable, 4, time.Minute), agent.CodeUnreachable, false, false, time.Minute},
		"unknown":                          {errors.New("disk full"), agent.CodeInternal, false, false, 0},
		"a problem already":                {fmt.Errorf("x: %w", &agent.Problem{Code: agent.CodeLocked, Human: true}), agent.CodeLocked, true, false, 0},
	} {
		got := explanations().Problem(test.err)
		if got.Code != test.code || got.Human != test.human || got.Final != test.final || got.Wait != test.wait {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if explanations().Problem(nil) != nil {
		t.Error("no error is a problem")
	}
}

// A problem that comes from the agent ends a command as the error itself would.
func TestExplainProblem(t *testing.T) {
	for code, problem := range map[int]*agent.Problem{
		explain.Human:  {Code: agent.CodePINRefused, Human: true},
		explain.Usage:  {Code: agent.CodeUnknownProfile},
		explain.Failed: {Code: agent.CodeUnreachable},
	} {
		problem.Message, problem.Hints = "words", []string{"do this"}
		got := explanations().Explain(fmt.Errorf("asking: %w", problem))
		if got.Exit != code || got.Text != "words" || len(got.Hints) != 1 {
			t.Errorf("%s: got %+v, want exit code %d", problem.Code, got, code)
		}
	}
}
