//go:build !linux

package housetest

import "testing"

// SmallDisk needs Linux.
func SmallDisk(t testing.TB, _ string) string {
	t.Helper()
	t.Skip("a disk of its own needs Linux")
	return ""
}
