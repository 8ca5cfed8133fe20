package listing

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
)

// Item is a thing by its name and its id.
type Item struct{ Name, ID string }

// Items returns what there is of a kind: in a model that is named, if the kind is in models. A kind
// that cannot be listed has nothing.
func Items(api *agentclient.API, name, model, workspace string) ([]Item, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return nil, nil
	}
	path, _, err := (&Order{model: model, workspace: workspace}).path(api, kinds[i])
	if err != nil {
		return nil, err
	}
	return ItemsAt(api, path, name)
}

// ItemsAt returns what there is in the list of a kind at a path.
func ItemsAt(api *agentclient.API, path, kind string) (items []Item, err error) {
	all, err := fetch(api, path, kindNamed(kind))
	for _, t := range all {
		items = append(items, Item{fmt.Sprint(t["name"]), fmt.Sprint(t["id"])})
	}
	return items, err
}

// kindNamed returns a kind without what Anaplan tells more of it: names are enough.
func kindNamed(name string) kind { return kind{name: name} }
