package listing

import (
	"encoding/json"
	"fmt"
	"strings"
)

// kind is something that can be listed.
type kind struct {
	name    string // the segment of its list in a path
	inModel bool
	details string   // the parameter by which Anaplan tells more; "": it has none
	columns []column // behind name and id
	answer  string   // of one of it: the field that has it; "": only the list tells of it
	runs    bool     // what it is made of is for those who may run it
}

// whole is the answer of what has no field of its own.
const whole = "view"

// column is one of a table.
type column struct {
	title string
	of    func(thing) string
}

// kinds has the fields that the pages on each list at help.anaplan.com have, and of those what tells
// one thing from another.
var kinds = []kind{
	{name: "workspaces", details: "tenantDetails", columns: []column{{"USED", size("currentSize")}, {"OF", size("sizeAllowance")}, {"ACTIVE", text("active")}}},
	{name: "models", details: "modelDetails", columns: []column{
		{"WORKSPACE", text("currentWorkspaceName")}, {"STATE", text("activeState")}, {"SIZE", size("memoryUsage")}, {"CHANGED", day("lastModified")},
	}},
	{name: "files", inModel: true, columns: []column{
		{"CHUNKS", text("chunkCount")}, {"ENCODING", text("encoding")}, {"SEPARATOR", text("separator")}, {"FIRST DATA ROW", text("firstDataRow")},
	}},
	{name: "imports", inModel: true, columns: []column{{"TYPE", text("importType")}, {"FILE", text("importDataSourceId")}}, answer: "importMetadata", runs: true},
	{name: "exports", inModel: true, columns: []column{{"TYPE", text("exportType")}, {"FORMAT", text("exportFormat")}, {"ENCODING", text("encoding")}}, answer: "exportMetadata", runs: true},
	{name: "processes", inModel: true, answer: "processMetadata", runs: true},
	{name: "actions", inModel: true, columns: []column{{"TYPE", text("actionType")}}, answer: "action", runs: true},
	{name: "lists", inModel: true, answer: "metadata"},
	{name: "modules", inModel: true},
	{name: "views", inModel: true, columns: []column{{"MODULE", text("moduleId")}}, answer: whole},
}

// text is a field as it is. A tab is written as \t, for it would be another column.
func text(field string) func(thing) string {
	return func(t thing) string {
		switch value := t[field].(type) {
		case nil:
			return ""
		case bool:
			return map[bool]string{true: "yes", false: "no"}[value]
		default:
			return strings.ReplaceAll(fmt.Sprint(value), "\t", `\t`)
		}
	}
}

// size is a number of bytes for people.
func size(field string) func(thing) string {
	return func(t thing) string {
		number, _ := t[field].(json.Number)
		bytes, err := number.Float64()
		switch {
		case err != nil:
			return ""
		case bytes < 1e9:
			return fmt.Sprintf("%.1f MB", bytes/1e6)
		}
		return fmt.Sprintf("%.1f GB", bytes/1e9)
	}
}

// day is the day of a time in ISO's notation.
func day(field string) func(thing) string {
	return func(t thing) string {
		day, _, _ := strings.Cut(text(field)(t), "T")
		return day
	}
}
