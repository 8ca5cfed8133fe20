// Package template has the attributes of the PKCS#11 objects that package hsm makes: keys, and the
// certificates that belong to them. Without cgo there is nothing in it.
package template
