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
// # What there is to integrate with
//
// One tenant with two workspaces of a model each, "Emulated model" and "Plan", at
// both places that Anaplan has for models, below their workspace and below /2/0/models.
// In them are files, imports, exports, actions and processes; lists come in pages.
//
//   - Files are uploaded at once or in chunks, gzip or not, and read whole, in chunks
//     or in part. They are kept in memory, 64 MiB in all. SetFile and FileContent are
//     for the test's side.
//   - Tasks run things: an import takes its file, and leaves out the rows with the word
//     "bad"; an export writes its file; a process runs its actions. Polls move a task
//     on. TaskOutcome plans failures, dumps, cancellations, and tasks that never end.
//   - Lists have items, which are read, added, changed and deleted; modules have views with cells, and
//     line items. ListItems is for the test's side. Large lists and views are read in pages.
//   - SetModelState makes a model busy, archived, locked, offline or deployed for a while, and the
//     request for its status tells with what it is busy.
//   - Rename makes names stale, or the same.
//
// The shapes are those of Anaplan's pages on the integration API at help.anaplan.com,
// and of the test data of Anaplan Connect (anaplaninc/anaplan-java-client).
//
// # What is assumed
//
// Nothing public says how Anaplan answers most of the logins that it refuses
// (contract sections 2.2 and 10). The stand-in then does this:
//
//   - 401 FAILURE_BAD_CREDENTIAL for a certificate or message that is not taken,
//     400 FAILURE_BAD_REQUEST for a body that is not a login;
//   - a message's time may be 300 seconds off, either way: Options.Window;
//   - v1 messages are refused: Options.AcceptV1;
//   - a message may be used again inside the window: Options.RefuseReplays;
//   - refresh keeps the token's value: Options.RotateTokens;
//   - two certificates of one user may log in at the same time;
//   - a certificate that is disabled leaves the tokens it got alive;
//   - any issuer is trusted, for Anaplan's list of CAs is not public;
//   - 400 for a limit, an offset, a chunk or a chunk count that makes no sense, 404 for
//     a file or a dump with nothing in it, 413 for what is too large;
//   - an import whose file is missing, or is being uploaded still, fails;
//   - an import that left rows out succeeds: Options.RejectedRowsFail;
//   - the columns of a dump, and of a list as CSV; that the pages of a large one are cut anywhere;
//   - the words for what is wrong with an item of a list, but for INCORRECT_FORMAT;
//   - while an upload is under way the chunks that it has announced are listed, and of an upload of an
//     unknown number those that have come.
//
// # What goes wrong
//
// Scripted faults stand in for networks, proxies and maintenance:
//
//	server.Fault("/token/authenticate", 2, anaplantest.TooManyRequests("7"))
//	server.Fault("/2/0/", 1, anaplantest.CutInside())
//	server.Fault("POST "+tasks, 1, anaplantest.CutAfter())
//
// Time is the clock in Options, so that tests in testing/synctest need not wait
// for a token to end: serve a [Service] there on a net.Pipe.
//
// # What it does not tell
//
// It refuses a login as Anaplan does, without saying why; [Counts] and the log
// tell the reason in words. No token, message or signature ever gets into them.
package anaplantest
