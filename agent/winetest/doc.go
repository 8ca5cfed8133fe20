// Package winetest says where Wine is not Windows, so that the tests of Windows' code that run
// under it allow for that.
//
// Only tests use it; on other systems it is empty.
package winetest
