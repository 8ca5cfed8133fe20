// Package device opens a key, whatever holds it: it finds token or card and the certificate, asks
// for the PIN and the touch, lists what is there, and guards against modules that crash, hang or
// close badly.
//
// Every room and command that signs or looks at a device uses it, and should not need to ask whether it has a
// token or a card.
package device
