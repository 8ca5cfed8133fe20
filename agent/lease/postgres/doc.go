// Package postgres keeps the record of a lease in a row of a table in PostgreSQL.
//
//	store, err := postgres.New("service=anaplan")
//	stored, err := store.Read(ctx)
//
// A read and a write are one statement each, in one exchange with the server, and leave nothing behind
// in the session: no transaction, lock, LISTEN or prepared statement. So it works through pgbouncer
// that pools transactions. For how long the lease counts is told by the server's clock.
//
// Parameters are libpq's: in the setting, in the service file that it names, and in the environment
// (PGHOST, PGSERVICEFILE, PGPASSFILE, ...). The table is made if it is not there and the role may;
// Table is the statement.
package postgres
