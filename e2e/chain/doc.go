// Package chain shows that what is asked, decided and told happens once: whole
// houses, killed again and again while people ask, approvers decide and outside
// systems are told. Read chain_test.go first.
package chain
