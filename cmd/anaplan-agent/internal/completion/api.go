package completion

import (
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/listing"
)

// methods are those that Anaplan's API has.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

const apiRoot = "/2/0/"

// apiArguments returns methods, then paths, a segment at a time: what there is below the ones that are
// written, and for ids what they are the ids of.
func apiArguments(cmd *cobra.Command, args []string, toComplete string) []string {
	switch len(args) {
	case 0:
		return methods
	case 1:
		dir, _ := path.Split(toComplete)
		return below(cmd, dir)
	}
	return nil
}

// below returns what can stand below a directory of the API.
func below(cmd *cobra.Command, dir string) []string {
	segments := strings.Split(strings.Trim(strings.TrimPrefix(dir, apiRoot), "/"), "/")
	switch {
	case !strings.HasPrefix(dir, apiRoot):
		return []string{apiRoot}
	case dir == apiRoot:
		return []string{apiRoot + "users/me", apiRoot + "workspaces", apiRoot + "models"}
	case segments[0] == "workspaces" && len(segments) == 2:
		return []string{dir + "models"}
	}
	kind := segments[len(segments)-1]
	switch {
	case len(segments)%2 == 0 && segments[len(segments)-2] == "models":
		return inModel(dir)
	case len(segments)%2 == 1 && slices.Contains(listing.Kinds(), kind):
		return ids(cmd, dir, kind)
	}
	return tasksOf(dir, segments)
}

// inModel returns the lists of a model.
func inModel(dir string) (found []string) {
	for _, kind := range listing.Kinds() {
		if kind != "workspaces" && kind != "models" {
			found = append(found, dir+kind)
		}
	}
	return found
}

// tasksOf returns what things have below them that can be run or moved.
func tasksOf(dir string, segments []string) []string {
	if len(segments) < 2 {
		return nil
	}
	switch segments[len(segments)-2] {
	case "processes", "imports", "exports", "actions":
		return []string{dir + "tasks"}
	case "files":
		return []string{dir + "chunks"}
	}
	return nil
}

// ids returns the ids in a list, with their names.
func ids(cmd *cobra.Command, dir, kind string) []string {
	return listed(cmd, func(api *agentclient.API) ([]listing.Item, error) {
		return listing.ItemsAt(api, strings.TrimSuffix(dir, "/"), kind)
	}, func(item listing.Item) string { return described(dir+item.ID, item.Name) })
}
