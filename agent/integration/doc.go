// Package integration is a client of Anaplan's integration API, version 2: it finds things by
// their names, runs them, and moves files in chunks, over connections that may break.
//
//	client := &integration.Client{Base: "https://api.anaplan.com", HTTP: authenticated}
//	model, err := client.FindModel(ctx, "Plan", "")
//	...
//	process, err := client.FindThing(ctx, model, integration.Processes, "Nightly load")
//	...
//	id, err := client.Start(ctx, process, integration.Start{})
//	...
//	task, err := client.Wait(ctx, process, id, nil)
//	if err == nil && !task.OK() {
//		// Anaplan did not say that all of it was successful
//	}
//
// The commands that run things use it, and so does the agent: a [Catalog] tells it the names
// that its policies know things by. Authentication is the business of the http.Client.
//
// What can be repeated without harm is repeated, with growing pauses and within bounds, when a
// connection breaks or Anaplan asks for patience. The start of a task is not: where its answer is
// lost, the list of tasks tells whether there is one.
//
// It refuses to follow redirects, to take one of several things of a name, to call a task
// successful unless Anaplan says so, and to put Anaplan's words into an error
// before they are fit for a terminal.
//
// What Anaplan does is taken from the pages of help.anaplan.com (the bulk APIs), from its own
// client Anaplan Connect, and from what others saw of the service; comments say which.
package integration
