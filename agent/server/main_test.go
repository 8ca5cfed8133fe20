package server_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// childVariable has the test binary do something as another process, see children.
const childVariable = "ANAPLAN_AGENT_LOCAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Microsoft/go-winio.ioCompletionProcessor"))
}

// missing skips a test for want of a right or a resource, or fails it where CI requires it.
func missing(t testing.TB, lane, what string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("ANAPLAN_AGENT_REQUIRE"), ","), lane) {
		t.Fatalf("%s is missing, and ANAPLAN_AGENT_REQUIRE has %s", what, lane)
	}
	t.Skipf("%s is missing", what)
}
