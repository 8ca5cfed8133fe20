package postgres

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/lib/pq"
)

// lineWithPassword is how the driver begins an error that repeats a line of the service file.
const lineWithPassword = "missing '='"

// parse reads the parameters, which the service file and the environment complete, and the name of the
// row. They are read for each connection, so that a changed service file counts.
func parse(setting string) (config pq.Config, name string, err error) {
	config, err = pq.NewConfig(setting)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "pq: ")
		if before, _, found := strings.Cut(text, lineWithPassword); found {
			text = before + "a line without ="
		}
		return config, "", fmt.Errorf("PostgreSQL's parameters: %s (the service file is ~/.pg_service.conf of the agent's user, or PGSERVICEFILE in the agent's environment)", text)
	}
	name = cmp.Or(config.Runtime["lease"], "anaplan-agent")
	delete(config.Runtime, "lease")
	config.ApplicationName = cmp.Or(config.ApplicationName, "anaplan-agent")
	config.BinaryParameters = true // one exchange for a statement
	if config.SSLMode == "" {
		secure(&config)
	}
	return config, name, nil
}

// secure is what counts where nobody has said how the server is to be known: another machine must show
// a certificate for its name. The driver's own default takes any.
func secure(config *pq.Config) {
	if isHere(config.Host) && len(config.Multi) == 0 && !config.Hostaddr.IsValid() {
		config.SSLMode = pq.SSLModePrefer
		return
	}
	config.SSLMode = pq.SSLModeVerifyFull
}

// isHere reports whether a host is this machine.
func isHere(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || filepath.IsAbs(host) || strings.HasPrefix(host, "@") || address != nil && address.IsLoopback()
}
