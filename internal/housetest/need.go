// Package housetest gives tests what they stand on: databases of both engines,
// real servers from the machine's packages, and a whole house in-process.
package housetest

import (
	"fmt"
	"os"
	"testing"
)

// Missing ends a test for which the machine lacks something. In CI, or where
// SEKISHO_REQUIRE=1 says so, that is a failure; elsewhere the test is skipped,
// and the line goes into the file named by SEKISHO_SKIPS, which ./check prints
// as one summary.
func Missing(t testing.TB, what, how string) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("SEKISHO_REQUIRE") == "1" {
		t.Fatalf("%s is missing: %s", what, how)
	}
	if name := os.Getenv("SEKISHO_SKIPS"); name != "" {
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = fmt.Fprintf(file, "%s: needs %s (%s)\n", t.Name(), what, how)
			_ = file.Close()
		}
	}
	t.Skipf("%s is missing: %s", what, how)
}

// Long ends a test that takes more than a few seconds when -short is given.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("long: run without -short")
	}
}
