package intercepted

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/systemroots"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// Java's own tool finds each certificate, also two of one name: a CA and the one that follows it.
func TestTrustStore(t *testing.T) {
	hsmtest.Tool(t, "clients", "keytool")
	bundle := joined(systemroots.PEM(), joined(newStandIn(t).ca, newStandIn(t).ca))
	file := write(t, bundle, t.TempDir(), "bundle.pem")
	store := filepath.Join(t.TempDir(), "java.p12")
	if err := writeTrustStore(store, bundle); err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command("keytool", "-list", "-storetype", "PKCS12", "-keystore", store, "-storepass", storePassword).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(regexp.MustCompile(`(?m)trustedCertEntry, *$`).FindAll(list, -1)); got != count(t, file) {
		t.Errorf("Java finds %d certificates of %d", got, count(t, file))
	}
}

// A word of the options is read by Java as it was written.
func TestJavaOptions(t *testing.T) {
	hsmtest.Tool(t, "clients", "java")
	for _, name := range []string{"plain", "with a space", `with "quotes" and space`, "with 'quotes'"} {
		path := filepath.Join(t.TempDir(), name)
		run := exec.Command("java", "-XshowSettings:properties", "-version")
		run.Env = append(os.Environ(), javaVariable+"=-Da=b "+quoted(javaTrustStore+"="+path)+" -Dc=d")
		output, err := run.CombinedOutput()
		if err != nil {
			t.Fatal(err, string(output))
		}
		for _, want := range []string{" a = b\n", " c = d\n", " javax.net.ssl.trustStore = " + path + "\n"} {
			if !bytes.Contains(output, []byte(want)) {
				t.Errorf("%s: Java does not have %q:\n%s", name, want, output)
			}
		}
	}
}

func TestJavaEnv(t *testing.T) {
	s := newStandIn(t)
	run, _ := s.run(t)
	if run.proxy.password != "" {
		t.Skip("this kernel does not tell who calls: Java has no proxy")
	}
	var warned []string
	config := Config{CA: s.ca, Warn: func(format string, _ ...any) { warned = append(warned, format) }}
	for given, want := range map[string]string{
		"":                "-Dhttps.proxyHost=127.0.0.1 ",
		"-Xmx1g":          "-Xmx1g -Dhttps.proxyHost=127.0.0.1 ",
		"-Dhttps.proxy=x": "-Dhttps.proxy=x -Dhttps.proxyHost=",
	} {
		env, err := javaEnv(func(string) string { return given }, config, run)
		if err != nil || len(env) != 1 || !strings.HasPrefix(env[0], javaVariable+"="+want) || !strings.Contains(env[0], javaTrustStore+"="+run.directory.path) {
			t.Errorf("%q: got %q, %v", given, env, err)
		}
	}
	// Within another run what that one has added is nobody's own, and the last counts.
	outer, err := javaEnv(func(string) string { return "-Xmx1g" }, config, run)
	if err != nil {
		t.Fatal(err)
	}
	inner, _ := s.run(t)
	_, given, _ := strings.Cut(outer[0], "=")
	env, err := javaEnv(func(string) string { return given }, config, inner)
	if err != nil || !strings.Contains(env[0][strings.LastIndex(env[0], javaTrustStore+"="):], inner.directory.path) {
		t.Errorf("within another: got %q, %v", env, err)
	}
	if len(warned) > 0 {
		t.Errorf("warned: %s", warned)
	}
	given = javaTrustStore + "=/etc/own.jks"
	env, err = javaEnv(func(string) string { return given }, config, run)
	if err != nil || len(env) != 1 || strings.Count(env[0], javaTrustStore) != 1 || len(warned) != 1 {
		t.Errorf("with a trust store: got %q, %v, warned %q", env, err, warned)
	}
}
