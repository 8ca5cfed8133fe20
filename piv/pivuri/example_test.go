package pivuri_test

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

func ExampleParse() {
	address, err := pivuri.Parse("piv:slot=9C;serial=12345678")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(address.Serial, address.Slot)
	fmt.Println(address)
	_, err = pivuri.Parse("piv:slot=9b")
	fmt.Println(err)
	// Output:
	// 12345678 9c
	// piv:serial=12345678;slot=9c
	// address "piv:slot=9b": slot "9b" is not one of 9a, 9c, 9d, 9e and 82 to 95
}
