// Package policycheck tells whether the policies would allow a call or a rule, without making the
// call.
package policycheck
