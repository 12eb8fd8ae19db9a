// Package operate holds what an operator is given to its word: the files of
// deploy and every command of docs/operate.md, in both languages, run with the
// binary as the image builds it; and an upgrade under load.
package operate
