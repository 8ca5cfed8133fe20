package pivtest_test

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// A card answers APDUs, without a reader too: here it is selected, and asked for its
// version.
func ExampleNewCard() {
	card, err := pivtest.NewCard(pivtest.Options{Firmware: "5.7.1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	card.Transmit([]byte{0x00, 0xA4, 0x04, 0x00, 5, 0xA0, 0x00, 0x00, 0x03, 0x08})
	fmt.Printf("% X\n", card.Transmit([]byte{0x00, 0xFD, 0x00, 0x00}))
	// Output: 05 07 01 90 00
}

// A fault makes the card answer a signature with an error, once.
func ExampleCard_Inject() {
	card, err := pivtest.NewCard(pivtest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	card.Inject(pivtest.Fault{INS: 0x87, SW: 0x6F00})
	fmt.Printf("% X\n", card.Transmit([]byte{0x00, 0x87, 0x07, 0x9C}))
	fmt.Println(len(card.Commands()), "command, with", card.PINTriesLeft(), "PIN tries left")
	// Output:
	// 6F 00
	// 1 command, with 3 PIN tries left
}
