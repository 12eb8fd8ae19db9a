// Package jws signs and verifies JSON Web Tokens in compact form (RFC 7515,
// 7519), and writes public keys as others read them (RFC 7517, PEM). A token is
// verified by keys that are known before, each with its one algorithm: nothing
// in the token's header chooses an algorithm, a key or an address (RFC 8725).
package jws
