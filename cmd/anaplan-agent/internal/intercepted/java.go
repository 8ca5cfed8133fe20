package intercepted

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/systemroots"
)

const (
	javaVariable   = "JAVA_TOOL_OPTIONS" // read by each Java VM (JVM Tool Interface)
	javaTrustStore = "-Djavax.net.ssl.trustStore"

	// storePassword is Java's own for its certificates: it keeps nothing secret, and Java before 18
	// reads no store without one.
	storePassword = "changeit"
)

// javaEnv writes a trust store, and returns the variable with Java's options for it and for the
// proxy. Java asks no proxy of its options for a password, so there are none where the proxy wants
// one.
func javaEnv(getenv func(string) string, config Config, run *Run) ([]string, error) {
	if run.proxy.password != "" {
		return nil, nil
	}
	given := getenv(javaVariable)
	host, port, err := net.SplitHostPort(run.proxy.address)
	if err != nil {
		return nil, err
	}
	options := []string{"-Dhttps.proxyHost=" + host, "-Dhttps.proxyPort=" + port}
	if strings.Contains(given, javaTrustStore+"=") && !strings.Contains(given, directoryPrefix) { // not that of a run around this one
		config.Warn("%s names a trust store, which stays as it is: Java programs trust the agent once its CA is in there (anaplan-agent ca prints it, keytool -importcert adds it)", javaVariable)
	} else {
		store := filepath.Join(run.directory.path, "java.p12")
		if err := writeTrustStore(store, joined(systemroots.PEM(), config.CA)); err != nil {
			return nil, err
		}
		options = append(options, quoted(javaTrustStore+"="+store), javaTrustStore+"Type=PKCS12", javaTrustStore+"Password="+storePassword)
	}
	return []string{javaVariable + "=" + strings.TrimSpace(given+" "+strings.Join(options, " "))}, nil
}

// writeTrustStore writes certificates as Java takes them. Each has a name of its own, since of two
// by one name Java has one.
func writeTrustStore(path string, bundle []byte) error {
	var entries []pkcs12.TrustStoreEntry
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil { // Go would not trust it either
			entries = append(entries, pkcs12.TrustStoreEntry{Cert: cert, FriendlyName: fmt.Sprintf("%d %s", len(entries), cert.Subject)})
		}
	}
	store, err := pkcs12.Modern2023.EncodeTrustStoreEntries(entries, storePassword)
	if err != nil {
		return fmt.Errorf("making a trust store for Java: %w", err)
	}
	return atomicfile.Write(path, store, atomicfile.Options{})
}

// quoted writes a word as Java reads its options: there are two kinds of quotes, and nothing escapes
// them.
func quoted(word string) string {
	switch {
	case !strings.ContainsAny(word, " \t'\""):
		return word
	case strings.Contains(word, `"`):
		return "'" + word + "'"
	}
	return `"` + word + `"`
}
