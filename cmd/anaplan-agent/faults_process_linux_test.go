//go:build cgo

package main

import (
	"os"
	"syscall"
	"time"
)

// signalAll sends a signal to all processes of the site.
func (w *faultSite) signalAll(signal syscall.Signal) {
	for _, pid := range w.processes() {
		syscall.Kill(pid, signal)
	}
}

func processTroubles() []trouble {
	wrong := trouble{group: "process", isWrong: true, within: mostRecovery}
	again := func(w *faultSite, n int, end func()) {
		for range n {
			time.Sleep(500 * time.Millisecond)
			end()
			w.start()
		}
	}
	return []trouble{
		{group: "process", name: "the agent is killed", begin: func(w *faultSite) { w.kill() }, end: func(w *faultSite) { w.start() }},
		{group: "process", name: "the agent is restarted", begin: func(w *faultSite) { w.stop() }, end: func(w *faultSite) { w.start() }},
		{group: "process", name: "the agent is killed while it logs in", needs: aLogin, fault: fault{orders: []string{"C_Sign=sleep:800"}},
			met: func(w *faultSite) bool { return w.calls()["C_SignInit"] > w.before["C_SignInit"] }, lasts: 100 * time.Millisecond,
			end: func(w *faultSite) { w.kill(); w.site.end(); w.start() }},
		{group: "process", name: "the signer is killed", needs: aLogin, fault: fault{orders: []string{"C_Sign=sleep:800"}},
			met: func(w *faultSite) bool { return w.calls()["C_SignInit"] > w.before["C_SignInit"] }, lasts: 100 * time.Millisecond,
			end: func(w *faultSite) { w.signalChildren(syscall.SIGKILL); w.site.end() }},
		{group: "process", name: "the agent stands still for 3 s", begin: func(w *faultSite) { w.signalAll(syscall.SIGSTOP) },
			end: func(w *faultSite) { w.signalAll(syscall.SIGCONT) }, lasts: 3 * time.Second},
		{group: "process", name: "a reload with a broken configuration",
			begin: func(w *faultSite) {
				w.check(os.WriteFile(w.path("config.toml"), []byte("[profile"), 0o600))
				w.signalAll(syscall.SIGHUP)
			},
			end: func(w *faultSite) { w.configure(); w.signalAll(syscall.SIGHUP) }},
		{group: "process", name: "the file of the socket is removed",
			begin: func(w *faultSite) { w.check(os.Remove(w.path("run/agent.sock"))) }, end: func(*faultSite) {}},
		{group: "process", name: "the directory of state is removed", needs: aLogin,
			begin: func(w *faultSite) { w.check(os.RemoveAll(w.path("home"))) }, end: func(w *faultSite) { w.check(os.MkdirAll(w.path("home"), 0o700)) }},
		wrong.called("a wrong PIN", func(w *faultSite) {}),
		wrong.called("a wrong PIN, and 3 restarts", func(w *faultSite) { again(w, 3, w.stop) }),
		wrong.called("a wrong PIN, and the agent is killed 3 times", func(w *faultSite) { again(w, 3, w.kill) }),
		wrong.called("a wrong PIN, and 3 reloads", func(w *faultSite) {
			for range 3 {
				time.Sleep(500 * time.Millisecond)
				w.signalAll(syscall.SIGHUP)
			}
		}),
	}
}

// called returns the row under a name, with what begins.
func (row trouble) called(name string, begin func(*faultSite)) trouble {
	row.name, row.begin = name, begin
	row.end = func(*faultSite) {}
	return row
}

// signalChildren sends a signal to the agent's children.
func (w *faultSite) signalChildren(signal syscall.Signal) {
	for _, pid := range w.processes() {
		if pid != w.agent.cmd.Process.Pid {
			syscall.Kill(pid, signal)
		}
	}
}
