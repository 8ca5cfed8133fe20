package phantom_test

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

func ExampleStore() {
	store := phantom.New(phantom.Config{})
	token, err := store.Issue(phantom.Holder{Client: "client:nightly", Profile: "default"})
	fmt.Println(token.Value, err)

	held, err := store.Find(token.Value.Reveal())
	fmt.Println(held.Client, held.Profile, err)

	store.Revoke(token.Value.Reveal())
	_, err = store.Find(token.Value.Reveal())
	fmt.Println(err == phantom.ErrRevoked)
	// Output:
	// [redacted] <nil>
	// client:nightly default <nil>
	// true
}
