// Package authority is the certificate authority (CA) with which the agent answers in the name of
// Anaplan's hosts, to clients on this machine that have these names built in and use the agent as
// their HTTPS proxy. Package server asks it for certificates, and the command ca prints it.
//
//	ca := authority.New(stateDirectory, anaplan.HostNames())
//	leaf, err := ca.Leaf("api.anaplan.com")
//	trusted, err := ca.Bundle()
//
// # What it can do, and what it refuses
//
// The CA's certificate is constrained by name (RFC 5280 section 4.2.1.10, critical): to the domains
// of the hosts that it was made for, without any IP address. It signs server certificates only, and
// no further CA. So a thief of its key can stand in for Anaplan's hosts, to those programs on this
// machine that were told to trust it, and for nothing else.
//
// The key lies in one file with the certificate, which is readable by its owner only; a file that
// others can read or change is not used. It is made when it is first asked for. A CA is good for a
// year. Sixty days before its end another one is made, and printed beside it; that one begins to sign
// only when the old one is a week from its end, so that programs which have read the CA once, and run
// on for weeks, trust what they meet. The old one is printed until its end, without a key.
//
// Certificates for hosts (leaves) live in memory only, for hours, with a key that ends with the process.
package authority
