package config

import (
	"fmt"
	"strings"
	"testing"
)

// manyProfiles is a file of n profiles as they are in use.
func manyProfiles(n int) []byte {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[profile.p%d]\nkey = 'pkcs11:token=t%d;object=login?module-name=softhsm2'\n"+
			"pin = 'credential:pin%d'\nregion = 'eu1'\ntimeout = '90s'\n\n", i, i, i)
	}
	return []byte(text.String())
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := manyProfiles(n)
			for b.Loop() {
				if _, err := Parse("c.toml", data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
