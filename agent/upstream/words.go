package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// ProxyError is the answer of a proxy of the environment that does not connect. net/http would report
// its status, but not where it came from.
type ProxyError struct {
	Host    string   // of the proxy, with its port
	Status  int      // HTTP
	Schemes []string // by which it wants to be told who is calling, of those that are known; nil: it names none
}

func (e *ProxyError) Error() string {
	text := fmt.Sprintf("the proxy %s does not connect (HTTP %d %s)", e.Host, e.Status, http.StatusText(e.Status))
	switch {
	case e.Status != http.StatusProxyAuthRequired:
		return text
	case e.WantsOther():
		return text + ": it takes only " + strings.Join(e.Schemes, " and ") + ", which this program does not speak; put cntlm or px in between"
	}
	return text + ": it wants a name and a password, in HTTPS_PROXY"
}

// WantsOther reports whether the proxy takes no user and password, but only schemes that this program
// does not speak.
func (e *ProxyError) WantsOther() bool {
	return len(e.Schemes) > 0 && !slices.Contains(e.Schemes, "Basic")
}

// schemes are those of IANA's registry that proxies ask for.
var schemes = []string{"Basic", "Digest", "NTLM", "Negotiate", "Kerberos", "Bearer"}

// schemesIn returns the known schemes of the challenges (RFC 9110 section 11.6.1).
func schemesIn(challenges []string) (found []string) {
	for part := range strings.SplitSeq(strings.Join(challenges, ","), ",") {
		word, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		i := slices.IndexFunc(schemes, func(scheme string) bool { return strings.EqualFold(scheme, word) })
		if i >= 0 && !slices.Contains(found, schemes[i]) {
			found = append(found, schemes[i])
		}
	}
	return found
}

// NoTLS has words for a handshake with something that does not speak TLS; "" for any other error.
func NoTLS(err error) string {
	record, isRecord := errors.AsType[tls.RecordHeaderError](err)
	// net/http puts its own error in place of crypto/tls's when it sees HTTP.
	isHTTP := errors.Is(err, http.ErrSchemeMismatch) || isRecord && string(record.RecordHeader[:]) == "HTTP/"
	operation, _ := errors.AsType[*net.OpError](err)
	switch {
	case !isRecord && !isHTTP:
		return ""
	case operation != nil && operation.Op == "proxyconnect":
		return "the proxy does not speak TLS; write HTTPS_PROXY=http://HOST:PORT"
	case isHTTP:
		return "it speaks plain HTTP where TLS is wanted; look at the port of the URL"
	}
	return "it does not speak TLS; look at the port of the URL"
}

// Unvouched has words for a certificate for which no root vouches.
func Unvouched() string {
	if hasNoRoots() {
		return "this machine has no CA certificates: " + remedy.Here().InstallRoots()
	}
	return "no trusted root vouches for its certificate; if a proxy of your company inspects TLS, add its root to ca_file"
}

// hasNoRoots reports whether the system has no CA certificates, as a container that has none but the
// program.
func hasNoRoots() bool {
	pool, err := x509.SystemCertPool()
	return err != nil || pool.Equal(x509.NewCertPool())
}
