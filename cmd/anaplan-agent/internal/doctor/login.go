package doctor

// A login and out again, as the agent makes it: a signer process signs, and the login service
// takes that or not. Then whose it is, and whether the API takes the token too.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// checkLogin signs, and logs in if there is a way.
func (x *examination) checkLogin() {
	if why := x.whyNotSign(); why != "" {
		x.skip("anaplan.sign", why)
		x.skip("anaplan.login", "there is no signed login: "+why)
		return
	}
	signed, ok := x.sign()
	if !ok {
		x.skip("anaplan.login", "there is no signed login")
		return
	}
	if why := x.whyNotLogin(); why != "" {
		x.skip("anaplan.login", why)
		return
	}
	x.logIn(signed)
}

// whyNotSign returns why nothing is signed; "" if it is.
func (x *examination) whyNotSign() string {
	switch {
	case x.options.LoginChosen && !x.options.Login:
		return "--login=false"
	case x.profile != nil && len(x.profile.Keys) == 0:
		return "the settings do not name a key"
	case x.profile == nil || x.noKey:
		return "the settings are wrong"
	case x.devices.ready() == nil:
		return "there is no key that can log in"
	case x.pin.state.refused:
		return "the PIN was refused before, and is not sent again"
	}
	if why := x.whyNoPIN(); why != "" {
		return why
	}
	return x.whyNoPerson()
}

// whyNoPIN returns why no PIN may or can be sent to the device; "" if one can.
func (x *examination) whyNoPIN() string {
	facts, source := x.devices.ready(), firstSource(x.profile)
	switch {
	case facts.NoPIN:
		return ""
	case facts.PINSpent != "":
		return facts.PINSpent
	case facts.PINDoubt != "" && !x.options.Login:
		return facts.PINDoubt
	case x.pin.state.missing:
		return "no PIN is available"
	case source.Kind == config.PINCredential && x.pin.state.serviceOnly:
		return "only the agent's service gets the PIN; " + build.Program + " login makes the agent log in"
	case source.Kind == config.PINNone:
		return `the device wants a PIN, and pin is "none"`
	}
	return ""
}

// whyNoPerson returns why a missing person is needed; "" if none is needed, or --login says that
// one is there.
func (x *examination) whyNoPerson() string {
	facts := x.devices.ready()
	wanted := ""
	switch {
	case !facts.NoPIN && pin.Interactive(firstSource(x.profile)):
		wanted = "a person has to give the PIN"
	case !facts.NoPIN && facts.PINPad && !x.profile.NoPINPad:
		wanted = "a person has to type the PIN on the device"
	case facts.Touch:
		wanted = "a person has to touch the card"
	}
	switch {
	case wanted == "":
		return ""
	case !x.options.Login:
		return wanted + "; --login asks for that"
	case !device.HasTerminal():
		return wanted + ", and there is no terminal to ask on"
	}
	return ""
}

// sign has a signer process make a login, with the PIN of a person if it takes one.
func (x *examination) sign() (*agent.Login, bool) {
	attended := x.options.Login && device.HasTerminal()
	signed, err := x.signWith(nil, attended)
	problem := agent.ProblemOf(err)
	if problem != nil && problem.Code == agent.CodePINNeeded && problem.PIN != nil && problem.PIN.LastTry == "" && attended {
		var secret []byte
		if secret, err = x.askForPIN(problem.PIN.Question); err == nil {
			signed, err = x.signWith(secret, attended)
			clear(secret)
		}
		problem = agent.ProblemOf(err)
	}
	switch {
	case problem == nil:
		x.ok("anaplan.sign", "the device has signed a login, and the certificate's public key verifies it")
		return signed, true
	case problem.PIN != nil && problem.PIN.LastTry != "":
		x.skip("anaplan.sign", problem.Message)
	default:
		x.failed("anaplan.sign", forThisCommand(problem))
	}
	return nil, false
}

// forThisCommand returns a signer's problem with hints for this command: a signer's own are for the
// agent.
func forThisCommand(problem *agent.Problem) *agent.Problem {
	told := *problem
	told.Hints = slices.DeleteFunc(slices.Clone(told.Hints), func(hint string) bool { return hint == explain.Again(problem.Code) })
	if problem.Code == agent.CodePINRefused {
		told.Hints = append(told.Hints, "if it is the right one: the failed command once with --pin-changed")
	}
	return &told
}

// askForPIN asks at the terminal.
func (x *examination) askForPIN(question string) ([]byte, error) {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	return agentclient.AskPIN(x.ctx, terminal, question)
}

