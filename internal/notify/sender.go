package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Letter is a message as a driver sends it. Text and HTML hold secrets. Subject
// has no controls and is not encoded yet.
type Letter struct {
	ID      string // unique in the world, LOCAL@HOST: the Message-ID without brackets
	From    mailaddr.Mailbox
	To      mailaddr.Address
	At      time.Time // when it was queued: the same in each attempt
	Lang    words.Lang
	Subject string
	Text    secret.Text // lines end with \n
	HTML    secret.Text
}

// Sender hands letters over to a relay.
type Sender interface {
	// Send returns what the relay said when it took the letter. A *Refusal is
	// its no. An *Unsure says that nobody knows. Any other error is definite:
	// nothing was handed over; a fault tells the operator why.
	Send(ctx context.Context, l Letter) (Answer, error)
	// Close ends the connections that are kept.
	Close()
}

// Answer is a reply of a relay (RFC 5321 §4.2).
type Answer struct {
	Code     int    // 250
	Enhanced string // 5.1.1 (RFC 3463), "" if not said
	Text     string // of a stranger: one line, cleaned by Deliver
}

// Stage is what a relay refused.
type Stage string

// The stages in their order.
const (
	Greeting  Stage = "greeting"  // us at all
	Login     Stage = "login"     // username and password
	From      Stage = "from"      // the sender's address
	Addressee Stage = "addressee" // the address itself
	Content   Stage = "content"   // what is written
)

// Refusal is a relay's definite no.
type Refusal struct {
	Stage  Stage
	Answer Answer
}

// Error gives the answer.
func (r *Refusal) Error() string {
	return fmt.Sprintf("the relay refused the %s: %d %s %s", r.Stage, r.Answer.Code, r.Answer.Enhanced, r.Answer.Text)
}

// Later reports whether the relay asked to come back (4yz).
func (r *Refusal) Later() bool { return r.Answer.Code/100 == 4 }

// Unsure says that the letter was handed over and no answer came: the relay may
// have it or not.
type Unsure struct{ Err error }

// Error gives the cause.
func (u *Unsure) Error() string { return "no answer to a letter: " + u.Err.Error() }

// Unwrap returns the cause.
func (u *Unsure) Unwrap() error { return u.Err }
