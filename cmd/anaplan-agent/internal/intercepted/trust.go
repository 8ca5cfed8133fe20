package intercepted

// The certificates that a program is to trust: those that it trusts anyway, and the agent's CA.

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/systemroots"
)

// trustEnv writes the files that programs read their certificates from, and returns the variables
// that name them. What the user has named counts in the place of the system's certificates, as it
// does without an agent.
func trustEnv(getenv func(string) string, ca []byte, directory string) (env []string, err error) {
	for _, variable := range []struct {
		name  string
		named []string // the first of these that is set counts, to this variable's programs
		more  string   // set, it names directories that these programs read as well
		extra bool     // the programs have certificates of their own, to which these are added
	}{
		{name: "SSL_CERT_FILE", named: []string{"SSL_CERT_FILE"}},
		{name: "REQUESTS_CA_BUNDLE", named: []string{"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}},
		{name: "CURL_CA_BUNDLE", named: []string{"CURL_CA_BUNDLE", "SSL_CERT_FILE"}, more: "SSL_CERT_DIR"},
		{name: "NODE_EXTRA_CA_CERTS", named: []string{"NODE_EXTRA_CA_CERTS"}, extra: true},
	} {
		bundle, isNamed, err := namedBy(getenv, variable.named...)
		if err != nil {
			return nil, err
		}
		if !isNamed && !variable.extra {
			bundle = systemroots.PEM()
		}
		for _, path := range filepath.SplitList(getenv(variable.more)) {
			more, _ := systemroots.Read(path) // these programs go on without it, too
			bundle = joined(bundle, more)
		}
		file := filepath.Join(directory, variable.name+".pem")
		if err := atomicfile.Write(file, joined(bundle, ca), atomicfile.Options{}); err != nil {
			return nil, err
		}
		env = append(env, variable.name+"="+file)
	}
	return env, nil
}

// namedBy returns the certificates that the first variable names which is set.
func namedBy(getenv func(string) string, variables ...string) (bundle []byte, isNamed bool, err error) {
	for _, name := range variables {
		path := getenv(name)
		if path == "" {
			continue
		}
		if bundle, err = systemroots.Read(path); err != nil {
			return nil, false, fmt.Errorf("the variable %s names certificates that cannot be read: %w; correct it, or unset it", name, err)
		}
		return bundle, true, nil
	}
	return nil, false, nil
}

// joined puts one PEM text behind another.
func joined(a, b []byte) []byte {
	if len(a) == 0 {
		return b
	}
	return append(append(bytes.TrimRight(a, "\r\n"), '\n'), b...)
}
