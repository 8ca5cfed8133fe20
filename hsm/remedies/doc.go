// Package remedies says what to do about PKCS#11 modules that do not start before something else
// does, show nothing, or want something made first, by what is known of each; and keeps tpm2-pkcs11
// from leaving things behind.
//
// Package hsm uses it. Modules are named by their files. Without cgo there is nothing in it.
package remedies