// signWith has a signer process make a login. The PIN's last try is never spent: nobody is
// said to have agreed to that.
func (x *examination) signWith(secret []byte, attended bool) (*agent.Login, error) {
	forSigner := login.SettingsForSigner(x.profile)
	forSigner.PINChanged, forSigner.Unrecorded = x.settings.PINChanged, x.settings.Unrecorded
	text, err := json.Marshal(forSigner)
	if err != nil {
		return nil, err
	}
	notify := func(notice agent.Notice) {
		if notice.Kind == agent.NoticeTouch {
			x.say.Now(notice.Message)
		}
	}
	signers := login.NewSigners(nil)
	defer signers.Wait() // for the device, which is looked at again
	return signers.Sign(x.ctx, signer.Order{
		Settings: text, PIN: secret, Attended: attended, Timeout: x.profile.Timeout + login.LastWords, Device: device.LockName(x.profile.Keys[0]),
	}, notify)
}

// whyNotLogin returns why a signed login is not sent; "" if it is.
func (x *examination) whyNotLogin() string {
	switch {
	case x.options.Offline:
		return "--offline"
	case x.hosts.Auth == "":
		return "the settings do not say which Anaplan is meant"
	case x.network.clockWrong:
		return "with this clock the login would be refused"
	case !x.network.reached:
		return "the login service cannot be reached"
	}
	return ""
}

// logIn logs in, looks who that is, and logs out.
func (x *examination) logIn(signed *agent.Login) {
	ctx, cancel := context.WithTimeoutCause(x.ctx, x.profile.Timeout, console.TimeoutError{Limit: x.profile.Timeout})
	defer cancel()
	client, err := settings.NewClient(x.profile, nil)
	if err != nil {
		x.failed("anaplan.login", err)
		return
	}
	token, err := client.Authenticate(ctx, signed)
	if err != nil {
		x.failed("anaplan.login", err)
		return
	}
	x.ok("anaplan.login", "%s has taken the login; the token is good until %s", x.hosts.Auth, token.ExpiresAt.UTC().Format(time.RFC3339))
	x.identify(ctx, client, token, agent.Email(signed.Certificate))
	x.askAPI(ctx, token)
	if err := login.EndToken(x.ctx, client, token); err != nil {
		x.warn("anaplan.logout", "it ends by itself at "+token.ExpiresAt.UTC().Format(time.RFC3339), "the token of this examination could not be ended: %v", err)
		return
	}
	x.ok("anaplan.logout", "the token of this examination is ended")
}

// identify asks which user the certificate stands for.
func (x *examination) identify(ctx context.Context, client *anaplan.Client, token agent.Token, email string) {
	who, err := client.Validate(ctx, token)
	switch {
	case err != nil:
		x.failed("anaplan.validate", err)
	case email != "" && !strings.EqualFold(email, who.UserID):
		x.warn("anaplan.user", "look at both in Anaplan: Administration > Security > Certificates, and Users; the user's address may have been changed since the certificate was registered",
			"the certificate names %s, and Anaplan takes it for %s, whose rights its calls have", email, who.UserID)
	default:
		x.ok("anaplan.user", "Anaplan takes the certificate for %s", who.UserID)
	}
}

// askAPI asks the API host whose token it is: it may be of another region than the login.
func (x *examination) askAPI(ctx context.Context, token agent.Token) {
	status, email, err := x.usersMe(ctx, token)
	switch {
	case err != nil:
		x.failed("anaplan.api", fmt.Errorf("%s: %w", x.hosts.API, err))
	case status == http.StatusUnauthorized:
		x.fail("anaplan.api", "auth_url and api_url must be of one region, that of your tenant: say region = \"NAME\" in place of both",
			"%s does not take the token that %s has made (HTTP 401)", x.hosts.API, x.hosts.Auth)
	case status == http.StatusForbidden:
		x.fail("anaplan.api", "ask your tenant's administrator whether this user may use the API, and whether this machine's address is in the IP allowlist", "%s refuses the user (HTTP 403)", x.hosts.API)
	case status/100 != 2:
		x.warn("anaplan.api", "try again later; status.anaplan.com tells of trouble on Anaplan's side", "%s answers HTTP %d when it is asked for the user", x.hosts.API, status)
	case email == "":
		x.warn("anaplan.api", "look at api_url and the proxy: something changes the answers", "%s answers, and does not say who the user is", x.hosts.API)
	default:
		x.ok("anaplan.api", "%s takes the token, for %s", x.hosts.API, email)
	}
}

// usersMe is GET /2/0/users/me (contract section 6).
func (x *examination) usersMe(ctx context.Context, token agent.Token) (status int, email string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	roots, err := settings.ReadRoots(x.profile.CAFile)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, x.hosts.API+"/2/0/users/me", nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "AnaplanAuthToken "+token.Value.Reveal())
	request.Header.Set("User-Agent", build.Program+"/"+build.Version())
	transport := proxy.NewBase(roots)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", errors.New("it cannot be reached: " + x.clean(err.Error()))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	var said struct {
		User struct {
			Email string `json:"email"`
		} `json:"user"`
	}
	if json.Unmarshal(body, &said) != nil {
		said.User.Email = ""
	}
	return response.StatusCode, said.User.Email, err
}
