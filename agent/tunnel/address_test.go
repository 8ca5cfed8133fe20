package tunnel

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

// TestOwnAddresses: what the machine's interfaces have is refused as 127.0.0.1 is, and what is beside
// them is not.
func TestOwnAddresses(t *testing.T) {
	all := []net.Addr{&net.IPNet{IP: net.IPv4(192, 0, 2, 7), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("2001:db8::7"), Mask: net.CIDRMask(64, 128)}}
	for text, want := range map[string]bool{"192.0.2.7": true, "192.0.2.8": false, "2001:db8::7": true, "2001:db8::8": false} {
		if isAmong(netip.MustParseAddr(text), all) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range own {
		ip := one.(*net.IPNet).IP
		address, _ := netip.AddrFromSlice(ip)
		why := Target{address.Unmap().String(), 443}.Check()
		if why == nil || !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !strings.Contains(why.Error(), "is an address of this machine; ") {
			t.Errorf("%s: %v", one, why)
		}
	}
}
