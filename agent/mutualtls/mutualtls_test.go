package mutualtls

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

func newCA(t *testing.T, name string) *mutualtlstest.CA {
	t.Helper()
	ca, err := mutualtlstest.NewCA(name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// machine returns the Identity of a directory with a certificate.
func machine(t *testing.T, ca *mutualtlstest.CA, wanted mutualtlstest.Certificate) *Identity {
	t.Helper()
	dir := t.TempDir()
	if err := ca.Issue(dir, wanted); err != nil {
		t.Fatal(err)
	}
	identity, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// meet has a caller connect to a server over loopback, and returns who the server says it is, and the
// errors of both.
func meet(t *testing.T, server, caller *Identity, host, id string) (peer *Peer, atServer, atCaller error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			atServer = err
			return
		}
		defer conn.Close()
		within := server.Guard().Protect(conn)
		if _, atServer = within.Read(make([]byte, 1)); atServer == nil {
			peer = within.Peer()
			fmt.Fprintln(within, "welcome")
		}
	}()
	atCaller = greet(caller, listener.Addr().String(), host, id)
	listener.Close()
	<-served
	return peer, atServer, atCaller
}

func greet(caller *Identity, address, host, id string) error {
	var names []string
	if id != "" {
		names = []string{id}
	}
	conn, err := caller.Dial(context.Background(), address, host, names...)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		return Explain(err)
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return Explain(err)
}

func TestMeeting(t *testing.T) {
	ours, foreign := newCA(t, "Ours"), newCA(t, "Foreign")
	const id = "spiffe://corp/etl/agent"
	good := mutualtlstest.Certificate{Names: []string{id, "localhost"}}
	tests := []struct {
		name             string
		server, caller   *Identity
		host, id         string
		atServer, atPeer string // parts of the errors; "": none
	}{
		{"by host", machine(t, ours, good), machine(t, ours, good), "localhost", "", "", ""},
		{"by SPIFFE id", machine(t, ours, mutualtlstest.Certificate{Names: []string{id}}), machine(t, ours, good), "elsewhere", id, "", ""},
		{"another host", machine(t, ours, good), machine(t, ours, good), "elsewhere", "", "bad certificate", `its certificate for "spiffe://corp/etl/agent, localhost" is not for elsewhere`},
		{"another SPIFFE id", machine(t, ours, good), machine(t, ours, good), "localhost", "spiffe://corp/etl/other", "bad certificate", "the certificate is for spiffe://corp/etl/agent, localhost, and not for spiffe://corp/etl/other"},
		{"a foreign server", machine(t, foreign, good), machine(t, ours, good), "localhost", "", "bad certificate", `which "CN=Foreign" has issued`},
		{"a foreign server with the id", machine(t, foreign, good), machine(t, ours, good), "localhost", id, "bad certificate", `which "CN=Foreign" has issued`},
		{"a foreign caller", machine(t, ours, good), machine(t, foreign, mutualtlstest.Certificate{Trust: ours}), "localhost", "", `which "CN=Foreign" has issued`, "no CA of its ca.crt vouches for that"},
		{"a server's certificate for callers only", machine(t, ours, mutualtlstest.Certificate{Names: good.Names, ClientOnly: true}), machine(t, ours, good), "localhost", "", "bad certificate", "it needs clientAuth to call, and serverAuth to be called"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			peer, atServer, atPeer := meet(t, test.server, test.caller, test.host, test.id)
			for _, end := range []struct {
				err  error
				want string
			}{{Explain(atServer), test.atServer}, {atPeer, test.atPeer}} {
				if (end.err == nil) != (end.want == "") || end.err != nil && !strings.Contains(end.err.Error(), end.want) {
					t.Errorf("got %v, want %q", end.err, end.want)
				}
			}
			if test.atServer == "" && !slices.Equal(peer.Names, good.Names) {
				t.Errorf("the caller is %q", peer.Names)
			}
		})
	}
}

