// Package rv puts the return values of PKCS#11 into words. Package hsm uses it. Without cgo there is
// nothing in it.
package rv
