package pin

import "fmt"

// An address that does not name its device, as "piv:slot=9c", fits any card. The PIN from one place
// belongs to the card that accepted it: another card does not get it until the user says so.

// OtherDeviceError says that a PIN is not sent, because it is that of another device.
type OtherDeviceError struct {
	Device Device
	Source string
	Owner  Device // the one that took it
}

func (e *OtherDeviceError) Error() string {
	return fmt.Sprintf("the PIN from %s belongs to %s, not to %s, so it is not sent", e.Source, e.Owner.beside(e.Device), e.Device.beside(e.Owner))
}

// ownerName names the note of whose PIN a place has, for an address.
func ownerName(address, source string) string {
	return hashName("owner\x00" + address + "\x00" + source)
}

// judgeOwner returns an *OtherDeviceError if the PIN is known to be that of another device.
func (b *Book) judgeOwner(u use) error {
	if u.owner == "" || u.typed {
		return nil
	}
	n, _, err := b.read(u.owner, false)
	if err != nil || n.State != stateTaken || n.about.device().isSame(u.device) {
		return nil
	}
	return &OtherDeviceError{Device: u.device, Source: u.source, Owner: n.about.device()}
}

// own notes that the device has taken the PIN.
func (w *way) own() {
	if w.owner == "" || w.typed {
		return
	}
	n, onDisk, err := w.asker.Book.read(w.owner, false)
	if err != nil || n.State == stateTaken && n.about.device() == w.device {
		return
	}
	u := w.use
	u.name = w.owner
	w.asker.Book.write(note{State: stateTaken, Seq: n.Seq + 1, Time: now(), about: about{Source: w.source}.of(w.device)}, onDisk, u)
}
