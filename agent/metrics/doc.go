// Package metrics counts what an agent does, and tells it in the text format of Prometheus
// (version 0.0.4) or of OpenMetrics (1.0.0), for the agent's /metrics.
//
//	m := metrics.New(keepers.Status, version, server.Connections)
//	...
//	m.Event("default", event)                            // KeeperConfig.Observe
//	m.Request("GET /v1/token", 200, time.Since(start))   // after each request
//	...
//	m.WriteWanted(response, request.Header["Accept"])
//
// What it tells:
//
//	anaplan_agent_state{profile,state}                1 for the state that the profile is in, else 0
//	anaplan_agent_problem{profile,code}               1 for what was wrong with the last attempt; none where it went well
//	anaplan_agent_token_seconds_left{profile}         none without a token
//	anaplan_agent_certificate_seconds_left{profile}   none before the first login; negative once it has ended
//	anaplan_agent_certificate_warning_days{profile}   60, 30, 14, 7 or 1, once so few are left; none before
//	anaplan_agent_key_active{profile,key}             1 for the key in use, else 0; of profiles with several, by their number from 1
//	anaplan_agent_failovers_total{profile}            signatures by another key than the one that was asked first
//	anaplan_agent_signatures_total{profile,result}    and _logins_, _refreshes_, _logouts_; result is ok or failed
//	anaplan_agent_failures_total{profile,code}        by the code of the problem
//	anaplan_agent_sign_seconds                        and _login_, _refresh_: histograms of what went well
//	anaplan_agent_requests_total{route,status}
//	anaplan_agent_request_seconds{route}              a histogram
//	anaplan_agent_calls_total{profile,client,status}  calls of Anaplan's API that were forwarded
//	anaplan_agent_calls_refused_total{profile,client} by a policy
//	anaplan_agent_call_sent_bytes_total{profile,client}   and _received_; call_seconds{profile} is a histogram
//	anaplan_agent_tunnels_total{client,result}        to hosts that are not Anaplan's; result is ok or failed
//	anaplan_agent_open_tunnels                        those that are open or being made
//	anaplan_agent_tunnel_sent_bytes_total{client}     and _received_
//	anaplan_agent_allowance_left{tenant}              calls that could be made at once; and _waiting, _held_seconds, _waited_total, _refused_total, _holds_total
//	anaplan_agent_fleet_leads{fleet}                  1 if this member of a fleet leads; and _can_lead, _epoch, _takeovers_total, _store_silent_seconds
//	anaplan_agent_fleet_leader{fleet,member}          1 for the member that leads, as this one sees it
//	anaplan_agent_fleet_member_reachable{fleet,member}    and _member_clock_ahead_seconds; of the others
//	anaplan_agent_fleet_member_active{profile,member} 1 for the member that makes the calls of an edge's profile
//	anaplan_agent_fleet_forwarded_total{member,result}    calls that were sent to another member; result is ok or failed
//	anaplan_agent_tls_certificate_seconds_left        of the certificate for other machines; and _lifetime_seconds; anaplan_agent_tls_files_usable
//	anaplan_agent_connections
//	anaplan_agent_build_info{version}
//	process_..., go_...                               a few of the process and of Go
//
// A profile has no counters before something has happened to it. Routes are the server's
// own patterns; it refuses to keep more than a few hundred of them, for a route that a caller
// chooses would fill the memory. Nothing secret can get in: of an event it takes kind,
// duration and the problem's code.
package metrics
