package main

// One call of Anaplan's API, as curl would make it, without a token in anybody's hands.

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const apiHelp = `Call Anaplan's API and print the answer:

  anaplan-agent api GET /2/0/users/me
  anaplan-agent api GET /2/0/models --paginate
  M=/2/0/models/6D203BA7549241C7BEE26C93DE987F12
  anaplan-agent api POST $M/processes/118000000001/tasks --input - <<< '{"localeName": "en_US"}'
  anaplan-agent api GET $M/files/113000000001/chunks/0 --output sales.csv

Standard output is the body of the answer, unchanged. Exits 0 only if Anaplan answers with
success. The call goes through the agent if one runs, within its policy; otherwise through a
login of this command's own, within the profile's policy. To run processes, imports and
exports, and to transfer files, see 'run', which also waits and retries.
` + agentclient.AloneHelp

// apiCall is the flags of api.
type apiCall struct {
	input, output, contentType, client string
	paginate                           bool
}

// newAPICommand returns the api command.
func newAPICommand(say *console.Messenger) *cobra.Command {
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
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	var call apiCall
	cmd.Flags().StringVar(&call.input, "input", "", "file to send as the body, or - for standard input")
	cmd.Flags().StringVar(&call.contentType, "content-type", "", "type of the input (default: application/json; with PUT application/octet-stream)")
	cmd.Flags().StringVar(&call.output, "output", "", "file for the answer (default: standard output)")
	cmd.Flags().BoolVar(&call.paginate, "paginate", false, "fetch all pages of a list and print them as one list")
	agentclient.AddClientFlag(cmd, &call.client)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		method, target := strings.ToUpper(args[0]), args[1]
		call.client = agentclient.ClientOf(cmd, call.client)
		if err := call.check(cmd, method, target); err != nil {
			return err
		}
		if err := agentclient.CheckHost(s, target, call.client); err != nil {
			return err
		}
		api, err := agentclient.OpenAPI(s, say, call.client)
		if err != nil {
			return err
		}
		defer api.Close()
		err = call.do(api, method, target)
		if isChange(method) && isUnclear(err) {
			say.Note("%s", proxy.MayBeDone)
		}
		return api.InWords(err)
	}
	agentclient.HideLoginFlags(cmd)
	return cmd
}

// check refuses a call that cannot succeed, before a login is spent on it.
func (c *apiCall) check(cmd *cobra.Command, method, target string) error {
	if c.paginate && (method != http.MethodGet || c.input != "") {
		return explain.Usagef(cmd.CommandPath(), "--paginate is for lists, and lists are fetched by GET")
	}
	path, err := policy.ParsePath(agentclient.PathOf(target))
	if err != nil {
		return explain.Usagef(cmd.CommandPath(), "the path %q: %w", target, err)
	}
	if !policy.IsAnaplan(path.String()) {
		return explain.Usagef(cmd.CommandPath(), "the path %q is not one of Anaplan's API; its paths begin with %s", target, policy.Prefixes)
	}
	if err := settings.NotEmpty(cmd, "input"); err != nil {
		return err
	}
	if err := settings.NotEmpty(cmd, "output"); err != nil {
		return err
	}
	if err := c.checkBody(method); err != nil {
		return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
	}
	if err := paths.CheckOutput(c.output); err != nil {
		return explain.Usagef(cmd.CommandPath(), "--output %s: %w", c.output, err)
	}
	if c.output != "" {
		return nil
	}
	return console.CheckStdout()
}

// isChange reports whether a call changes something.
func isChange(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// isUnclear reports whether an error leaves open what became of a call. The agent says so itself
// where it refused one.
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
	case strings.ContainsFunc(c.contentType, console.IsUnprintable) || strings.Contains(c.contentType, "\n"):
		return fmt.Errorf("--content-type %q contains unprintable characters", c.contentType)
	case c.input == "" && hasBody:
		return fmt.Errorf("%s needs a body: --input FILE, --input - for standard input, or --input %s for an empty one", method, os.DevNull)
	case c.input == "" || c.input == "-":
		return nil
	}
	info, err := os.Stat(c.input)
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory")
	}
	if err != nil {
		return fmt.Errorf("--input %s: %w", c.input, paths.RootCause(err))
	}
	return nil
}

// do makes the call and writes the answer to its destination.
func (c *apiCall) do(api *agentclient.API, method, target string) error {
	path := agentclient.PathOf(target)
	query := agentclient.QueryOf(target)
	to, err := console.OpenResult(api.Ctx, c.output)
	if err != nil {
		return err
	}
	if c.paginate {
		return to.End(api.Client.Paginate(api.Ctx, path, query, to))
	}
	return to.End(c.send(api, method, path, query, to))
}

// send makes one call and writes the answer. Anaplan's refusal is written too, but not into a file;
// a refusal by the agent is only an error.
func (c *apiCall) send(api *agentclient.API, method, path string, query url.Values, to *console.ResultFile) error {
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
	response, err := api.Client.Do(api.Ctx, method, path, query, reader(body), header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		_, err = io.Copy(to, response.Body)
		return err
	}
	refusal, text := integration.Refusal(method, path, response)
	if refusal.Code == "" && to.IsStdout() {
		_, err = to.Write(text)
	}
	return errors.Join(refusal, err)
}

// reader avoids an io.Reader that holds a nil file and is not nil itself.
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
