//go:build race

package web_test

// raced says that the race detector is built in.
const raced = true