// What was vouched for is looked at again: a certificate ends, and a CA is taken out, while a connection
// goes on.
func TestCheck(t *testing.T) {
	ours, other := newCA(t, "Ours"), newCA(t, "Other")
	server := machine(t, ours, mutualtlstest.Certificate{Names: []string{"localhost"}, Until: 3 * time.Hour})
	caller := machine(t, ours, mutualtlstest.Certificate{Names: []string{"a.corp"}, Until: time.Hour})
	peer, _, err := meet(t, server, caller, "localhost", "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := server.Check(peer); err != nil {
			t.Fatal(err)
		}
	}
	server.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := server.Check(peer); err == nil || !strings.Contains(err.Error(), "has ended at") {
		t.Errorf("after its end: %v", err)
	}
	server.now = time.Now
	if err := ours.Issue(server.dir, mutualtlstest.Certificate{Names: []string{"localhost"}, Trust: other}); err != nil {
		t.Fatal(err)
	}
	if err := server.Check(peer); err == nil || !strings.Contains(err.Error(), "no CA of ca.crt here vouches") {
		t.Errorf("without its CA: %v", err)
	}
}

// Files that cannot be used leave the certificate that there is; the reason stands in the state until they
// can be.
func TestBrokenFiles(t *testing.T) {
	const othersMayWrite = "others may write"
	ca := newCA(t, "Ours")
	tests := []struct {
		name  string
		spoil func(dir string) error
		want  string
	}{
		{"no certificate", func(dir string) error { return os.Remove(filepath.Join(dir, "tls.crt")) }, "tls.crt"},
		{"no key", func(dir string) error { return os.WriteFile(filepath.Join(dir, "tls.key"), nil, 0o600) }, "failed to find any PEM data in key input"},
		{"the key of another", func(dir string) error {
			other := t.TempDir()
			if err := ca.Issue(other, mutualtlstest.Certificate{}); err != nil {
				return err
			}
			key, err := os.ReadFile(filepath.Join(other, "tls.key"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600)
		}, "private key does not match public key"},
		{"no CA", func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("x"), 0o600) }, "ca.crt contains no PEM certificate"},
		{"too large", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca.crt"), make([]byte, fileBytes+1), 0o600)
		}, "is larger than"},
		{othersMayWrite, func(dir string) error { return os.Chmod(filepath.Join(dir, "ca.crt"), 0o666) }, "ca.crt"},
		{"ended", func(dir string) error { return ca.Issue(dir, mutualtlstest.Certificate{Until: -time.Hour}) }, "the certificate has ended at"},
		{"not begun", func(dir string) error { return ca.Issue(dir, mutualtlstest.Certificate{From: time.Hour}) }, "see that the clocks of both machines are right"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.name == othersMayWrite && runtime.GOOS == "windows" {
				t.Skip("Chmod does not change who may write")
			}
			identity := machine(t, ca, mutualtlstest.Certificate{Names: []string{"localhost"}})
			if err := test.spoil(identity.dir); err != nil {
				t.Fatal(err)
			}
			state := identity.State()
			if state.Problem == nil || !strings.Contains(state.Problem.Error(), test.want) || !slices.Equal(state.Names, []string{"localhost"}) {
				t.Errorf("got %+v, want %q", state, test.want)
			}
			if _, _, err := meet(t, identity, identity, "localhost", ""); err != nil {
				t.Errorf("the certificate before is not in use: %v", err)
			}
			os.Chmod(filepath.Join(identity.dir, "ca.crt"), 0o600)
			if err := ca.Issue(identity.dir, mutualtlstest.Certificate{Names: []string{"renewed"}}); err != nil {
				t.Fatal(err)
			}
			if state := identity.State(); state.Problem != nil || !slices.Equal(state.Names, []string{"renewed"}) {
				t.Errorf("after it was put right: %+v", state)
			}
		})
	}
}

