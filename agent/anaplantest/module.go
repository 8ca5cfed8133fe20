package anaplantest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// listWithin is GET .../views and .../lineItems: of the model, or of a module. The answer calls them
// key, which is not always what the path does (help.anaplan.com, "Modules, views").
func listWithin(kind, key string) func(*call) answer {
	return func(c *call) answer {
		module := c.PathValue("id")
		if module != "" && c.model.find("modules", module) == nil {
			return noSuch("module")
		}
		var items []object
		for _, t := range c.model.kinds[kind] {
			if module == "" || t.within == module {
				o := t.described()
				o["moduleId"], o["moduleName"] = t.within, c.model.find("modules", t.within).name
				if kind == "views" {
					o["code"] = "" // anaplan-sdk takes no view without it
				} else if c.URL.Query().Get("includeAll") == "true" {
					maps.Copy(o, lineItemMetadata())
				}
				items = append(items, o)
			}
		}
		return c.page(singular(kind), key, items)
	}
}

// lineItemMetadata is what includeAll tells of a line item (help.anaplan.com, "Retrieve all line item
// metadata"). All here are numbers.
func lineItemMetadata() object {
	return object{
		"format": "NUMBER", "formatMetadata": object{
			"dataType": "NUMBER", "decimalPlaces": -1, "decimalSeparator": "FULL_STOP", "groupingSeparator": "COMMA",
			"comparisonIncrease": "GOOD", "unitsDisplayType": "NONE", "unitsType": "NONE", "zeroFormat": "ZERO",
			"minimumSignificantDigits": 4, "negativeNumberNotation": "MINUS_SIGN",
		},
		"summary": "Sum", "timeScale": "Not Applicable", "timeRange": "Model Calendar", "formulaScope": "All Versions",
		"version": object{"id": "107000000000", "name": "All"}, "style": "Normal", "notes": "", "appliesTo": []object{},
		"dataTags": []object{}, "referencedBy": []object{}, "isSummary": false, "useSwitchover": false,
		"breakback": false, "broughtForward": false, "startOfSection": false,
	}
}

// withView lets next see requests for views that exist.
func withView(next func(*call, *thing) answer) func(*call) answer {
	return func(c *call) answer {
		if t := c.model.find("views", c.PathValue("id")); t != nil {
			return next(c, t)
		}
		return noSuch("view")
	}
}

// describeView is GET .../views/{id}: what stands where. Views are all of products by line items.
func describeView(c *call, t *thing) answer {
	a := c.success("viewName", t.name)
	body := a.body.(object)
	body["viewId"] = t.id
	body["rows"] = c.model.dimensions()
	body["columns"] = []object{{"id": "20000000012", "name": "Line items"}}
	return a
}

// dimensions are those of every line item here.
func (m *model) dimensions() []object {
	first := m.kinds["lists"][0]
	return []object{{"id": first.id, "name": first.name}}
}

// listDimensions is GET .../lineItems/{id}/dimensions.
func listDimensions(c *call) answer {
	if c.model.find("lineItems", c.PathValue("id")) == nil {
		return noSuch("line item")
	}
	return c.success("dimensions", c.model.dimensions())
}

// withDimension lets next see requests for dimensions that exist, which here are lists.
func withDimension(next func(*call, *thing) answer) func(*call) answer {
	return func(c *call) answer {
		if t := c.model.find("lists", c.PathValue("dimension")); t != nil {
			return next(c, t)
		}
		return noSuch("dimension")
	}
}

// listDimension is GET .../dimensions/{dimension}/items.
func listDimension(c *call, t *thing) answer { return c.sendItems(t.list.items) }

// getDimension is the same as a view has it.
func getDimension(c *call, _ *thing) answer { return withDimension(listDimension)(c) }

// lookUpItems is POST .../dimensions/{dimension}/items: those of the names and codes that it brings.
func lookUpItems(c *call, t *thing) answer {
	var order struct{ Names, Codes []string }
	if err := json.Unmarshal(c.body, &order); err != nil || len(order.Names)+len(order.Codes) == 0 {
		return apiFailure(http.StatusBadRequest, "the body has neither names nor codes")
	}
	var found []*item
	for _, i := range t.list.items {
		if slices.Contains(order.Names, i.Name) || i.Code != "" && slices.Contains(order.Codes, i.Code) {
			found = append(found, i)
		}
	}
	return c.sendItems(found)
}

// sendItems answers with items as dimensions have them.
func (c *call) sendItems(items []*item) answer {
	bare := []*item{}
	for _, i := range items {
		bare = append(bare, &item{ID: i.ID, Name: i.Name, Code: i.Code})
	}
	return apiSuccess(c.Request, c.schema("dimension"), "items", bare)
}

// getCells is GET .../views/{id}/data: CSV unless JSON is asked for twice.
func getCells(c *call, _ *thing) answer {
	columns, rows := c.model.cells()
	if most, err := strconv.Atoi(c.URL.Query().Get("maxRows")); err == nil && most > 0 {
		rows = rows[:min(len(rows), most)]
	}
	if len(rows) > 1 && len(columns)*len(rows) > c.tenant.options.MaxRead {
		return tooMuch()
	}
	if c.URL.Query().Get("format") != "v1" || wantsCSV(c.Request) {
		return sendCSV(cellTable(columns, rows))
	}
	coordinates := [][]string{}
	for _, name := range columns {
		coordinates = append(coordinates, []string{name})
	}
	cells := []object{}
	for _, row := range rows {
		cells = append(cells, object{"rowCoordinates": row[:1], "cells": row[1:]})
	}
	return answer{status: http.StatusOK, body: object{"columnCoordinates": coordinates, "rows": cells}}
}

// cells are what every view shows: products by line items, each row under its name.
func (m *model) cells() (columns []string, rows [][]string) {
	for _, line := range m.kinds["lineItems"] {
		columns = append(columns, line.name)
	}
	for n, i := range m.kinds["lists"][0].list.items {
		amount := []string{"100", "200", "0"}[min(n, 2)]
		rows = append(rows, []string{i.Name, amount, i.Properties["Price"]})
	}
	return columns, rows
}

// cellTable is cells as CSV.
func cellTable(columns []string, rows [][]string) string {
	return table(slices.Concat([][]string{append([]string{""}, columns...)}, rows))
}
