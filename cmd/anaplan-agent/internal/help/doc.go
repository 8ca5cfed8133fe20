// Package help is what the program says about its own commands: their help, and what was most
// likely meant by a word that is none of them.
//
//	root.SetFlagErrorFunc(help.WrongFlag)
package help
