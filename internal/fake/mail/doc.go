// Package mail plays a mail relay on loopback, for tests and for the demo: it
// takes mails over SMTP, keeps them in memory to look into, and misbehaves as
// told. It refuses addresses whose local part begins with "bounce", is slow,
// asks to come back later, cuts the connection behind a mail that it has kept,
// and hides STARTTLS as somebody on the way would.
//
// Read first: mail.go (Start, Set, WaitFor); page.go shows the mails, in a frame
// that its user may bring.
package mail
