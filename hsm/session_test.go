//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// portions returns a search that hands out 1, 2, 3 ... in portions of these lengths.
func portions(lengths ...int) func() ([]int, error) {
	last := 0
	return func() ([]int, error) {
		if len(lengths) == 0 {
			return nil, nil
		}
		portion := make([]int, lengths[0])
		for i := range portion {
			last++
			portion[i] = last
		}
		lengths = lengths[1:]
		return portion, nil
	}
}

// TestGather: a module may hand out fewer objects than it was asked for, and still
// have more.
func TestGather(t *testing.T) {
	for _, lengths := range [][]int{{}, {1}, {2, 1}, {1, 1, 1}, {batch, 3}, {batch, batch}, {3, batch}} {
		total := 0
		for _, length := range lengths {
			total += length
		}
		got, err := gather(portions(lengths...))
		if err != nil || len(got) != total || !slices.IsSorted(got) {
			t.Errorf("portions %v: %d objects, %v", lengths, len(got), err)
		}
	}
}

func TestGatherEnds(t *testing.T) {
	calls := 0
	_, err := gather(func() ([]int, error) {
		calls++
		return make([]int, batch), nil
	})
	if !errors.Is(err, errEndless) || calls > mostObjects/batch+1 {
		t.Errorf("after %d calls: %v", calls, err)
	}
	broken := errors.New("removed")
	if got, err := gather(func() ([]int, error) { return nil, broken }); err != broken || got != nil {
		t.Errorf("%v, %v; want the error of the search", got, err)
	}
}

// TestNumbersOfOddLengths: a CK_ULONG of another machine, or of no length, is not a number.
func TestNumbersOfOddLengths(t *testing.T) {
	for length := range 10 {
		_, ok := attribute.Values{1: make([]byte, length)}.Number(1)
		if want := length == 4 || length == 8; ok != want {
			t.Errorf("%d bytes are a number: %v", length, ok)
		}
		if got := (attribute.Values{1: make([]byte, length)}).Flag(1, true); got != (length != 1) {
			t.Errorf("a flag of %d bytes is %v", length, got)
		}
	}
}

// TestSilentSlotsInOrder: the text of an error is the same each time.
func TestSilentSlotsInOrder(t *testing.T) {
	found := &survey{module: new(module), failed: map[uint]error{}}
	want := "no such token: pkcs11:; there are:"
	for slot := range uint(20) {
		found.failed[slot] = fmt.Errorf("slot %d", slot)
		want += fmt.Sprintf("\n  (slot %d)", slot)
	}
	if got := found.none(uri.URI{}).Error(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestDistinct: tokens with the same label and serial number are told apart by the
// slot, all others by what does not change.
func TestDistinct(t *testing.T) {
	same := uri.URI{}.With("token", "same")
	got := distinct([]token{{slot: 1, brief: same}, {slot: 2, brief: same}, {slot: 3, brief: uri.URI{}.With("token", "other")}})
	want := []string{"pkcs11:token=same;slot-id=1", "pkcs11:token=same;slot-id=2", "pkcs11:token=other"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
