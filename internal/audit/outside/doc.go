// Package outside drives the places that keep checkpoints of the audit log
// where the house cannot change them: a syslog server over TLS (RFC 5424, RFC
// 5425) and anything that takes an HTTPS POST. It opens no connection itself:
// the dialer and the HTTP client are handed in, and belong to egress.
//
// Both send the same JSON object: origin, epoch, size, root, time and the
// signed note, which audit.ReadCheckpoints finds again in what was kept.
package outside
