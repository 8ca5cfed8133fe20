package tasks

// What imports ask for at each run.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// readParameters reads what --map and --connector say.
func (o *Order) readParameters(kind integration.Kind, mapping, connectors []string) error {
	isProcess := kind == integration.Processes
	if !isProcess && kind != integration.Imports && len(mapping)+len(connectors) > 0 {
		return errors.New("--map and --connector are for imports and processes")
	}
	for _, text := range mapping {
		if err := o.readMapping(text, isProcess); err != nil {
			return err
		}
	}
	for _, text := range connectors {
		if err := o.readConnector(text); err != nil {
			return err
		}
	}
	return nil
}

// readMapping reads what a --map says. Of a process what is in front of the first slash is one of its
// imports; where nothing is in front of it, the slashes that follow are the dimension's own.
func (o *Order) readMapping(text string, isProcess bool) error {
	dimension, name, ok := strings.Cut(text, "=")
	one := integration.Mapping{Type: dimension, Name: name}
	if of, rest, cut := strings.Cut(dimension, "/"); isProcess && cut {
		one.Import, one.Type = of, rest
	}
	if !ok || one.Type == "" || name == "" {
		return fmt.Errorf("--map %q: write TYPE=NAME, as Version=Actual", text)
	}
	for _, other := range o.mapping {
		if other.Import == one.Import && other.Type == one.Type {
			return fmt.Errorf("--map %s=%s and --map %s are for the same: leave one out", dimension, other.Name, text)
		}
	}
	o.mapping = append(o.mapping, one)
	return nil
}

// readConnector reads what a --connector says. Its value may be a secret, and is in no error.
func (o *Order) readConnector(text string) error {
	property, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("--connector: write PROPERTY=VALUE, as USERID=me@example.com, or PROPERTY=@FILE")
	}
	one := integration.Connector{Property: property}
	if source, rest, cut := strings.Cut(property, "/"); cut {
		one.Source, one.Property = source, rest
	}
	one.Property = strings.ToUpper(one.Property)
	path, isFile := strings.CutPrefix(value, "@")
	switch {
	case one.Property == "" || value == "":
		return fmt.Errorf("--connector %s=: write PROPERTY=VALUE, as USERID=me@example.com, or PROPERTY=@FILE", property)
	case slices.ContainsFunc(o.connectors, func(other integration.Connector) bool {
		return other.Source == one.Source && other.Property == one.Property
	}):
		return fmt.Errorf("--connector %s is there twice: leave one out", property)
	case !isFile && isSecret(one.Property):
		return fmt.Errorf("--connector %s: everybody on this machine can read a command line; write the value into a file that only you can read, and give --connector %s=@FILE", property, property)
	case isFile:
		var err error
		if value, err = readValue(path); err != nil {
			return fmt.Errorf("--connector %s=@%s: %w", property, path, err)
		}
	}
	one.Value = value
	o.connectors = append(o.connectors, one)
	return nil
}

// isSecret reports whether a property's value is for nobody else to see.
func isSecret(property string) bool {
	return strings.HasSuffix(property, "PASSWORD") || strings.HasSuffix(property, "TOKEN")
}

// readValue reads a value from its file, with no end of a line behind it.
func readValue(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", paths.RootCause(err)
	}
	value := strings.TrimRight(string(text), "\r\n")
	switch {
	case value == "":
		return "", errors.New("there is nothing in it")
	case strings.ContainsAny(value, "\r\n"):
		return "", errors.New("there is more than one line in it")
	}
	return value, nil
}

// parameters are what the run starts with. Imports are looked up by their names, so that one that is
// mistyped is told before anything happens.
func (r *Task) parameters(thing integration.Thing) (integration.Start, error) {
	start := integration.Start{Locale: r.Order.locale, Connectors: r.Order.connectors}
	for _, one := range r.Order.mapping {
		if one.Import != "" {
			of, err := r.find(thing.Model, integration.Imports, one.Import)
			if err != nil {
				return start, fmt.Errorf("--map %s/%s=%s: %w", one.Import, one.Type, one.Name, err)
			}
			one.Import = of.ID
		}
		start.Mapping = append(start.Mapping, one)
	}
	return start, nil
}
