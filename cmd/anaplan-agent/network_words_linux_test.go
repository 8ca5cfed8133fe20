package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

// TestNetworkInWords: what stands in the way of a call is named, with what to do about it.
func TestNetworkInWords(t *testing.T) {
	asking := func(challenges ...string) string {
		return serving(t, httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Proxy-Authenticate"] = challenges
			w.WriteHeader(http.StatusProxyAuthRequired)
		})))
	}
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	const anaplan = "https://auth.anaplan.com" // behind a proxy, so nobody gets there
	for _, test := range []struct {
		name, url string
		env       []string
		want      []string
	}{
		{"NTLM", anaplan, []string{"HTTPS_PROXY=http://" + asking("Negotiate", "NTLM")}, []string{"takes only Negotiate and NTLM, which this program does not speak", "cntlm or px"}},
		{"NTLM in one line", anaplan, []string{"HTTPS_PROXY=http://" + asking(`NTLM, Negotiate`)}, []string{"takes only NTLM and Negotiate"}},
		{"Basic too", anaplan, []string{"HTTPS_PROXY=http://" + asking("NTLM", `Basic realm="a, Bearer b"`)}, []string{"it wants a name and a password, in HTTPS_PROXY"}},
		{"a proxy without TLS", anaplan, []string{"HTTPS_PROXY=https://" + asking("Basic")}, []string{"the proxy does not speak TLS; write HTTPS_PROXY=http://HOST:PORT"}},
		{"no TLS", "https://" + roomtest.Greeter(t, "SSH-2.0-OpenSSH_9.6\r\n"), nil, []string{"it does not speak TLS; look at the port of the URL"}},
		{"plain HTTP", "https://" + asking(), nil, []string{"it speaks plain HTTP where TLS is wanted; look at the port of the URL"}},
		{"no CA certificates", "https://" + serving(t, tls), []string{"SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/nonexistent"}, []string{"this machine has no CA certificates: install them", "SSL_CERT_FILE"}},
		{"another CA", "https://" + serving(t, tls), nil, []string{"no trusted root vouches for its certificate"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			program := exec.Command(build.Program, "logout", "--auth-url", test.url)
			program.Env = append(os.Environ(), "HOME="+t.TempDir(), "ANAPLAN_TOKEN=of-this-test", "ANAPLAN_AGENT_SOCKET=none")
			program.Env = append(program.Env, test.env...)
			out, err := program.CombinedOutput()
			for _, want := range test.want {
				if err == nil || !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

// serving returns the address of a server, which ends with the test.
func serving(t *testing.T, server *httptest.Server) string {
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
