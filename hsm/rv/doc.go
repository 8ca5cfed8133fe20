// Package rv puts the return values of PKCS#11 into words. Package hsm uses it. Without cgo it has
// its errors only.
package rv
