// Package build says what this program is.
package build

// Program is the program's name, wherever it stands.
const Program = "anaplan-agent"
