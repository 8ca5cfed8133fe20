package anaplantest

import "fmt"

// rows is what files, and exports, hold unless a test sets something else.
const rows = "Name,Amount\nNorth,100\nSouth,200\n"

// newTenant returns the tenant that every service has.
// Ids begin with three digits for the kind, as Anaplan's do (anaplan-sdk, _base.py).
func newTenant(o *Options) *tenant {
	t := &tenant{options: o}
	t.emulated()
	t.plan()
	for _, m := range t.all() {
		for i := range o.Things {
			m.add("processes", thing{id: fmt.Sprint(int64(118_000_001_001) + int64(i)), name: fmt.Sprint("Process ", i+1)})
		}
	}
	return t
}

// emulated adds the workspace and the model for clients that need only one of each.
func (t *tenant) emulated() {
	m := t.addModel(WorkspaceID, "Emulated workspace", ModelID, "Emulated model")
	m.addSource("113000000001", "Actuals.csv", rows)
	m.addImport("112000000001", "Actuals from Actuals.csv", "113000000001", "MODULE_DATA")
	m.addExport("116000000001", "Results.csv", textExport())
	m.addAction("117000000001", "Clear actuals", "DELETE_BY_SELECTION")
	m.addProcess(ProcessID, "Load actuals", "112000000001")
}

// plan adds the workspace and the model with something of everything.
func (t *tenant) plan() {
	m := t.addModel(FinanceID, "Finance", PlanID, "Plan")
	m.addSource("113000000001", "Sales.csv", "")
	m.addSource("113000000002", "Prices.csv", rows)
	m.addImport("112000000001", "Sales from Sales.csv", "113000000001", "MODULE_DATA")
	m.addImport("112000000002", "Prices from Prices.csv", "113000000002", "HIERARCHY_DATA")
	m.addImport("112000000003", "Targets from Emulated model", "", "MODULE_DATA")
	m.addExport("116000000001", "Report.csv", textExport())
	m.addExport("116000000002", "Grid.xls", object{
		"exportType": "GRID_CURRENT_PAGE", "exportFormat": "application/vnd.ms-excel", "layout": "GRID_CURRENT_PAGE",
	})
	m.addAction("117000000001", "Delete old sales", "DELETE_BY_SELECTION")
	m.addAction("117000000002", "Sort products", "ORDER_HIERARCHY")
	m.addProcess("118000000001", "Nightly load", "117000000001", "112000000001", "112000000002")
	m.addProcess("118000000006", "Publish", "116000000001")
	m.planStructure()
}

// planStructure adds what a modeller has built: lists, and a module with views and line items.
func (m *model) planStructure() {
	m.add("lists", thing{id: "101000000001", name: "Products", list: &itemList{
		properties: []property{{"Colour", "TEXT"}, {"Price", "NUMBER"}}, subsets: []string{"Active"},
		items: []*item{
			{ID: "208000000001", Name: "Widgets", Code: "P1", Properties: map[string]string{"Price": "10"}},
			{ID: "208000000002", Name: "Gadgets", Code: "P2", Properties: map[string]string{"Price": "20"}},
		},
	}})
	m.add("lists", thing{id: "101000000002", name: "Regions", list: new(itemList)})
	m.add("lists", thing{id: "101000000003", name: "Orders", list: &itemList{numbered: true}})
	const sales = "102000000001"
	m.add("modules", thing{id: sales, name: "Sales"})
	m.add("views", thing{id: sales, name: "Sales", within: sales}) // the default view has the module's id
	m.add("views", thing{id: "206000000101", name: "Sales.By product", within: sales})
	m.add("lineItems", thing{id: "206000000001", name: "Amount", within: sales})
	m.add("lineItems", thing{id: "206000000002", name: "Price", within: sales})
}

// addModel adds a workspace with one model.
func (t *tenant) addModel(ws, wsName, id, name string) *model {
	w := &workspace{thing: thing{id: ws, name: wsName}}
	m := &model{thing: thing{id: id, name: name}, home: w, kinds: make(map[string][]*thing), dumps: make(map[string]dump)}
	w.models = append(w.models, m)
	t.workspaces = append(t.workspaces, w)
	return m
}

