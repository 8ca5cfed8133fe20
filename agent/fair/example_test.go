package fair_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/fair"
)

func ExampleLimiter() {
	limiter := fair.New(fair.Config{PerMinute: 600, MaxWait: 10 * time.Second})
	fmt.Println(limiter.Wait(context.Background(), "client:nightly"))

	limiter.Hold(time.Minute) // Anaplan has answered 429
	err := limiter.Wait(context.Background(), "client:nightly")
	if busy, ok := errors.AsType[*fair.BusyError](err); ok {
		fmt.Println("Retry-After:", busy.RetryAfter.Round(time.Second))
	}
	// Output:
	// <nil>
	// Retry-After: 1m0s
}
