package anaplantest

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"
)

// gregorian is the Unix epoch on a UUID's clock, which counts from 1582-10-15 in
// steps of 100 ns (RFC 9562 section 5.1).
const gregorian = 0x01b21dd213814000

// newUUID makes a version 1 UUID that carries now in milliseconds, as Anaplan's
// token ids carry the instant of login. Node and sequence are random.
func newUUID(now time.Time) string {
	// Milliseconds, because expiresAt is in them: their difference is then the
	// token's life exactly (contract section 2.1).
	ticks := uint64(now.UnixMilli())*10_000 + gregorian
	var u [16]byte
	rand.Read(u[8:])
	binary.BigEndian.PutUint32(u[0:], uint32(ticks))
	binary.BigEndian.PutUint16(u[4:], uint16(ticks>>32))
	binary.BigEndian.PutUint16(u[6:], uint16(ticks>>48)&0x0fff|0x1000)
	u[8] = u[8]&0x3f | 0x80
	u[10] |= 1 // a random node must not look like a network card's address
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}
