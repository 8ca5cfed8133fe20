// Package postgrestest has what the tests share that run a PostgreSQL, which is Debian's.
//
// It is used by tests only.
package postgrestest
