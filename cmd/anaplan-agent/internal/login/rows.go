package login

import (
	"errors"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// LimitedWait is how long nothing is sent after a 429 that names no time.
const LimitedWait = 10 * time.Second

// Rows are what to do about Anaplan's answers, and the way there. Its codes do not tell an
// unregistered certificate from a disabled one (contract section 2.2), so the hint names both.
// What another try can mend is exit code 1, so that a scheduler may make it.
func Rows(on remedy.System) explain.Table {
	return explain.Table{
		{Is: errNoSigner, Exit: explain.Usage},
		{Is: errTokenSource, Exit: explain.Usage, Hints: explain.Hints(
			on.SetToken(build.Program+" token --output") + " puts a token into ANAPLAN_TOKEN; --token-from env:NAME, file:PATH or - says where else it is",
		)},
		{As: explain.Type[*anaplan.AnswerError], With: explain.With(waitsAsAsked)},
		{As: explain.Type[*anaplan.ClockSkewError], Says: "this machine's clock is", Exit: explain.Human, Code: agent.CodeLoginRefused, // the clock may be set
			Hints: explain.Hints("set this machine's clock, best by NTP (" + on.SetClock() + ")")},
		{As: explain.Type[*anaplan.StalePayloadError], Exit: explain.Failed, Code: agent.CodeLoginRefused, // the next one is newer
			Hints: explain.Hints(build.Program + " sign --key ADDRESS > payload.json, and use it at once")},
		{Is: anaplan.ErrBadCredential, Exit: explain.Human, Code: agent.CodeLoginRefused, Final: true, Hints: explain.Hints(
			"is the certificate registered and enabled? Anaplan: Administration > Security > Certificates",
			build.Program+" cert --key ADDRESS prints the one to register; region and --auth-url must be those of your tenant",
		), With: explain.With(mayBeLost)},
		{Is: anaplan.ErrBadHeader, Exit: explain.Failed, Code: agent.CodeServerRefused, Final: true, Hints: explain.Hints("try --header-form der")},
		{Is: anaplan.ErrRedirect, Exit: explain.Usage, Code: agent.CodeServerRefused, Hints: explain.Hints("look at --auth-url and --region")},
		{Is: anaplan.ErrBadRequest, Exit: explain.Failed, Code: agent.CodeServerRefused},
		{Is: anaplan.ErrBlocked, More: "a web page has answered: a firewall, a proxy or the tenant's IP allowlist is in the way. The agent tries again by itself, every five minutes at most ([reliability.md](reliability.md))", Exit: explain.Failed, Code: agent.CodeServerRefused, Hints: explain.Hints(
			"ask whether this machine's address is allowed: by your firewall or proxy, and in the tenant's IP allowlist",
		)},
		{Is: anaplan.ErrRefused, Exit: explain.Failed, Code: agent.CodeServerRefused, Hints: explain.Hints(
			"look at the proxy (HTTPS_PROXY), and ask whether this machine's address is in the tenant's IP allowlist",
		)},
		{Is: anaplan.ErrTokenRefused, Exit: explain.Failed, Code: agent.CodeServerRefused, Hints: explain.Hints(build.Program + " token makes a new one")},
		{Is: anaplan.ErrRateLimited, Exit: explain.Failed, Code: agent.CodeRateLimited, Wait: LimitedWait, Hints: explain.Hints(
			"use one token for its 35 minutes, not one for each call",
		)},
		{Is: anaplan.ErrUntrusted, More: "your company's proxy opens TLS: add its root with `--ca-file`", Exit: explain.Failed, Code: agent.CodeUnreachable, Hints: explain.Hints(
			"if your company's proxy or a test server presents this certificate, trust its CA: --ca-file FILE",
		), With: explain.With(noCertificate)},
		{Is: anaplan.ErrUnreachable, Exit: explain.Failed, Code: agent.CodeUnreachable, Hints: explain.Hints(
			"look at the network, the proxy (HTTPS_PROXY), --region and --auth-url",
		)},
		{Is: anaplan.ErrUnavailable, Exit: explain.Failed, Code: agent.CodeUnreachable, Hints: explain.Hints("try again later")},
		{Is: anaplan.ErrResponse, Exit: explain.Failed, Code: agent.CodeServerRefused, Hints: explain.Hints(
			"try again; if it stays so, something between here and Anaplan changes the answers: look at --auth-url and the proxy (HTTPS_PROXY)",
		)},
		{As: explain.Type[*anaplan.ConnectionError], Exit: explain.Failed, Code: agent.CodeUnreachable},
		{Is: anaplan.ErrPayload, Exit: explain.Failed, Hints: explain.Hints(build.Program + " sign prints a payload; hand it over as it is")},
	}
}

// waitsAsAsked has nothing sent for as long as Anaplan asks.
func waitsAsAsked(answer *anaplan.AnswerError, row *explain.Row) {
	if answer.RetryAfter > 0 {
		row.Wait = answer.RetryAfter
	}
}

// mayBeLost has one more login tell, where the refusal may be that of a login whose first
// answer got lost.
func mayBeLost(answer *anaplan.AnswerError, row *explain.Row) {
	row.Final = row.Final && !(answer.Attempts > 1 && errors.Is(answer, anaplan.ErrBadCredential))
}

// noCertificate leaves out what is about a certificate, where none was shown.
func noCertificate(broken *anaplan.ConnectionError, row *explain.Row) {
	if errors.Is(broken, anaplan.ErrUntrusted) && broken.Issuer == "" {
		row.Hints = explain.Hints("look at the proxy (HTTPS_PROXY), --region and --auth-url")
	}
}
