// Package tasks starts processes, imports, exports and actions of Anaplan and moves files, watches
// them to their end and reports the result.
package tasks
