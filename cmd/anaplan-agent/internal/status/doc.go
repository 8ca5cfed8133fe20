// Package status shows what the running agent does: a table of its profiles, and below it what is
// wrong, once or again with each change.
//
//	console.PrintResult(console.Printable(status.Text(answer, time.Now())))
package status
