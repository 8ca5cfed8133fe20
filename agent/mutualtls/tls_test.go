package mutualtls

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

// shake makes a handshake over loopback, and returns the errors of both sides.
func shake(t *testing.T, server, caller func(net.Conn) *tls.Conn) (atServer, atCaller error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			defer conn.Close()
			err = server(conn).Handshake()
		}
		served <- err
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	atCaller = caller(conn).Handshake()
	conn.Close()
	return <-served, atCaller
}

// TestOldTLS: neither side speaks TLS 1.2 with the other, and both speak 1.3 where all else is the same.
func TestOldTLS(t *testing.T) {
	ca := newCA(t, "Ours")
	own := machine(t, ca, mutualtlstest.Certificate{Names: []string{"localhost"}})
	pair, err := own.look()
	if err != nil {
		t.Fatal(err)
	}
	for version, works := range map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true} {
		as := func(config *tls.Config) *tls.Config {
			config.MaxVersion, config.Certificates, config.RootCAs, config.ServerName = version, []tls.Certificate{pair.certificate}, pair.roots, "localhost"
			return config
		}
		ours := func(conn net.Conn) *tls.Conn { return own.Guard().Protect(conn).Conn }
		caller := func(conn net.Conn) *tls.Conn { return tls.Client(conn, as(new(tls.Config))) }
		if atServer, _ := shake(t, ours, caller); (atServer == nil) != works {
			t.Errorf("a caller by %s: %v", tls.VersionName(version), atServer)
		}
		server := func(conn net.Conn) *tls.Conn { return tls.Server(conn, as(new(tls.Config))) }
		client := func(conn net.Conn) *tls.Conn {
			config, err := own.Client("localhost")
			if err != nil {
				t.Fatal(err)
			}
			return tls.Client(conn, config)
		}
		if _, atCaller := shake(t, server, client); (atCaller == nil) != works {
			t.Errorf("a server by %s: %v", tls.VersionName(version), atCaller)
		}
	}
}

// TestNothingIsResumed: each connection has a handshake of its own, with the CAs as they are then.
func TestNothingIsResumed(t *testing.T) {
	own := machine(t, newCA(t, "Ours"), mutualtlstest.Certificate{Names: []string{"localhost"}})
	config, err := own.Guard().tls.GetConfigForClient(nil)
	if err != nil || !config.SessionTicketsDisabled || config.ClientAuth != tls.RequireAndVerifyClientCert {
		t.Errorf("tickets disabled: %v, %v", config.SessionTicketsDisabled, err)
	}
	if !slices.Equal(config.NextProtos, []string{"http/1.1"}) {
		t.Errorf("protocols %q", config.NextProtos)
	}
}

// A caller without a name is one by its address.
func TestCallersWithoutAName(t *testing.T) {
	var callers Callers
	for _, address := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.1"} {
		callers.Note(Caller{Address: address})
	}
	if late := callers.Late(Caller{}.At); len(late) != 2 {
		t.Errorf("got %v", late)
	}
}

// TestWatch: that the files cannot be used, and that the certificate in use has ended, is logged once
// each, also where nobody connects.
func TestWatch(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	if err := newCA(t, "Ours").Issue(dir, mutualtlstest.Certificate{Names: []string{"localhost"}, Until: time.Hour}); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, KeyFile)
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		log, told := &logtest.Buffer{}, 0
		began := time.Now()
		identity := &Identity{dir: dir, log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { return at.Add(time.Since(began)) }}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			identity.Watch(ctx)
		}()
		logs := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			said := log.String()[told:]
			told += len(said)
			lines := strings.Count(said, "\n")
			if !strings.Contains(said, want) || want == "" && lines > 0 || want != "" && lines != 1 {
				t.Errorf("logged %q, want one line with %q", said, want)
			}
		}
		write := func(text []byte) {
			if err := os.WriteFile(key, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		logs(3*lookEvery, `msg="certificate read"`)
		write([]byte("broken"))
		logs(3*lookEvery, `msg="the certificate files cannot be used"`)
		write(good)
		logs(3*lookEvery, `msg="certificate read"`)
		logs(time.Minute, "")
		logs(time.Hour, `msg="the certificate in use is not valid any more"`)
		end()
		<-ended
	})
}

// TestRefusals: what the other side says of this machine's certificate, in words.
func TestRefusals(t *testing.T) {
	for alert, want := range map[tls.AlertError]string{
		42:  "it refuses this machine's certificate (tls: bad certificate)",
		43:  "it refuses this machine's certificate (tls: unsupported certificate)",
		44:  "it refuses this machine's certificate (tls: revoked certificate)",
		45:  "it refuses this machine's certificate: by its clock that has ended or not begun",
		46:  "it refuses this machine's certificate (tls: unknown certificate)",
		48:  "it refuses this machine's certificate: no CA of its ca.crt vouches for that",
		70:  "tls: protocol version not supported",
		80:  "it has no certificate that can be used: its own log says why",
		116: "it refuses this machine's certificate (tls: certificate required)",
	} {
		err := Explain(&net.OpError{Op: "remote error", Err: errors.New(alert.Error())})
		if err.Error() != want {
			t.Errorf("%d: %v, want %s", alert, err, want)
		}
	}
}
