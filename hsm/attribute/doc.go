// Package attribute reads the attributes of PKCS#11 objects (PKCS#11 section 4) and puts them into
// words. Package hsm uses it. Without cgo there is nothing in it.
package attribute
