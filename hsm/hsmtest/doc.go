// Package hsmtest makes throw-away PKCS#11 tokens for tests: a SoftHSM token in
// the test's own directory, objects of every layout on it, and a module in front
// of it that misbehaves as told.
//
//	token := hsmtest.NewToken(t)
//	key := hsmtest.RSAKey(t, "a")
//	token.Put(t, hsmtest.Named("login", 1).Pair(key, hsmtest.Certify(t, key))...)
//	opened, err := hsm.Open(ctx, token.Address(t, ";object=login"), hsm.Options{PIN: ask})
//
// A test whose parts the machine lacks is skipped with a reason, unless the
// environment variable ANAPLAN_AGENT_REQUIRE names its lane: then it fails.
// Tests that use the package cannot be parallel, because a module takes its
// configuration from the environment of the process.
package hsmtest
