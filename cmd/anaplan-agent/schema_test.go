package main

// The JSON that commands print is what docs/schema says of it.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/rogpeppe/go-internal/testscript"
)

const schemas = "../../docs/schema/"

// schemaOf is the schema of each command with --json; "": what it prints is Anaplan's own.
var schemaOf = map[string]string{
	"version": "version", "keys": "keys", "enroll": "enroll", "rotate": "rotate", "whoami": "whoami", "status": "status",
	"doctor": "findings", "cert": "findings", "policy check": "policy-check", "audit verify": "audit-verify",
	"rotate start": "rotate", "rotate finish": "rotate", "rotate back": "rotate", "rotate retire": "rotate", "rotate cancel": "rotate",
	"list": "", "run": "",
}

// TestEveryJSONHasASchema: each command that prints JSON has one, which its page lists, and a script
// that runs it.
func TestEveryJSONHasASchema(t *testing.T) {
	page := readText(t, schemas+"README.md")
	scripts := allScripts(t)
	walkCommands(newRootCommand(&console.Messenger{Out: t.Output()}, nil), func(cmd *cobra.Command) {
		if cmd.Flags().Lookup("json") == nil {
			return
		}
		_, name, _ := strings.Cut(cmd.CommandPath(), " ")
		schema, known := schemaOf[name]
		switch {
		case !known:
			t.Errorf("%s --json has no schema", name)
		case schema == "":
		case !strings.Contains(page, schema+".json"):
			t.Errorf("docs/schema/README.md does not name %s.json", schema)
		case !regexp.MustCompile(`(?m)^agent \d ` + name + ` (.* )?--json`).MatchString(scripts):
			t.Errorf("no script runs %s --json", name)
		}
	})
}

// checkSchema fails unless what a command line has printed, if anything, is as its schema says.
func checkSchema(ts *testscript.TestScript, args []string) {
	printed := strings.TrimSpace(ts.ReadFile("stdout"))
	schema := schemaOf[commandIn(args)]
	if !slices.Contains(args, "--json") || printed == "" || schema == "" {
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(printed))
	ts.Check(err)
	compiled, err := compileSchema(schema)
	ts.Check(err)
	ts.Check(compiled.Validate(value))
}

// commandIn returns the command that a command line calls, as schemaOf has it.
func commandIn(args []string) string {
	if len(args) > 1 {
		if both := args[0] + " " + args[1]; schemaOf[both] != "" {
			return both
		}
	}
	return strings.Join(args[:min(len(args), 1)], "")
}

// compileSchema reads a schema for a test: what it does not name is wrong here, though a reader has
// to expect that fields are added.
func compileSchema(name string) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	files, err := filepath.Glob(schemas + "*.json")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var schema any
		if err := json.Unmarshal(data, &schema); err != nil {
			return nil, err
		}
		closeObjects(schema)
		if err := compiler.AddResource("https://schema.invalid/"+filepath.Base(file), schema); err != nil {
			return nil, err
		}
	}
	return compiler.Compile("https://schema.invalid/" + name + ".json")
}

// closeObjects forbids properties that a schema does not name.
func closeObjects(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if _, is := schema["properties"].(map[string]any); is && schema["type"] == "object" {
			schema["additionalProperties"] = false
		}
		for _, part := range schema {
			closeObjects(part)
		}
	case []any:
		for _, part := range schema {
			closeObjects(part)
		}
	}
}

func schemaFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(schemas + "*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	return files
}

// allScripts returns the texts of all scripts.
func allScripts(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		all.WriteString(readText(t, file))
	}
	return all.String()
}

// Names of properties: each is a key of an object called properties.
func TestSchemasAreInSnakeCase(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, file := range schemaFiles(t) {
		var schema any
		if err := json.Unmarshal([]byte(readText(t, file)), &schema); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		eachProperty(schema, func(name string) {
			if !snake.MatchString(name) {
				t.Errorf("%s: %s is not in snake_case", file, name)
			}
		})
	}
}

func eachProperty(schema any, visit func(name string)) {
	switch schema := schema.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name := range properties {
			visit(name)
		}
		for _, part := range schema {
			eachProperty(part, visit)
		}
	case []any:
		for _, part := range schema {
			eachProperty(part, visit)
		}
	}
}
