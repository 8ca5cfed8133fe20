package tunnel

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// metadata are addresses at which clouds tell their machines what they are, and give them secrets,
// which are not of the link: those of Amazon (IPv6), Google (IPv6), Alibaba, Azure and Oracle.
func metadata(address netip.Addr) bool {
	switch address.String() {
	case "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192":
		return true
	}
	return false
}

// forbidden says why no tunnel leads to an address; "": one may.
func forbidden(address netip.Addr) string {
	address = embedded(address)
	switch {
	case address.IsLoopback(), address.IsUnspecified(), isThisNetwork(address):
		return address.String() + " is this machine itself"
	case isOwn(address):
		return address.String() + " is an address of this machine; a program connects to that by itself, with the address in NO_PROXY"
	case address.IsLinkLocalUnicast():
		return address.String() + " is an address of the link, where clouds keep secrets for their machines"
	case metadata(address):
		return address.String() + " is where a cloud keeps secrets for its machines"
	case address.IsMulticast(), address == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return address.String() + " is not the address of one machine"
	}
	return ""
}

// isOwn reports whether one of this machine's interfaces has the address. What listens there for other
// machines is as near as what listens at 127.0.0.1.
func isOwn(address netip.Addr) bool {
	own, err := net.InterfaceAddrs()
	return err == nil && isAmong(address, own)
}

func isAmong(address netip.Addr, all []net.Addr) bool {
	return slices.ContainsFunc(all, func(own net.Addr) bool {
		network, ok := own.(*net.IPNet)
		return ok && network.IP.Equal(net.IP(address.AsSlice()))
	})
}

// isThisNetwork reports whether an address is in 0.0.0.0/8 (RFC 1122 section 3.2.1.3).
func isThisNetwork(address netip.Addr) bool { return address.Is4() && address.As4()[0] == 0 }

// embedded returns the address of IPv4 that one of IPv6 leads to, if it does: mapped (RFC 4291 section
// 2.5.5), translated (RFC 6052, RFC 8215), 6to4 (RFC 3056).
func embedded(address netip.Addr) netip.Addr {
	address = address.WithZone("").Unmap()
	if !address.Is6() {
		return address
	}
	b, at := address.As16(), -1
	switch {
	case strings.HasPrefix(string(b[:]), "\x00\x64\xff\x9b"):
		at = 12
	case b[0] == 0x20 && b[1] == 0x02:
		at = 2
	case strings.HasPrefix(string(b[:]), strings.Repeat("\x00", 12)) && (b[12] != 0 || b[13] != 0):
		at = 12
	default:
		return address
	}
	return netip.AddrFrom4([4]byte(b[at : at+4]))
}

// forbiddenName says why no tunnel leads to a host of that name, whatever it stands for; "": one may.
func forbiddenName(host string) string {
	switch {
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "localhost.localdomain" || host == "ip6-localhost":
		return host + " is this machine itself"
	case host == "metadata" || host == "metadata.google.internal" || host == "metadata.goog" || host == "instance-data" || host == "instance-data.ec2.internal":
		return host + " is where a cloud keeps secrets for its machines"
	}
	return ""
}
