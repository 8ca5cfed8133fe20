package daemon

import (
	"testing"
)

func TestCodeOf(t *testing.T) {
	const file = "/opt/my agent/anaplan-agent"
	for line, want := range map[string]bool{
		"00400000-00a00000 r-xp 00001000 08:01 1234                       /opt/my agent/anaplan-agent": true,
		"00a00000-00b00000 r--p 00601000 08:01 1234                       /opt/my agent/anaplan-agent": false, // relocations may have been written there
		"00b00000-00c00000 rw-p 00701000 08:01 1234                       /opt/my agent/anaplan-agent": false,
		"7f0000000000-7f0000001000 r-xp 00000000 08:01 99                 /usr/lib/libc.so.6":          false,
		"7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                  [vdso]":                      false,
		"zz-00a00000 r-xp 00001000 08:01 1234                             /opt/my agent/anaplan-agent": false,
		"": false,
	} {
		from, to, ok := codeOf(line, file)
		if ok != want || ok && (from != 0x400000 || to != 0xa00000) {
			t.Errorf("%q: %#x to %#x, %v", line, from, to, ok)
		}
	}
}

// The program goes on after its code was taken out of memory under it.
func TestForgetCode(t *testing.T) {
	for range 100 {
		forgetCode()
	}
}
