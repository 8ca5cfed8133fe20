package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// noTableError is that the table is not there, and the role may not make it.
type noTableError struct{ err error }

func (e *noTableError) Error() string { return e.err.Error() }

// foreignTableError is a table that is another's.
type foreignTableError struct{ err error }

func (e *foreignTableError) Error() string { return e.err.Error() }

// remedies are what to do about what the server answers, by SQLSTATE.
var remedies = map[pqerror.Code]string{
	pqerror.InvalidPassword:                   "the password is wrong: correct it in the service file, the password file or PGPASSWORD of the agent's environment; it is read again with each connection",
	pqerror.InvalidAuthorizationSpecification: "pg_hba.conf of the server does not let this role in from here, or only with TLS: add a line there, or set sslmode",
	pqerror.InvalidCatalogName:                "create the database, or name the right one: dbname",
	pqerror.InsufficientPrivilege:             "grant it to the role: GRANT SELECT, INSERT, UPDATE ON anaplan_agent_lease TO the role",
	pqerror.ReadOnlySQLTransaction:            "the server takes no writes: with several servers, name all in host and set target_session_attrs=read-write",
	pqerror.CannotConnectNow:                  "the server is starting or stopping; it is tried again",
	pqerror.AdminShutdown:                     "the server is stopping; it is tried again",
	pqerror.TooManyConnections:                "the server has too many connections; a member needs one",
	pqerror.UndefinedColumn:                   "the table is of another version or somebody else's: rename it, and have it made anew",
	pqerror.ProtocolViolation:                 "what answers there may be a pooler: see its log",
}

// explain puts an error into words, with what to do. The texts of the server and the network have no
// password in them.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	text := printable.Cut(printable.Line(strings.TrimPrefix(err.Error(), "pq: ")), 300)
	said, isSaid := errors.AsType[*pq.Error](err)
	if _, ok := errors.AsType[*noTableError](err); ok {
		return fmt.Errorf("PostgreSQL has no table anaplan_agent_lease, and the role may not make it: %s; have its owner make it (docs/fleet.md has the statement)", text)
	}
	if _, ok := errors.AsType[*foreignTableError](err); ok {
		return fmt.Errorf("PostgreSQL's table anaplan_agent_lease is not this program's: %s; rename it, and have it made anew", text)
	}
	if isSaid {
		if remedy := remedies[said.Code]; remedy != "" {
			return fmt.Errorf("PostgreSQL: %s; %s", text, remedy)
		}
		return fmt.Errorf("PostgreSQL: %s", text)
	}
	if remedy := unreached(ctx, err); remedy != "" {
		return fmt.Errorf("PostgreSQL cannot be reached: %s; %s", text, remedy)
	}
	return fmt.Errorf("PostgreSQL: %s", text)
}

// unreached says what to do where there is no answer of a server; "": it is not that.
func unreached(ctx context.Context, err error) string {
	name, isName := errors.AsType[*net.DNSError](err)
	_, isForeign := errors.AsType[x509.UnknownAuthorityError](err)
	_, isOther := errors.AsType[x509.HostnameError](err)
	_, isTLS := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case isForeign:
		return "name its CA in sslrootcert"
	case isOther:
		return "host must be a name in the server's certificate"
	case isTLS:
		return "its certificate is not good"
	case errors.Is(err, pq.ErrSSLNotSupported):
		return "turn ssl on in postgresql.conf; without it anybody on the way can have another member lead (sslmode=disable)"
	case isName && name.IsNotFound:
		return "host names nothing: correct it, or the DNS"
	case neterror.IsRefused(err), errors.Is(err, os.ErrNotExist):
		return "start it, or correct host and port"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return "it has not answered in time: see whether the server is overloaded, or a firewall is in between"
	case errors.Is(err, driver.ErrBadConn), neterror.IsBroken(err):
		return "it has ended the connection; it is tried again"
	}
	return ""
}
