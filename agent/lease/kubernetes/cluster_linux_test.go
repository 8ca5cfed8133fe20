package kubernetes_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

// administrator is the token of who prepares the cluster.
const administrator = "administrators-token"

// cluster is a kube-apiserver with its etcd, on the loopback interface.
type cluster struct {
	dir, program string
	url          string
	arguments    []string
	server       *exec.Cmd
	http         *http.Client
}

func newCluster(t *testing.T, program string) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir(), program: program}
	ca, err := mutualtlstest.NewCA("of the cluster")
	check(t, err)
	check(t, ca.Issue(c.dir, mutualtlstest.Certificate{Names: []string{"127.0.0.1"}}))
	check(t, os.WriteFile(filepath.Join(c.dir, "tokens.csv"), []byte(administrator+",admin,1,system:masters\n"), 0o600))
	etcd, peer, port := freePort(t), freePort(t), freePort(t)
	run(t, c.dir, "etcd", "etcd", "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", loopback(etcd), "--advertise-client-urls", loopback(etcd),
		"--listen-peer-urls", loopback(peer), "--initial-advertise-peer-urls", loopback(peer), "--initial-cluster", "default="+loopback(peer))
	c.url = fmt.Sprintf("https://127.0.0.1:%d", port)
	key := filepath.Join(c.dir, "tls.key")
	c.arguments = []string{
		"--etcd-servers", loopback(etcd), "--bind-address", "127.0.0.1", "--external-hostname", "127.0.0.1", "--secure-port", fmt.Sprint(port),
		"--tls-cert-file", filepath.Join(c.dir, "tls.crt"), "--tls-private-key-file", key,
		"--token-auth-file", filepath.Join(c.dir, "tokens.csv"), "--authorization-mode", "RBAC",
		"--service-account-issuer", c.url, "--service-account-key-file", filepath.Join(c.dir, "tls.crt"), "--service-account-signing-key-file", key,
		"--service-cluster-ip-range", "10.0.0.0/24", "--endpoint-reconciler-type", "none",
		"--disable-admission-plugins", "ServiceAccount", "--shutdown-delay-duration", "0s",
	}
	c.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // its own, on loopback
	c.start(t)
	return c
}

func loopback(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// run starts a program that ends with the test, and whose output is in a file.
func run(t *testing.T, dir, name, program string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(program, arguments...)
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(t, err)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that is killed runs no Cleanup
	check(t, command.Start())
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the end of what %s has printed: %s", name, text[max(0, len(text)-4000):])
		}
	})
	return command
}

// start starts the API server, and waits until it is ready.
func (c *cluster) start(t *testing.T) {
	t.Helper()
	c.server = run(t, c.dir, "kube-apiserver", c.program, c.arguments...)
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if code, _ := c.try(administrator, http.MethodGet, "/readyz", "", nil); code == http.StatusOK {
			return
		}
		if time.Since(began) > 5*time.Minute {
			t.Fatal("kube-apiserver does not become ready")
		}
	}
}

func (c *cluster) stop() {
	c.server.Process.Kill()
	c.server.Wait()
}

// try makes a request; 0: there is no answer.
func (c *cluster) try(token, method, path, kind string, body []byte) (status int, answer []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", kind)
	response, err := c.http.Do(req)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	answer, _ = io.ReadAll(response.Body)
	return response.StatusCode, answer
}

// as makes a request that succeeds.
func (c *cluster) as(t *testing.T, token, method, path, body string) []byte {
	t.Helper()
	kind := "application/json"
	if method == http.MethodPatch {
		kind = "application/merge-patch+json"
	}
	status, answer := c.try(token, method, path, kind, []byte(body))
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// forward passes a request on, and returns what was answered.
func (c *cluster) forward(t *testing.T, req *http.Request, body []byte) (status int, answer json.RawMessage) {
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	status, answer = c.try(token, req.Method, req.URL.Path, req.Header.Get("Content-Type"), body)
	if status == 0 {
		t.Error("there is no answer")
	}
	return status, answer
}

// prepare makes a namespace and service accounts: with the role that docs/kubernetes/lease.yaml gives,
// with one that only reads, and with none.
func (c *cluster) prepare(t *testing.T) tokens {
	t.Helper()
	const (
		core = "/api/v1/namespaces/etl/serviceaccounts"
		rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/etl/"
	)
	c.as(t, administrator, http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"etl"}}`)
	page, err := os.ReadFile("../../../docs/kubernetes/lease.yaml")
	check(t, err)
	paths := []string{core, rbac + "roles", rbac + "rolebindings"}
	for i, document := range strings.Split(string(page), "---\n") {
		if status, answer := c.try(administrator, http.MethodPost, paths[i], "application/yaml", []byte(document)); status != http.StatusCreated {
			t.Fatalf("%s: %d %s", document, status, answer)
		}
	}
	c.as(t, administrator, http.MethodPost, core, `{"metadata":{"name":"stranger"}}`)
	c.as(t, administrator, http.MethodPost, core, `{"metadata":{"name":"reader"}}`)
	c.as(t, administrator, http.MethodPost, rbac+"roles", `{"metadata":{"name":"reader"},"rules":[{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["get"]}]}`)
	c.as(t, administrator, http.MethodPost, rbac+"rolebindings", bindingOf("reader"))
	return tokens{agent: c.token(t, "anaplan-agent"), stranger: c.token(t, "stranger"), reader: c.token(t, "reader"), admin: administrator}
}

// bindingOf binds a role to the service account of its name.
func bindingOf(name string) string {
	return fmt.Sprintf(`{"metadata":{"name":%[1]q},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":%[1]q},"subjects":[{"kind":"ServiceAccount","name":%[1]q,"namespace":"etl"}]}`, name)
}

// token asks for one, as the kubelet does.
func (c *cluster) token(t *testing.T, name string) string {
	t.Helper()
	answer := c.as(t, administrator, http.MethodPost, "/api/v1/namespaces/etl/serviceaccounts/"+name+"/token", `{"spec":{"expirationSeconds":3600}}`)
	var made struct{ Status struct{ Token string } }
	check(t, json.Unmarshal(answer, &made))
	return made.Status.Token
}
