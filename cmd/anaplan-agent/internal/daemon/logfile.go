package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// mostInLog is how long a log file becomes before it is put aside, in bytes. With the one before it
// takes twice that, for nobody may look after it.
const mostInLog = 8 << 20

// LogFile is the file of log_file. Its methods may be called from any goroutine.
type LogFile struct {
	path string
	most int64

	mu   sync.Mutex
	file *os.File // nil: it could not be opened again
	size int64
}

// OpenLogFile opens the file to add to it, or makes it, for this user alone.
func OpenLogFile(path string) (*LogFile, error) {
	l := &LogFile{path: path, most: mostInLog}
	if err := paths.CheckOutput(path); err != nil {
		return nil, fmt.Errorf("log_file %s: %w", path, err)
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("log_file: %w", err)
	}
	return l, nil
}

func (l *LogFile) open() error {
	file, err := openGrowing(l.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write implements io.Writer, for whole lines.
func (l *LogFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(line)) > l.most && l.size > 0 {
		l.putAside()
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// putAside gives the file another name. Where that fails, it goes on growing for as long again.
func (l *LogFile) putAside() {
	l.close()
	os.Rename(l.path, l.path+".old")
	l.size = 0
}

// Reopen opens the file anew, which somebody may have moved.
func (l *LogFile) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
	return l.open()
}

// Close closes the file.
func (l *LogFile) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

func (l *LogFile) close() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// alsoTo has the log in the file as well. Without a file it changes nothing.
func (l *LogFile) alsoTo(handler slog.Handler, own *config.Agent) slog.Handler {
	if l == nil {
		return handler
	}
	return slog.NewMultiHandler(handler, newHandler(l, own))
}
