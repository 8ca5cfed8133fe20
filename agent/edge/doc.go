// Package edge is the way of an agent without a key to those that have one: the members. It logs in
// there by this machine's certificate (package mutualtls), and its calls of Anaplan's API are made
// there.
//
//	members := edge.New(edge.Config{Members: addresses, Identity: identity})
//	go members.Run(ctx)
//	keeper := agent.NewKeeper(agent.KeeperConfig{Sign: members.Sign, Exchange: members, …})
//	proxy.New(proxy.Config{API: members.Base(), Transport: members, Source: keeper, …})
//
// Of several members one is used, the first at the beginning. Where it cannot be reached, or cannot log
// in, the next takes its place, and a call that was not begun at the first is made there: callers do not
// notice. A call that was begun is made again only if it reads. The members before are looked at again
// after a time.
//
// Anaplan's token never comes here. What a member hands out is a token of its own, which is worth
// something only there and only with this machine's certificate; calls do without it.
package edge
