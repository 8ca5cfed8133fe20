// Package signer makes a login in a process of its own, which lives for this one login.
//
// PKCS#11 modules and smart card services are foreign C code. One that crashes, hangs or leaks
// takes a short-lived process with it, and never the agent, which is the user of this package: a
// [Process] starts the signers, and the command that it starts calls [Serve]. Take a device's
// [LockDevice] before working with it, because several processes on one token disturb each other;
// in one agent a Process sees to that.
//
//	// in the agent
//	signers := &signer.Process{Command: []string{"/proc/self/exe", "signer"}, Logger: logger}
//	login, err := signers.Sign(ctx, signer.Order{Settings: settings, Device: "yubikey 12345678"}, notify)
//
//	// in the command "signer"
//	err := signer.Serve(func(ctx context.Context, order signer.Order, notify agent.NotifyFunc) (*agent.Login, error) {
//		unlock, err := signer.LockDevice(ctx, dir, order.Device, nil)
//		...
//		return agent.SignLogin(ctx, key, agent.V2, time.Now())
//	})
//
// The two talk in frames (package frame) on the child's standard input and output: a type, a length,
// the payload. The child composes the login message itself. No frame carries
// bytes to sign, and none may ever be added: a signed message is a password, so being able to hand
// one in would be as good as having the key.
//
// The package refuses what a child says that is not in the protocol or too large, and a
// login that does not verify or was not made just now. It trusts no child: not to answer,
// to end, to be quiet, nor to tell the truth.
package signer
