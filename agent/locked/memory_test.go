package locked_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/locked"
)

func TestBlocksAreApart(t *testing.T) {
	var memory locked.Memory
	var blocks []*locked.Block
	page := os.Getpagesize()
	sizes := []int{0, 1, 6, 63, 64, 65, 518, 1024, page/2 - 1, page/2 + 1, page - 1, page, page + 1, 3 * page}
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, sizes[i%len(sizes)]) }
	for i := range 300 {
		given := value(i)
		blocks = append(blocks, memory.Keep(given))
		clear(given)
		if i%3 == 2 { // with holes
			blocks[i-1].Free()
		}
	}
	for i, block := range blocks {
		if isFree := i%3 == 1; !isFree && !bytes.Equal(block.Bytes(), value(i)) {
			t.Errorf("block %d of %d bytes holds something else", i, len(value(i)))
		}
		block.Free()
	}
}

// TestFreeOverwrites looks at the memory of what was freed, on a page that is still in use.
func TestFreeOverwrites(t *testing.T) {
	var memory locked.Memory
	neighbour := memory.Keep([]byte("other words"))
	block := memory.Keep([]byte("its own word"))
	inside := block.Bytes()
	block.Free()
	block.Free()
	if !bytes.Equal(inside, make([]byte, len(inside))) || block.Bytes() != nil {
		t.Errorf("it still holds %q, %q", inside, block.Bytes())
	}
	again := memory.Keep([]byte("a third word"))
	if string(neighbour.Bytes()) != "other words" || string(again.Bytes()) != "a third word" {
		t.Errorf("%q, %q", neighbour.Bytes(), again.Bytes())
	}
	if &again.Bytes()[0] != &inside[0] {
		t.Error("the memory is not used again")
	}
	block.Free() // it has been given away
	if string(again.Bytes()) != "a third word" {
		t.Error("freed twice, it has taken another's value")
	}
}

func TestBlockLargerThanAPage(t *testing.T) {
	var memory locked.Memory
	value := bytes.Repeat([]byte("large "), os.Getpagesize())
	block := memory.Keep(value)
	if !bytes.Equal(block.Bytes(), value) {
		t.Error("it holds something else")
	}
	block.Free()
}

// TestBlocksCannotGrow: appending to one does not write into the next.
func TestBlocksCannotGrow(t *testing.T) {
	var memory locked.Memory
	blocks := []*locked.Block{memory.Keep([]byte("first")), memory.Keep([]byte("second"))}
	for _, block := range blocks {
		_ = append(block.Bytes(), "more and more and more and more and more and more and more and more"...)
	}
	if string(blocks[0].Bytes()) != "first" || string(blocks[1].Bytes()) != "second" {
		t.Errorf("%q, %q", blocks[0].Bytes(), blocks[1].Bytes())
	}
}

func TestManyAtOnce(t *testing.T) {
	var memory locked.Memory
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 1000 {
				want := fmt.Sprintf("%d of %d", n, i)
				block := memory.Keep([]byte(want))
				if string(block.Bytes()) != want {
					t.Errorf("%q, want %q", block.Bytes(), want)
				}
				block.Free()
			}
		})
	}
	all.Wait()
}

func Example() {
	var memory locked.Memory
	pin := []byte("1234")
	block := memory.Keep(pin)
	clear(pin)
	fmt.Println(string(block.Bytes()), slices.Max(pin))
	block.Free()
	fmt.Println(block.Bytes() == nil)
	// Output:
	// 1234 0
	// true
}
