// Package agent is the core of anaplan-agent: what a login is, what a token
// is, and when to make one. It knows neither hardware nor the network.
//
// A [Key] is a private key that somebody else guards; [SignLogin] turns it into
// a [Login], the signed message that Anaplan takes in place of a password; and
// a [Token] is what Anaplan gives in return.
//
//	key, err := hsm.Open(ctx, address, hsm.Options{PIN: ask})
//	...
//	login, err := agent.SignLogin(ctx, key, agent.V2, time.Now())
//	...
//	token, err := client.Authenticate(ctx, login)
//
// A [Keeper] does that for as long as it runs: it keeps one token alive for all callers, with as
// few signatures as can be, and says by its [Status] how it goes.
//
//	keeper := agent.NewKeeper(agent.KeeperConfig{Sign: sign, Exchange: client})
//	go keeper.Run(ctx)
//	...
//	lease, err := keeper.Token(ctx, notify)
//
// What went wrong is a [Problem] there, in the form in which it can be passed on to other
// processes: with words for people, and with what may be tried again.
//
// What must stay secret is a [Secret], which no formatting, logging or JSON
// encoding shows. The package refuses to sign anything but a login message that
// it made itself.
package agent
