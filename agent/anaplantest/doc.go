// Package anaplantest is a stand-in for Anaplan's authentication and
// integration hosts, in the manner of net/http/httptest. Tests of the client
// use it, and so does the command anaplan-emulator.
//
//	server := anaplantest.NewServer(t, nil)
//	cert := server.Enroll(key.Public(), nil)
//	...
//	login at server.URL with server.Client(), or with the roots server.CA.Pool()
//	...
//	if got := server.Counts().Logins; got != 1 {
//
// It checks certificates, messages and signatures by itself, with its own wire
// structs, so that an error in the client cannot hide in shared code. What it
// takes and answers follows the published contract of Anaplan's service; where
// that is silent, it follows an assumption, and an option changes it.
//
// It refuses a login as Anaplan does, without saying why; [Counts] and the log
// tell the reason in words. No token, message or signature ever gets into them.
package anaplantest
