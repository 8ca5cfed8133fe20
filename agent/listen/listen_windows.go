package listen

import (
	"errors"
	"fmt"
	"net"

	"github.com/Microsoft/go-winio"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"golang.org/x/sys/windows"
)

// pipeBuffer is how much a pipe holds in each direction, in bytes, before who writes has to wait: short
// answers, such as that there are too many callers, never wait for who reads.
const pipeBuffer = 64 << 10

// On makes a named pipe, as \\.\pipe\NAME, and listens on it.
//
// Only this user, the system and administrators can open it, if it is not Shared, and only they can
// make more instances of it, which callers would take for the agent. If a live agent has it the error
// is [local.ErrRunning]; that of another program stays. Closing the listener removes the pipe, as the end of
// the process does: nothing stays behind, and nobody else can remove it.
func On(pipe string, options Options) (net.Listener, error) {
	if !local.IsPipe(pipe) {
		return nil, fmt.Errorf(`%q is not a named pipe of this machine, on which the agent listens on Windows: write it as \\.\pipe\NAME`, pipe)
	}
	if local.Knock(pipe) == nil {
		return nil, inTheWay(pipe)
	}
	listener, err := winio.ListenPipe(pipe, &winio.PipeConfig{
		SecurityDescriptor: descriptorFor(local.Self(), options), InputBufferSize: pipeBuffer, OutputBufferSize: pipeBuffer,
	})
	switch {
	case err == nil:
		return pipeListener{listener}, nil
	case local.Knock(pipe) == nil:
		return nil, inTheWay(pipe)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return nil, fmt.Errorf("another user's program has the pipe %s: choose another one for the agent, or have an administrator end that program: %w", pipe, err)
	}
	return nil, fmt.Errorf("listening on %s: %w", pipe, err)
}

// inTheWay says whose pipe it is that is there already.
func inTheWay(pipe string) error {
	if err := local.CheckServer(pipe); err != nil {
		return err
	}
	return fmt.Errorf("%w: it answers at %s", local.ErrRunning, pipe)
}

// descriptorFor returns who owns the agent's pipe and who may open it, in Windows' notation of such
// ("Security Descriptor String Format", Win32). Sessions over the network, as by SSH, are those of
// users too; that other machines cannot open the pipe is a property of its own.
func descriptorFor(self string, options Options) string {
	text := "O:" + self + "D:P(A;;GA;;;" + self + ")(A;;GA;;;SY)(A;;GA;;;BA)"
	if options.Shared {
		text += fmt.Sprintf("(A;;%#x;;;AU)", uint32(local.Access))
	}
	return text
}

// pipeListener is a listener that goes on after what concerns one caller only.
type pipeListener struct{ net.Listener }

// Accept returns the next caller. Every error but that of its end passes: a caller that was gone at
// once, memory that is used up for now. It is shown as what of sockets is used up for now.
func (l pipeListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		err = fmt.Errorf("%w: %w", windows.WSAENOBUFS, err)
	}
	return conn, err
}
