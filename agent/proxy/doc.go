// Package proxy makes calls of Anaplan's API with a token that the caller does not have.
//
// A [Transport] is an http.RoundTripper that puts the token in, waits for the tenant's
// allowance, and renews a refused token once. Commands use it as it is:
//
//	client := &http.Client{Transport: &proxy.Transport{Source: keeper, Base: proxy.NewBase(nil), Client: "nightly"}}
//
// A [Proxy] stands on it, and forwards what others ask for. The agent's local server uses it, after
// it has found out which client calls, and that the policy allows the call:
//
//	p, err := proxy.New(proxy.Config{API: "https://api.anaplan.com", Source: keeper, Limiter: limiter})
//	...
//	result, err := p.Serve(w, r, proxy.Call{Path: path.String(), Client: "client:nightly"})
//	switch {
//	case result.Cut:
//		panic(http.ErrAbortHandler) // what the client has is not whole, and it must see that
//	case !result.Began:
//		// nothing has been written: say err
//	}
//
// Bodies stream both ways, and answers are passed on as they came, compressed or not. Small
// request bodies are read first, so that they can be sent again. Of a request's headers those of
// a list are sent on, which describe the client, the body and the answer that is wanted. All others
// are not: what the client shows to be let in (Authorization, Cookie), what could make the service
// see another request than the policy saw (X-HTTP-Method-Override and the like), and trailers.
//
// The package refuses upgrades to other protocols (but for h2c, which it ignores as a server may),
// the methods CONNECT and TRACE, and to put the token into what a redirect leads elsewhere. It
// keeps tokens out of errors, and with them all that a service says in a broken answer, for that
// can quote us.
package proxy
