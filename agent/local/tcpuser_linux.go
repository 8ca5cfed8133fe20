package local

import (
	"bufio"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// UserOfTCP returns the user whose socket is at the other end of a loopback connection, as
// /proc/net/tcp has it (proc_pid_net(5)); [Nobody] where that cannot be had.
func UserOfTCP(peer, own net.Addr) int {
	from, to := addressOf(peer), addressOf(own)
	for _, table := range []struct {
		path string
		text func(netip.AddrPort) string
	}{
		{"/proc/self/net/tcp", func(a netip.AddrPort) string { return kernelAddress(a.Addr().AsSlice(), a.Port()) }},
		{"/proc/self/net/tcp6", func(a netip.AddrPort) string { // IPv4, too: many programs have sockets for both
			long := a.Addr().As16()
			return kernelAddress(long[:], a.Port())
		}},
	} {
		if uid := findSocket(table.path, table.text(from), table.text(to)); uid != Nobody {
			return uid
		}
	}
	return Nobody
}

func addressOf(addr net.Addr) netip.AddrPort {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		at := tcp.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}

// kernelAddress writes an address as the kernel does on a machine that is little-endian: words of
// four bytes, each turned round.
func kernelAddress(address []byte, port uint16) string {
	var text strings.Builder
	for i := 0; i+4 <= len(address); i += 4 {
		text.WriteString(strings.ToUpper(hex.EncodeToString([]byte{address[i+3], address[i+2], address[i+1], address[i]})))
	}
	return text.String() + ":" + strings.ToUpper(hex.EncodeToString([]byte{byte(port >> 8), byte(port)}))
}

// findSocket looks for a connection in one of the kernel's tables. One without an inode belongs to
// no process any more, and its user is told as 0.
func findSocket(path, from, to string) int {
	table, err := os.Open(path)
	if err != nil {
		return Nobody
	}
	defer table.Close()
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[1] != from || fields[2] != to || fields[9] == "0" {
			continue
		}
		if uid, err := strconv.Atoi(fields[7]); err == nil {
			return uid
		}
	}
	return Nobody
}
