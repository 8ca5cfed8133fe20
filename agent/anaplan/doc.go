// Package anaplan speaks to Anaplan's authentication service: it exchanges a
// signed login for a token, and refreshes, validates and revokes tokens.
//
//	hosts, err := anaplan.Region("eu3")
//	...
//	client, err := anaplan.New(anaplan.Config{AuthURL: hosts.Auth})
//	...
//	token, err := client.Authenticate(ctx, login)
//	if errors.Is(err, anaplan.ErrBadCredential) {
//		// the certificate is not registered, or the login is stale
//	}
//
// The command uses it wherever the agent itself goes out to the network. It
// holds no key and reads no file. It refuses plain HTTP except to loopback,
// follows no redirect (which would carry the credential to somebody else), and
// puts neither payload nor token nor Authorization header into a log or an error,
// not even where the server echoes them.
//
// The wire is described in the contract, the collection of what Anaplan documents
// and what was seen of the service; comments cite its sections.
package anaplan
