// Package httpsig signs requests and verifies them (HTTP Message Signatures, RFC
// 9421) with the digest of their body among what is signed (RFC 9530). It writes
// one form and reads no more than what such a form needs: a list of components,
// each without parameters.
package httpsig
