// Package console speaks with the person at the terminal and writes the result to standard output:
// notes, warnings, questions, progress, and the time limit of a command.
//
// Every room that tells somebody something uses it. It does not know what errors mean: explain
// does.
package console
