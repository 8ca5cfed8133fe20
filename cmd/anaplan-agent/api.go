package main

// One call of Anaplan's API, as curl would make it, without a token in anybody's hands.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
)

const apiHelp = `api calls Anaplan's API and prints what it answers:

  anaplan-agent api GET /2/0/users/me
  anaplan-agent api GET /2/0/models --paginate
  M=/2/0/models/6D203BA7549241C7BEE26C93DE987F12
  anaplan-agent api POST $M/processes/118000000001/tasks --input - <<< '{"localeName": "en_US"}'
  anaplan-agent api GET $M/files/113000000001/chunks/0 --output sales.csv

Standard output is the body of the answer, as it comes. It exits with 0 if that is a success.

The call goes through the agent if one runs, within its policy; otherwise through a login of
this command's own, within the profile's. To run processes, imports and exports, and to send
and fetch files, see 'run', which also waits and tries again.
` + aloneHelp

// apiCall is the flags of api.
type apiCall struct {
	input, output, contentType, client string
	paginate                           bool
}

// newAPICommand returns the api command.
func newAPICommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "api METHOD PATH",
		Short: "call Anaplan's API",
		Long:  apiHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return explain.Usagef(cmd.CommandPath(), "give a method and a path, as: api GET /2/0/models")
			}
			return nil
		},
	}
	settings := addSettings(cmd, signSettings, serverSettings, socketSettings)
	var call apiCall
	cmd.Flags().StringVar(&call.input, "input", "", "file to send as the body, or - for standard input")
	cmd.Flags().StringVar(&call.contentType, "content-type", "", "of the input (default application/json, with PUT application/octet-stream)")
	cmd.Flags().StringVar(&call.output, "output", "", "file for the answer (default: standard output)")
	cmd.Flags().BoolVar(&call.paginate, "paginate", false, "fetch all pages of a list, and print them as one")
	addClientFlag(cmd, &call.client)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		method, target := strings.ToUpper(args[0]), args[1]
		call.client = clientOf(cmd, call.client)
		if err := call.check(cmd, method, target); err != nil {
			return err
		}
		if err := settings.checkHost(target, call.client); err != nil {
			return err
		}
		way, err := settings.callAnaplan(say, call.client)
		if err != nil {
			return err
		}
		defer way.end()
		err = call.do(way, method, target)
		if isChange(method) && isUnclear(err) {
			say.Note("%s", proxy.MayBeDone)
		}
		return way.inWords(err)
	}
	hideLoginFlags(cmd)
	return cmd
}

// aloneHelp is the end of the help of commands whose flags of a login are hidden.
const aloneHelp = `
And the flags of 'token', for a login without an agent: see anaplan-agent token --help.`

// hideLoginFlags leaves the flags of a login out of a command's help: there are more of them
// than of its own, and where an agent runs they are for nothing.
func hideLoginFlags(cmd *cobra.Command) {
	for _, setting := range slices.Concat(config.Settings(), []config.Setting{{Name: "pin_changed"}}) {
		if flag := cmd.Flags().Lookup(setting.Flag()); flag != nil {
			flag.Hidden = true
		}
	}
}

// checkHost refuses the URL of another host than that of the profile's API: its path would be
// asked for at a host that nobody has named.
func (s *settings) checkHost(target, client string) error {
	asked, err := url.Parse(target)
	if err != nil || asked.Host == "" || strings.HasPrefix(target, "/") {
		return nil
	}
	file, err := s.readConfig()
	if err != nil {
		return err
	}
	name, err := s.profileFor(client)
	if err != nil {
		return err
	}
	profile, err := s.profileIn(file, cmp.Or(name, s.profileName()))
	if err != nil {
		return err
	}
	hosts, err := hostsOf(profile)
	if err != nil {
		return err
	}
	if api, err := url.Parse(hosts.Of(asked.EscapedPath())); err == nil && !strings.EqualFold(api.Host, asked.Host) {
		return explain.Usagef(s.command.CommandPath(),
			"the URL is of the host %s, and profile %s has that part of the API at %s; give the path alone to call it there", asked.Host, profile.Name, api.Host)
	}
	return nil
}

// addClientFlag gives a command the flag that says as which client it goes through the agent.
func addClientFlag(cmd *cobra.Command, client *string) {
	cmd.Flags().StringVar(client, "client", "", "be this [client.NAME] of the agent's configuration, with its policy (default: that of ANAPLAN_AGENT_CLIENT, else this user)")
}

// clientVariable is the environment variable that says the same to all commands of a program.
const clientVariable = "ANAPLAN_AGENT_CLIENT"

