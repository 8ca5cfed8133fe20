// Package settings turns flags, environment, configuration file and defaults, in this order, into
// the profile of one run, and makes the clients of Anaplan that it asks for.
//
// Every command that has settings uses it. agent/config says what a setting means.
package settings
