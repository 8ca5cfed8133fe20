// Package policy decides which calls of Anaplan's integration API a client may make.
// A policy is a list of rules, each of which allows something; what no rule allows is
// refused. The agent's proxy uses it, and so does `policy check`.
//
//	rules, err := policy.Parse([]string{
//		`run process "Nightly load" in model "Plan" in workspace "Finance"`,
//		`upload file 113000000004 in model "Plan"`,
//		`GET,HEAD /2/0/workspaces/*/models`,
//		`list`,
//	})
//	...
//	path, err := policy.ParsePath(request.URL.EscapedPath())
//	...
//	decision, err := rules.Decide(ctx, request.Method, path, names)
//	if decision.Allowed {
//		forward(path.String())
//	}
//
// # Rules
//
//	METHODS PATH                   methods with commas between them, or * for all; in the path * is
//	                               one segment, and ** at its end any rest, also none
//	run KIND THING in MODEL        KIND is process, import, export or action: look at it, start it,
//	                               follow and end its tasks, and read what they dumped; for an
//	                               export also read the file that it writes
//	upload file THING in MODEL     write a file, whole or in chunks
//	download file THING in MODEL   read a file
//	read list THING in MODEL       read the items of a list
//	write list THING in MODEL      add items to a list, change them and delete them
//	read view THING in MODEL       read the cells of a view
//	list                           read the lists of workspaces, models and what is in them, what
//	                               lists, modules and views are made of, and a model's status
//
// Every rule with a verb also allows to ask for the status of its model.
//
// THING is an id as it is, or a name in double quotes, in which \" and \\ stand for " and \.
// MODEL is `model THING` or `model THING in workspace THING`. Methods are GET, HEAD,
// POST, PUT, PATCH and DELETE, and HEAD is allowed where GET is. Everything but
// ids is compared with case; Anaplan takes ids in either.
//
// Models can be reached below their workspace and without it. Where the path tells no
// workspace, a rule that wants one fits only if it gives the model's id, which is in
// one workspace anyway.
//
// # Paths
//
// A path is decoded once, by ParsePath, and encoded again; the decision and the
// forwarded request have this one form. What two programs could read in two ways is
// refused, not repaired: dot segments, also with blanks around them, doubled slashes but for those
// at the beginning, which count as one, encoded slashes, backslashes, semicolons, control characters, invalid UTF-8, and what would
// decode once more.
//
// A decision is about the method and the path only. The program that forwards the request must see
// to it that no header, such as X-HTTP-Method-Override, makes it another one upstream.
//
// Whether a policy allows all that a rule does, Covers tells; see Rule.
//
// The package refuses rules that could never allow anything, with the place and the
// remedy. It asks for a name only if a rule would fit in everything else, and
// for none where a rule without names allows the call.
package policy
