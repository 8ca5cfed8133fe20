package hardware

// PINState is how near a device is to taking no PIN any more.
type PINState int

// The states, from good to bad. Tokens tell nothing else (PKCS#11 section 3.2,
// CKF_USER_PIN_*).
const (
	PINFresh    PINState = iota // no try was wrong since the last good one, or the device does not tell
	PINLow                      // at least one try was wrong (CKF_USER_PIN_COUNT_LOW)
	PINFinalTry                 // one wrong PIN more locks it (CKF_USER_PIN_FINAL_TRY)
	PINLocked                   // no PIN is taken any more (CKF_USER_PIN_LOCKED)
)

// PINCounter is what a device tells at one moment of the wrong PINs that it has counted. The
// zero PINCounter is that of a device which did not tell.
type PINCounter struct {
	// Told: the device has told its State. Some tokens set a flag late, so PINFresh does not
	// mean that nothing was counted.
	Told  bool
	State PINState

	// Exact: the device has told how many Tries are left, as cards do. Whether the last one
	// was wrong these do not tell: their State is never PINLow.
	Exact bool
	Tries int
}

// FlagCounter is the counter of a device that tells a state only.
func FlagCounter(state PINState) PINCounter { return PINCounter{Told: true, State: state} }

// TryCounter is the counter of a device that tells how many tries are left; less than 0: it
// has not told.
func TryCounter(left int) PINCounter {
	c := PINCounter{Told: true, Exact: true, Tries: left}
	switch {
	case left < 0:
		return PINCounter{}
	case left == 0:
		c.State = PINLocked
	case left == 1:
		c.State = PINFinalTry
	}
	return c
}
