// Package totp makes and judges one-time codes by time (RFC 6238: SHA-1, six
// digits, steps of 30 seconds, which is what every authenticator app can do),
// and draws the picture by which an app learns the secret. It keeps nothing:
// room signin stores the secret and the last step that was used.
package totp
