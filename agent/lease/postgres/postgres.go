package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"database/sql/driver"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// Store is the row of one fleet. Its methods are called one after the other.
type Store struct {
	setting string
	clock   clock
	conn    driver.Conn // nil: none
}

// New returns the Store that a setting's parameters lead to, as libpq writes them. Nothing is connected
// yet.
func New(setting string) (*Store, error) {
	if _, _, err := parse(setting); err != nil {
		return nil, err
	}
	return &Store{setting: setting}, nil
}

// Read returns the record, or record.ErrNone.
func (s *Store) Read(ctx context.Context) (record.Stored, error) {
	stored, err := s.ask(ctx, readRow)
	if errors.Is(err, errNoRow) {
		return stored, record.ErrNone
	}
	return stored, err
}

// Write replaces the record of a version, or makes the first one; record.ErrChanged: there is another.
func (s *Store) Write(ctx context.Context, version string, new record.Record) (record.Stored, error) {
	var random [8]byte
	rand.Read(random[:])
	values := []driver.Value{
		new.Holder, new.Address, int64(new.Epoch), new.AuditHead, new.Reason, new.Duration.Milliseconds(), hex.EncodeToString(random[:]),
	}
	statement := createRow
	if version != "" {
		statement, values = replaceRow, append(values, version)
	}
	stored, err := s.ask(ctx, statement, values...)
	if errors.Is(err, errNoRow) {
		return stored, record.ErrChanged
	}
	return stored, err
}

// Close ends the connection.
func (s *Store) Close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// ask runs a statement that returns one row or none, which is errNoRow. Where there is no table it makes
// it, and a connection that has broken meanwhile is made anew.
func (s *Store) ask(ctx context.Context, statement string, values ...driver.Value) (record.Stored, error) {
	defer s.clock.begin(ctx)()
	wasOpen := s.conn != nil
	stored, err := s.try(ctx, statement, values)
	if wasOpen && s.conn == nil && ctx.Err() == nil {
		stored, err = s.try(ctx, statement, values)
	}
	if pq.As(err, pqerror.UndefinedTable) != nil {
		if err := s.makeTable(ctx); err != nil {
			return stored, explain(ctx, err)
		}
		stored, err = s.try(ctx, statement, values)
	}
	if errors.Is(err, errNoRow) {
		return stored, errNoRow
	}
	return stored, explain(ctx, err)
}

// makeTable makes the table. Two members that do so at once meet in the catalog, where one fails.
func (s *Store) makeTable(ctx context.Context) error {
	err := s.connected(ctx, func(conn driver.Conn, _ string) error {
		rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), Table, nil)
		if err == nil {
			err = rows.Close()
		}
		return err
	})
	if pq.As(err, pqerror.UniqueViolation, pqerror.DuplicateTable, pqerror.DuplicateObject) != nil {
		return nil
	}
	if pq.As(err, pqerror.InsufficientPrivilege) != nil {
		return &noTableError{err}
	}
	return err
}

// errNoRow is that a statement has returned nothing.
var errNoRow = errors.New("no row")

// try runs a statement once.
func (s *Store) try(ctx context.Context, statement string, values []driver.Value) (stored record.Stored, err error) {
	err = s.connected(ctx, func(conn driver.Conn, name string) error {
		stored, err = query(conn, statement, append([]driver.Value{name}, values...))
		return err
	})
	return stored, err
}

// connected calls do with a connection, which is kept unless it has failed. The context given to the
// driver has no end: its own way of ending a query is one more connection, and waits for the server.
// The clock bounds each exchange instead.
func (s *Store) connected(ctx context.Context, do func(conn driver.Conn, name string) error) error {
	config, name, err := parse(s.setting)
	if err != nil {
		return err
	}
	if s.conn == nil {
		if s.conn, err = s.connect(ctx, config); err != nil {
			s.conn = nil
			return err
		}
	}
	err = do(s.conn, name)
	said, isSaid := errors.AsType[*pq.Error](err)
	if err != nil && err != errNoRow && (!isSaid || said.Fatal()) {
		s.Close()
	}
	return err
}

func (s *Store) connect(ctx context.Context, config pq.Config) (driver.Conn, error) {
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	connector.Dialer(&s.clock)
	return connector.Connect(ctx)
}

// query runs a statement and reads its row.
func query(conn driver.Conn, statement string, values []driver.Value) (stored record.Stored, err error) {
	named := make([]driver.NamedValue, len(values))
	for i, value := range values {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), statement, named)
	if err != nil {
		return stored, err
	}
	row := make([]driver.Value, len(rows.Columns()))
	err = rows.Next(row)
	if closing := rows.Close(); err == nil {
		err = closing
	}
	if err == io.EOF {
		return stored, errNoRow
	}
	if err != nil {
		return stored, err
	}
	return scan(row)
}

// scan reads the columns of a row.
func scan(row []driver.Value) (stored record.Stored, err error) {
	texts := map[int]*string{0: &stored.Holder, 1: &stored.Address, 3: &stored.AuditHead, 4: &stored.Reason, 6: &stored.Version}
	var epoch, duration, since, left int64
	numbers := map[int]*int64{2: &epoch, 5: &duration, 7: &since, 8: &left}
	for i, value := range row {
		isText, isNumber := false, false
		switch value := value.(type) {
		case int64:
			isNumber = numbers[i] != nil
			if isNumber {
				*numbers[i] = value
			}
		case string:
			isText = set(texts[i], value)
		case []byte:
			isText = set(texts[i], string(value))
		}
		if !isText && !isNumber {
			return stored, &foreignTableError{fmt.Errorf("column %d is not as expected", i+1)}
		}
	}
	stored.Epoch, stored.Duration, stored.Since = uint64(epoch), time.Duration(duration)*time.Millisecond, time.UnixMilli(since)
	stored.Beat, stored.HasClock, stored.Left = stored.Version, true, time.Duration(left)*time.Millisecond
	return stored, nil
}

func set(text *string, value string) bool {
	if text != nil {
		*text = value
	}
	return text != nil
}
