package doctor

// A login and out again, as the agent makes it: a signer process signs, and the login service
// takes that or not. Then whose it is, and whether the API takes the token too.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

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

// trial is a login and out again.
type trial struct {
	*Report
	ctx      context.Context
	settings *settings.Settings
	options  Options
	say      *console.Messenger

	// What is known by then.
	setUp
	key     *deviceFacts // of the first key that can log in; nil: none can
	pin     pinState
	network networkState
}

// signed is what is known of a key after a signature was tried.
type signed int

const (
	signedUnknown signed = iota // none was, or something else was in the way
	signedWell
	signedNot // the key cannot sign a login, by all that the device shows after its own login
)

// check signs, and logs in if there is a way.
func (t *trial) check() signed {
	if why := t.whyNotSign(); why != "" {
		t.skip("anaplan.sign", why)
		t.skip("anaplan.login", "there is no signed login: "+why)
		return signedUnknown
	}
	login, problem := t.sign()
	if login == nil {
		t.skip("anaplan.login", "there is no signed login")
		if problem != nil && problem.Code == agent.CodeKeyUnusable {
			return signedNot
		}
		return signedUnknown
	}
	if why := t.whyNotLogin(); why != "" {
		t.skip("anaplan.login", why)
		return signedWell
	}
	t.logIn(login)
	return signedWell
}

// whyNotSign returns why nothing is signed; "" if it is.
func (t *trial) whyNotSign() string {
	switch {
	case t.options.LoginChosen && !t.options.Login:
		return "--login=false"
	case t.profile != nil && len(t.profile.Keys) == 0:
		return "the settings do not name a key"
	case t.profile == nil || t.noKey:
		return "the settings are wrong"
	case t.key == nil:
		return "there is no key that can log in"
	case t.pin.refused:
		return "the PIN was refused before, and is not sent again"
	}
	return cmp.Or(t.whyNoPIN(), t.whyNoPerson())
}

// whyNoPIN returns why no PIN may or can be sent to the device; "" if one can.
func (t *trial) whyNoPIN() string {
	source := firstSource(t.profile)
	switch {
	case t.key.NoPIN:
		return ""
	case t.key.PINSpent != "":
		return t.key.PINSpent
	case t.key.PINDoubt != "" && !t.options.Login:
		return t.key.PINDoubt
	case t.pin.missing:
		return "no PIN is available"
	case source.Kind == config.PINCredential && t.pin.serviceOnly:
		return "only the agent's service gets the PIN; " + build.Program + " login makes the agent log in"
	case source.Kind == config.PINNone && !t.key.PINOptional:
		return `the device wants a PIN, and pin is "none"`
	}
	return ""
}

// whyNoPerson returns why a missing person is needed; "" if none is needed, or --login says that
// one is there.
func (t *trial) whyNoPerson() string {
	wanted := ""
	switch {
	case !t.key.NoPIN && pin.Interactive(firstSource(t.profile)):
		wanted = "a person has to give the PIN"
	case !t.key.NoPIN && t.key.PINPad && !t.profile.NoPINPad:
		wanted = "a person has to type the PIN on the device"
	case t.key.Touch:
		wanted = "a person has to touch the card"
	}
	switch {
	case wanted == "" || t.attended():
		return ""
	case !t.options.Login:
		return wanted + "; --login asks for that"
	}
	return wanted + ", and there is no terminal to ask on"
}

// attended reports whether a person is there who may be asked for something.
func (t *trial) attended() bool { return t.options.Login && device.HasTerminal() }

