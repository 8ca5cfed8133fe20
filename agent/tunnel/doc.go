// Package tunnel is for connections that the agent makes for its callers to hosts that are not
// Anaplan's, where it is their proxy: where they may lead, and how bytes go through them. The agent's
// local API uses it for what CONNECT asks of it.
//
//	target, err := tunnel.Parse("pypi.org:443")
//	...
//	conn, err := tunnel.Dial(ctx, target)
//	if refused, ok := errors.AsType[*tunnel.RefusedError](err); ok { ... }
//	...
//	sent, received := tunnel.Join(caller, conn, touch)
//
// # What it refuses
//
// Ports below 1024 but 443 and 80. Addresses of this machine (loopback, unspecified), of its link,
// multicast, and those where clouds tell their machines secrets, in each form that IPv6 has for an
// address of IPv4. They are looked at when the name has been looked up, and it is the address looked at
// that is dialled, so a name that changes in between leads nowhere else.
//
// Through a proxy of the environment (HTTPS_PROXY, NO_PROXY) it is the proxy that looks names up. Then
// only what stands in the target can be refused: such addresses, and names that are known to stand for
// them.
package tunnel
