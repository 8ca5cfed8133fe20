package kubernetes

// Stored reads an answer.
var Stored = stored