// notAsClient refuses what no client gets: Anaplan's token.
func notAsClient() error {
	client := os.Getenv(clientVariable)
	if client == "" {
		return nil
	}
	problem := agent.Problemf(agent.CodeSettings, "%s says that this is the client %s, and clients are not given Anaplan's token", clientVariable, client)
	problem.Hints = []string{"a token of the agent's own: " + program + " exec --phantom -- PROGRAM", "to be the user again: unset " + clientVariable}
	return problem
}

// clientOf returns as which client a command goes through the agent.
func clientOf(cmd *cobra.Command, client string) string {
	if cmd.Flags().Changed("client") {
		return client
	}
	return os.Getenv(clientVariable)
}

// check refuses what could not go well, before a login is spent on it.
func (c *apiCall) check(cmd *cobra.Command, method, target string) error {
	if c.paginate && (method != http.MethodGet || c.input != "") {
		return explain.Usagef(cmd.CommandPath(), "--paginate is for lists, which are got by GET")
	}
	path, err := policy.ParsePath(pathOf(target))
	if err != nil {
		return explain.Usagef(cmd.CommandPath(), "the path %q: %w", target, err)
	}
	if !isAnaplans(path.String()) {
		return explain.Usagef(cmd.CommandPath(), "the path %q is none of Anaplan's API: its paths begin with %s", target, anaplansWords)
	}
	if err := notEmpty(cmd, "input"); err != nil {
		return err
	}
	if err := notEmpty(cmd, "output"); err != nil {
		return err
	}
	if err := c.checkBody(method); err != nil {
		return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
	}
	if err := checkOutput(c.output); err != nil {
		return explain.Usagef(cmd.CommandPath(), "--output %s: %w", c.output, err)
	}
	if c.output != "" {
		return nil
	}
	return checkStdout()
}

// isChange reports whether a call is there to change something.
func isChange(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// isUnclear reports whether an error leaves open what became of a call. Of the agent's own refusals
// the agent says so.
func isUnclear(err error) bool {
	if unreachable, ok := errors.AsType[*proxy.UnreachableError](err); ok {
		return unreachable.Sent
	}
	return integration.IsLost(err)
}

// checkBody refuses a body that cannot be sent, and none where one is missing: an empty chunk
// empties a file.
func (c *apiCall) checkBody(method string) error {
	hasBody := method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
	switch {
	case strings.ContainsFunc(c.contentType, isUnprintable) || strings.Contains(c.contentType, "\n"):
		return fmt.Errorf("--content-type %q holds characters that do not print", c.contentType)
	case c.input == "" && hasBody:
		return fmt.Errorf("%s sends something: say what with --input, as --input FILE, - for standard input, or %s for nothing", method, os.DevNull)
	case c.input == "" || c.input == "-":
		return nil
	}
	info, err := os.Stat(c.input)
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory")
	}
	if err != nil {
		return fmt.Errorf("--input %s: %w", c.input, rootCause(err))
	}
	return nil
}

// checkOutput refuses what no file can be written to, before anything is done for it.
func checkOutput(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("it is a directory; give the file's name, too")
	}
	return checkDirectory(path)
}

// do makes the call, and writes the answer to where it is wanted.
func (c *apiCall) do(way *calling, method, target string) error {
	path := pathOf(target)
	query := queryOf(target)
	to, err := openResult(way.ctx, c.output)
	if err != nil {
		return err
	}
	if c.paginate {
		return to.end(way.client.Paginate(way.ctx, path, query, to))
	}
	return to.end(c.send(way, method, path, query, to))
}

// send makes one call, and writes the answer. What Anaplan says of one that it refuses is
// written, too, but not into a file; what the agent refuses is only an error.
func (c *apiCall) send(way *calling, method, path string, query url.Values, to *resultFile) error {
	header := http.Header{}
	if c.input != "" {
		header.Set("Content-Type", c.typeFor(method))
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	if body != nil {
		defer body.Close()
	}
	response, err := way.client.Do(way.ctx, method, path, query, reader(body), header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		_, err = io.Copy(to, response.Body)
		return err
	}
	refusal, text := integration.Refusal(method, path, response)
	if refusal.Code == "" && to.isStdout() {
		_, err = to.Write(text)
	}
	return errors.Join(refusal, err)
}

// reader returns a file as what is read, and no file as none.
func reader(file *os.File) io.Reader {
	if file == nil {
		return nil
	}
	return file
}

func (c *apiCall) typeFor(method string) string {
	switch {
	case c.contentType != "":
		return c.contentType
	case method == http.MethodPut:
		return "application/octet-stream"
	}
	return "application/json"
}

// body returns the file to send; nil for none.
func (c *apiCall) body() (*os.File, error) {
	switch c.input {
	case "":
		return nil, nil
	case "-":
		return os.Stdin, nil
	}
	return os.Open(c.input)
}

// queryOf returns the query of what a person has written as a path.
func queryOf(target string) url.Values {
	_, query, _ := strings.Cut(target, "?")
	values, _ := url.ParseQuery(query)
	return values
}
