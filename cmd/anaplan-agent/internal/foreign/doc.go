// Package foreign keeps apart what libraries in C print and what the program prints. They
// share its process, and write to standard output and error by their numbers, 1 and 2: a
// licence banner before a result that a script reads, or what each function was called with.
//
// Divert gives the program descriptors of its own for both, so that a library has neither.
// What it prints goes to standard error until Hide, and nowhere afterwards. Hide is called
// before a library is told a secret or makes one: what it prints then may hold it in any
// form, and cannot be cleaned of all forms.
//
// It cannot keep a library from what it opens by itself, such as a log file that its own
// configuration names; that may be /dev/stderr.
package foreign
