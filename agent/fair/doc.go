// Package fair shares an allowance of calls among clients. Anaplan allows a tenant 600 calls a
// minute, whatever makes them; the agent, which makes them for all its clients, sends no more, and
// sees to it that a client that asks for thousands at once does not take the others' turns.
//
//	limiter := fair.New(fair.Config{})
//	...
//	if err := limiter.Wait(ctx, "client:nightly"); err != nil {
//		return err // a *fair.BusyError says when to come back
//	}
//	response, err := transport.RoundTrip(request)
//	...
//	limiter.Hold(retryAfter) // if the answer was a 429
//
// # How it shares
//
// The allowance is a bucket, which is full at first and fills again at an even rate. While there is
// something in it and nobody waits, a call goes at once, whichever client makes it. Once it is
// empty callers wait, in a queue for each client, and the clients take turns: a new one waits for
// one call of each of the others, however many they have waiting.
//
// # What waits in vain
//
// Nobody waits for nothing: a call that would have to wait for longer than [Config].MaxWait is
// refused at once, as is one that finds [Config].MaxQueue calls of the same client waiting. If
// others come later, or a [Limiter.Hold], and some that wait already would have to wait for too
// long, those are refused then. As clients take turns, they are calls of a client that has many.
//
// # Hold
//
// A 429 means that the allowance was not what it was taken for: others use it too. So a Hold
// stops everybody, and leaves nothing in the bucket. When it ends, calls go one by one at the
// rate of the allowance, not all at once into the next 429. Of a storm of calls that all come
// back with a 429, the first one holds, and the others change little or nothing.
//
// # What it refuses
//
// It does not count what others send for the same tenant, and does not know what an earlier
// process has sent: that shows by a 429, unless somebody knows and calls [Limiter.Spend]. Time is that of the monotonic clock; setting the wall
// clock gives nobody a call, and while the machine sleeps a Hold stands still.
package fair