// sign has a signer process make a login, with the PIN of a person if it takes one. A problem is told.
func (t *trial) sign() (signed *agent.Login, problem *agent.Problem) {
	signed, err := t.signWith(nil)
	problem = agent.ProblemOf(err)
	if problem != nil && problem.Code == agent.CodePINNeeded && problem.PIN != nil && problem.PIN.LastTry == "" && t.attended() {
		var secret []byte
		if secret, err = t.askForPIN(problem.PIN.Question); err == nil {
			signed, err = t.signWith(secret)
			clear(secret)
		}
		problem = agent.ProblemOf(err)
	}
	switch {
	case problem == nil:
		t.ok("anaplan.sign", "the device has signed a login, and the certificate's public key verifies it")
		return signed, nil
	case problem.PIN != nil && problem.PIN.LastTry != "":
		t.skip("anaplan.sign", problem.Message)
	default:
		t.failed("anaplan.sign", forThisCommand(problem))
	}
	return nil, problem
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
func (t *trial) askForPIN(question string) ([]byte, error) {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	return agentclient.AskPIN(t.ctx, terminal, question)
}

// signWith has a signer process make a login. The PIN's last try is never spent: nobody is
// said to have agreed to that.
func (t *trial) signWith(secret []byte) (*agent.Login, error) {
	forSigner := login.SettingsForSigner(t.profile)
	forSigner.PINChanged, forSigner.Unrecorded = t.settings.PINChanged, t.settings.Unrecorded
	text, err := json.Marshal(forSigner)
	if err != nil {
		return nil, err
	}
	notify := func(notice agent.Notice) {
		if notice.Kind == agent.NoticeTouch {
			t.say.Now(notice.Message)
		}
	}
	signers := login.NewSigners(nil)
	defer signers.Wait() // for the device, which is looked at again
	return signers.Sign(t.ctx, signer.Order{
		Settings: text, PIN: secret, Attended: t.attended(), Timeout: t.profile.Timeout + login.LastWords, Device: device.LockName(t.profile.Keys[0]),
	}, notify)
}

// whyNotLogin returns why a signed login is not sent; "" if it is.
func (t *trial) whyNotLogin() string {
	switch {
	case t.options.Offline:
		return "--offline"
	case t.hosts.Auth == "":
		return "the settings do not say which Anaplan is meant"
	case t.network.clockWrong:
		return "with this clock the login would be refused"
	case !t.network.reached:
		return "the login service cannot be reached"
	}
	return ""
}

// logIn logs in, looks who that is, and logs out.
func (t *trial) logIn(signed *agent.Login) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, t.profile.Timeout, console.TimeoutError{Limit: t.profile.Timeout})
	defer cancel()
	var token agent.Token
	client, err := settings.NewClient(t.profile, nil)
	if err == nil {
		token, err = client.Authenticate(ctx, signed)
	}
	if err != nil {
		t.failed("anaplan.login", err)
		return
	}
	t.ok("anaplan.login", "%s has taken the login; the token is good until %s", t.hosts.Auth, console.Time(token.ExpiresAt))
	t.identify(ctx, client, token, agent.Email(signed.Certificate))
	t.askAPI(ctx, token)
	if err := login.EndToken(t.ctx, client, token); err != nil {
		t.warn("anaplan.logout", "it ends by itself at "+console.Time(token.ExpiresAt), "the token of this examination could not be ended: %v", err)
		return
	}
	t.ok("anaplan.logout", "the token of this examination is ended")
}

// identify asks which user the certificate stands for.
func (t *trial) identify(ctx context.Context, client *anaplan.Client, token agent.Token, email string) {
	who, err := client.Validate(ctx, token)
	switch {
	case err != nil:
		t.failed("anaplan.validate", err)
	case email != "" && !strings.EqualFold(email, who.UserID):
		t.warn("anaplan.user", "look at both in Anaplan: Administration > Security > Certificates, and Users; the user's address may have been changed since the certificate was registered",
			"the certificate names %s, and Anaplan takes it for %s, whose rights its calls have", email, who.UserID)
	default:
		t.ok("anaplan.user", "Anaplan takes the certificate for %s", who.UserID)
	}
}

// askAPI asks the API host whose token it is: it may be of another region than the login.
func (t *trial) askAPI(ctx context.Context, token agent.Token) {
	status, email, err := t.usersMe(ctx, token)
	switch {
	case err != nil:
		t.failed("anaplan.api", fmt.Errorf("%s: %w", t.hosts.API, err))
	case status == http.StatusUnauthorized:
		t.fail("anaplan.api", "auth_url and api_url must be of one region, that of your tenant: say region = \"NAME\" in place of both",
			"%s does not take the token that %s has made (HTTP 401)", t.hosts.API, t.hosts.Auth)
	case status == http.StatusForbidden:
		t.fail("anaplan.api", "ask your tenant's administrator whether this user may use the API, and whether this machine's address is in the IP allowlist", "%s refuses the user (HTTP 403)", t.hosts.API)
	case status/100 != 2:
		t.warn("anaplan.api", "try again later; status.anaplan.com tells of trouble on Anaplan's side", "%s answers HTTP %d when it is asked for the user", t.hosts.API, status)
	case email == "":
		t.warn("anaplan.api", "look at api_url and the proxy: something changes the answers", "%s answers, and does not say who the user is", t.hosts.API)
	default:
		t.ok("anaplan.api", "%s takes the token, for %s", t.hosts.API, email)
	}
}

// usersMe is GET /2/0/users/me (contract section 6).
func (t *trial) usersMe(ctx context.Context, token agent.Token) (status int, email string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.hosts.API+"/2/0/users/me", nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "AnaplanAuthToken "+token.Value.Reveal())
	request.Header.Set("User-Agent", build.Program+"/"+build.Version())
	transport := proxy.NewBase(t.network.roots)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", errors.New("it cannot be reached: " + t.clean(err.Error()))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	var said struct {
		User struct {
			Email string `json:"email"`
		} `json:"user"`
	}
	json.Unmarshal(body, &said) // what is not JSON names nobody
	return response.StatusCode, said.User.Email, err
}
