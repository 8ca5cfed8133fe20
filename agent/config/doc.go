// Package config reads the settings of anaplan-agent from TOML, flags and
// environment variables, and checks them all before anything is opened:
//
//	[profile.default]
//	key = "pkcs11:token=prod;object=login?module-name=softhsm2"
//	pin = "credential:pin"
//	region = "eu3"
//	allow = ["group:etl"]
//
//	[agent]
//	log_level = "warn"
//	listen = "127.0.0.1:8470"
//
//	[client.nightly]
//	secret = "sha256:..."
//	policy = ['run process "Nightly load" in model "Plan"']
//
// The command line is the only user. It reads the file and the environment; this
// package has no side effects, and knows neither devices nor the network.
//
//	file, err := config.Parse("config.toml", data)
//	...
//	profile, err := file.Profile("default", map[string]config.Value{
//		"timeout": {Text: "2m", From: "--timeout"},
//	})
//	...
//	agent, err := file.Agent(nil)
//	...
//	for _, client := range file.Clients() {
//
// It refuses what it does not know: a misspelt setting is an error with its line,
// in whichever profile it stands. Errors name where a bad value comes from, and
// never show a value that may be a PIN or a secret.
package config
