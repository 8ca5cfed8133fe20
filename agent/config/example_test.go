package config_test

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

func ExampleParse() {
	file, err := config.Parse("config.toml", []byte(`
[profile.default]
key = "pkcs11:token=demo;object=login?module-name=softhsm2"

[profile.prod]
key = ["pkcs11:token=one", "pkcs11:token=two"]
region = "eu3"
pin = "env:DEMO_PIN"
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	profile, err := file.Profile("prod", map[string]config.Value{"timeout": {Text: "2m", From: "--timeout"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Profiles())
	fmt.Println(profile.Keys, profile.PIN, profile.Region, profile.Timeout)
	// Output:
	// [default prod]
	// [pkcs11:token=one pkcs11:token=two] env:DEMO_PIN eu3 2m0s
}

func ExampleParse_mistake() {
	_, err := config.Parse("config.toml", []byte("[profile.default]\nregoin = \"eu3\"\n"))
	fmt.Println(err)
	// Output:
	// config.toml:2:1: there is no setting "regoin"; did you mean region?
	//   regoin = ...
	//   ^
}

func ExampleFile_Agent() {
	file, err := config.Parse("config.toml", []byte("[agent]\nlogout_at_end = true\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	agent, err := file.Agent(map[string]config.Value{"socket": {Text: "/run/agent.sock", From: "--socket"}})
	fmt.Println(agent.Socket, agent.LogLevel, agent.LogoutAtEnd, err)
	// Output:
	// /run/agent.sock INFO true <nil>
}

func ExampleFile_Clients() {
	file, err := config.Parse("config.toml", []byte(`
[client.nightly]
users = ["user:etl"]
policy = ["list", 'run process "Nightly load" in model "Plan"']
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, client := range file.Clients() {
		fmt.Println(client.Name, client.Profile, client.Users, len(client.Policy))
	}
	// Output:
	// nightly default [user:etl] 2
}

func ExampleAgentSettings() {
	for _, s := range config.AgentSettings() {
		fmt.Println(s.Flag())
	}
	// Output:
	// socket
	// listen
	// listen-tls
	// tls
	// metrics
	// audit-file
	// log-level
	// log-format
	// log-file
	// logout-at-end
	// share-socket
}

func ExampleParseAddress() {
	address, err := config.ParseAddress("PIV:slot=9C;serial=7")
	fmt.Println(address, err)
	// Output:
	// piv:serial=7;slot=9c <nil>
}

func ExampleSettings() {
	for _, s := range config.Settings()[:2] {
		fmt.Printf("--%s, %s, default %q\n", s.Flag(), s.Env(), s.Default)
	}
	// Output:
	// --key, ANAPLAN_AGENT_KEY, default ""
	// --pin, ANAPLAN_AGENT_PIN, default ""
}

func ExampleParsePINSource() {
	source, err := config.ParsePINSource("file:/run/secrets/pin")
	fmt.Println(source.Kind, source.Arg, err)
	_, err = config.ParsePINSource("file")
	fmt.Println(err)
	// Output:
	// file /run/secrets/pin <nil>
	// file: write file:PATH
}

func ExampleParsePINURI() {
	fmt.Println(config.ParsePINURI("|/usr/bin/get-pin prod"))
	// Output:
	// command:/usr/bin/get-pin prod <nil>
}

func ExampleWords() {
	words, err := config.Words(`pass show "hsm pin"`)
	fmt.Printf("%q %v\n", words, err)
	// Output:
	// ["pass" "show" "hsm pin"] <nil>
}
