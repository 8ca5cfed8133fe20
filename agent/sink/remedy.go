package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// remedies say what an agent can do, beside what package atomicfile says, where a file cannot
// be written, by why.
var remedies = []struct {
	is error
	do string
}{
	{syscall.EROFS, "of a service: name the directory in ReadWritePaths= or RuntimeDirectory="},
	{syscall.EFBIG, "the agent may not write files of that size: see its LimitFSIZE= or ulimit -f"},
	{syscall.EMFILE, "the agent has too many files open: see its LimitNOFILE= or ulimit -n"},
	{fs.ErrPermission, remedy.Here().WhyNotGiven()},
}

// failed is the error of a file that was not written, or not removed.
func failed(err error) error {
	for _, r := range remedies {
		if errors.Is(err, r.is) {
			return fmt.Errorf("token file: %w (%s)", err, r.do)
		}
	}
	return fmt.Errorf("token file: %w", err)
}