// An agent may be there before what writes its certificate.
func TestFilesThatComeLater(t *testing.T) {
	ca, dir := newCA(t, "Ours"), t.TempDir()
	identity, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.Client("localhost"); !errors.Is(err, ErrNoPair) {
		t.Errorf("got %v", err)
	}
	if _, atServer, _ := meet(t, identity, machine(t, ca, mutualtlstest.Certificate{}), "localhost", ""); !errors.Is(atServer, ErrNoPair) {
		t.Errorf("got %v", atServer)
	}
	if err := ca.Issue(dir, mutualtlstest.Certificate{Names: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := meet(t, identity, identity, "localhost", ""); err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "tls.crt"), nil); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestNames(t *testing.T) {
	uri := func(text string) *url.URL {
		parsed, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	id := uri("spiffe://corp/etl")
	tests := []struct {
		name string
		cert x509.Certificate
		want string
	}{
		{"both", x509.Certificate{URIs: []*url.URL{id}, DNSNames: []string{"A.corp"}}, "spiffe://corp/etl a.corp"},
		{"two URIs", x509.Certificate{URIs: []*url.URL{id, id}}, ""},
		{"another URI", x509.Certificate{URIs: []*url.URL{uri("https://corp/etl")}}, ""},
		{"a CA's", x509.Certificate{URIs: []*url.URL{id}, IsCA: true}, ""},
		{"a DNS name that is another's id", x509.Certificate{DNSNames: []string{"spiffe://corp/etl", "a.corp"}}, "a.corp"},
		{"a wildcard", x509.Certificate{DNSNames: []string{"*.corp"}}, ""},
		{"none", x509.Certificate{}, ""},
	}
	for _, test := range tests {
		if got := strings.Join(NamesOf(&test.cert), " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCheckName(t *testing.T) {
	tests := []struct{ in, want string }{ // want "": an error
		{"etl-1.Corp", "etl-1.corp"},
		{"SPIFFE://Corp/Etl/nightly", "spiffe://corp/Etl/nightly"},
		{"", ""}, {"*.corp", ""}, {"a..corp", ""}, {"10.0.0.1", ""}, {"https://corp/x", ""}, {"user@corp", ""}, {"a corp", ""}, {strings.Repeat("a", 64) + ".corp", ""},
		{"spiffe://corp", ""}, {"spiffe://corp/", ""}, {"spiffe://corp/a//b", ""}, {"spiffe://corp/../b", ""}, {"spiffe://corp:1/b", ""}, {"spiffe://u@corp/b", ""},
		{"spiffe://corp/a?b", ""}, {"spiffe://corp/a#b", ""}, {"spiffe://corp/*", ""}, {"spiffe://corp/%61", ""}, {"spiffe:///a", ""},
	}
	for _, test := range tests {
		got, err := CheckName(test.in)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: got %q, %v, want %q", test.in, got, err, test.want)
		}
	}
}

// Whatever stands in a configuration, what is taken is taken again as the same.
func FuzzCheckName(f *testing.F) {
	for _, seed := range []string{"a.corp", "spiffe://corp/etl", "spiffe://corp/a/../b", "*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := CheckName(text)
		if err != nil {
			return
		}
		if again, err := CheckName(got); again != got || err != nil {
			t.Errorf("%q became %q, %v", got, again, err)
		}
	})
}

func TestCallers(t *testing.T) {
	var callers Callers
	now := time.Now()
	for n := range mostCallers + 10 {
		callers.Note(Caller{Names: []string{fmt.Sprint("m", n)}, Address: "10.0.0.1", At: now.Add(time.Duration(n) * time.Millisecond)})
	}
	callers.Note(Caller{Names: []string{"m20"}, Address: "10.0.0.1", At: now.Add(time.Minute)})
	late := callers.Late(now.Add(time.Minute))
	if len(late) != mostCallers || late[0].Names[0] != "m20" || late[len(late)-1].Names[0] != "m10" {
		t.Errorf("got %d, from %v to %v", len(late), late[0], late[len(late)-1])
	}
	if late := callers.Late(now.Add(time.Minute + lateTime)); len(late) != 1 {
		t.Errorf("after an hour there are %d", len(late))
	}
}
