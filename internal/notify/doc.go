// Package notify sends messages out: mails to people, in their language, as
// plain text and HTML. A room writes a Message whose sentences stand in its own
// words files, seals it outside of its write, and queues it in the write that
// decides it; an effect of job brings it to the relay, and the room shows what
// became of it (Deliveries), by a reference of its own.
//
//	queued → sent       the relay has taken it
//	       → deferred   the relay asked to come back (4xx); then sent, refused, given up
//	       → refused    the relay will never take it (5xx): a bad address
//	       → unsure     the connection ended, again and again, where an answer was due
//	       → given-up   its time was over first
//	queued → stopped    an operator must look: login, certificate, no STARTTLS
//
// What the mail says lies sealed in notify_message until one of these ends, and
// is erased then: it holds links and codes that count once. The effect names
// the row and holds nothing.
//
// SMTP knows no probe and no key by which a relay takes a mail once. So a mail
// may arrive twice, and never gets lost: it goes out again, with the same
// Message-ID (some receivers drop the second by it), when the process was
// killed between the relay's answer and our commit, and up to twice more when
// the connection ended where an answer was due. Both copies hold the same
// single-use link. The other way round, a person would wait for a mail that
// never comes.
//
// An effect is one attempt, not one mail: where the relay says "later", the
// attempt has ended, and the next is intended in the same write, with a rest
// that grows.
//
// Not here: mails that come back later (a relay that takes everything first
// and writes to the sender afterwards, RFC 3464). "Sent" means that the relay
// configured here has taken it.
//
// Read first: notify.go (Message, Seal, Queue), sender.go (what a driver owes),
// deliver.go (an attempt), letter.go (what is written).
package notify

import "embed"

// Schema is the tables of messages.
//
//go:embed schema
var Schema embed.FS

// Words are the sentences around a message, of its states and its problems.
//
//go:embed words
var Words embed.FS
