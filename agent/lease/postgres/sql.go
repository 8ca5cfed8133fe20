package postgres

// Table makes the table. One of it serves any number of fleets, each with a row of its own.
const Table = `CREATE TABLE IF NOT EXISTS anaplan_agent_lease (
    name        text PRIMARY KEY,      -- of the fleet: lease= in the setting
    holder      text NOT NULL,         -- the process that leads; '': nobody does
    address     text NOT NULL,         -- where the other members reach it
    epoch       bigint NOT NULL,       -- grows with each holder
    audit_head  text NOT NULL,         -- of the holder's audit log
    reason      text NOT NULL,         -- why the holder leads, or why nobody does
    since       timestamptz NOT NULL,  -- when the holder got the lease
    renewed     timestamptz NOT NULL,
    duration_ms bigint NOT NULL,       -- after renewed the lease has run out
    version     text NOT NULL          -- another one with each write
)`

// columns are what both statements return, by the clock of the server.
const columns = `holder, address, epoch, audit_head, reason, duration_ms, version,
    (extract(epoch FROM since) * 1000)::bigint,
    (extract(epoch FROM renewed - clock_timestamp()) * 1000)::bigint + duration_ms`

const (
	readRow = `SELECT ` + columns + ` FROM anaplan_agent_lease WHERE name = $1`

	createRow = `INSERT INTO anaplan_agent_lease
    (name, holder, address, epoch, audit_head, reason, duration_ms, version, since, renewed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), clock_timestamp())
    ON CONFLICT (name) DO NOTHING RETURNING ` + columns

	replaceRow = `UPDATE anaplan_agent_lease SET
    since = CASE WHEN holder = $2 AND epoch = $4 THEN since ELSE clock_timestamp() END,
    holder = $2, address = $3, epoch = $4, audit_head = $5, reason = $6, duration_ms = $7, version = $8,
    renewed = clock_timestamp()
    WHERE name = $1 AND version = $9 RETURNING ` + columns
)