// add adds a thing of a kind.
func (m *model) add(kind string, t thing) { m.kinds[kind] = append(m.kinds[kind], &t) }

// addSource adds a file for imports. content is what every client has that uploads none; "" for a
// file without.
func (m *model) addSource(id, name, content string) {
	f := new(file)
	if content != "" {
		f.initial = split([]byte(content), len(content))
		f.content = f.initial
	}
	m.add("files", thing{id: id, name: name, file: f, fields: object{
		"delimiter": `"`, "encoding": "UTF-8", "firstDataRow": 2, "format": "txt", "headerRow": 1, "separator": ",",
	}})
}

// addImport adds an import of a file, or with source "" from another model.
func (m *model) addImport(id, name, source, importType string) {
	fields := object{"importType": importType}
	if source != "" {
		fields["importDataSourceId"] = source
	}
	m.add("imports", thing{id: id, name: name, source: source, fields: fields})
}

// addExport adds an export and the file that it writes, which has the same id, and
// fewer fields than the file of an import (help.anaplan.com, "Get the list of export
// files").
func (m *model) addExport(id, name string, fields object) {
	m.add("exports", thing{id: id, name: name, fields: fields})
	m.add("files", thing{id: id, name: name, file: &file{export: true, product: []byte(rows)},
		fields: object{"firstDataRow": 0, "headerRow": 0}})
}

// textExport is what lists tell of an export to text; one to Excel has no encoding.
func textExport() object {
	return object{
		"exportType": "TABULAR_MULTI_COLUMN", "exportFormat": "text/csv", "encoding": "UTF-8", "layout": "TABULAR_MULTI_COLUMN",
	}
}

// addAction adds what is neither import nor export nor process.
func (m *model) addAction(id, name, actionType string) {
	m.add("actions", thing{id: id, name: name, fields: object{"actionType": actionType}})
}

// addProcess adds a process that runs actions.
func (m *model) addProcess(id, name string, actions ...string) {
	m.add("processes", thing{id: id, name: name, actions: actions})
}

// describe is GET .../imports/{id} and its like. The answers differ by kind, in shape
// and in name, and only those of actions tell the id (help.anaplan.com, the pages on
// the metadata of each).
func describe(kind string) func(*call) answer {
	return func(c *call) answer {
		thing := c.model.find(kind, c.PathValue("id"))
		if thing == nil {
			return noSuch(singular(kind))
		}
		switch kind {
		case "imports":
			return c.success("importMetadata", importMetadata(thing))
		case "exports":
			return c.success("exportMetadata", exportMetadata(thing))
		case "processes":
			return c.success("processMetadata", c.model.processMetadata(thing))
		}
		return c.success("action", thing.described())
	}
}

// importMetadata tells where an import reads, and how.
func importMetadata(t *thing) object {
	if t.source == "" {
		return object{"name": t.name, "type": "MODEL"}
	}
	return object{"name": t.name, "type": "FILE", "source": object{
		"textEncoding": "UTF-8", "columnSeparator": ",", "textDelimiter": `"`, "headerRow": 1, "firstDataRow": 2,
		"decimalSeparator": ".", "headerNames": []string{"Name", "Amount"}, "columnCount": 2,
	}}
}

// exportMetadata tells what an export writes.
func exportMetadata(t *thing) object {
	return object{
		"columnCount": 2, "dataTypes": []string{"ENTITY", "MIXED"}, "delimiter": `"`, "encoding": "UTF-8",
		"exportFormat": t.fields["exportFormat"], "headerNames": []string{"Name", "Amount"},
		"listNames": []string{"Products", ""}, "rowCount": 2, "separator": ",",
	}
}

// processMetadata tells what a process runs, in order.
func (m *model) processMetadata(t *thing) object {
	actions := []object{}
	for _, id := range t.actions {
		kind, action := m.findAction(id)
		o := action.described()
		switch kind {
		case "imports":
			o["actionType"] = "IMPORT"
		case "exports":
			o["actionType"] = "EXPORT"
		}
		actions = append(actions, o)
	}
	return object{"name": t.name, "actions": actions}
}
