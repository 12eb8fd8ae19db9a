package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Options is what a post stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Book  *words.Book
	Ring  *seal.Ring
	// BaseURL is where the house is; links in mails begin with it.
	BaseURL string
	// From is who the mails are from.
	From mailaddr.Mailbox
	// Sender is nil in a house without mail.
	Sender Sender
}

// Post takes messages and has them delivered.
type Post struct {
	Options
	host string // of BaseURL, for Message-IDs
}

// Topic changes whenever a message is sent, refused or given up.
const Topic = "notify"

// Life is how long delivery is tried when a message does not say.
const Life = 24 * time.Hour

// Bounds of a message.
const (
	mostArgs   = 32
	mostSealed = 32 << 10
	mostRef    = 200
)

// New makes the post.
func New(o Options) (*Post, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("notify: base URL %q has no host", o.BaseURL)
	}
	if o.Sender != nil && o.From.IsZero() {
		return nil, errors.New("notify: mails need a sender's address")
	}
	return &Post{Options: o, host: strings.Trim(base.Hostname(), "[]")}, nil
}

// Enabled reports whether this house sends mail. If not, a room hands links to
// whoever asked for them.
func (p *Post) Enabled() bool { return p.Sender != nil }

// Close ends the connections to the relay.
func (p *Post) Close() {
	if p.Enabled() {
		p.Sender.Close()
	}
}

// Message is something to be told to a person. Its sentences stand in the words
// files of the room that sends it:
//
//	KIND.subject  the subject, one line
//	KIND.text     paragraphs, an empty line between them
//	KIND.action   the label of Link, if there is one
//	KIND.after    paragraphs behind link and code; may be missing
type Message struct {
	To   mailaddr.Address
	Lang words.Lang
	Kind string
	// Args are the values that the sentences name. They are shown as plain
	// text: line breaks become blanks, marks that turn or hide text are
	// spelled out, and links are broken at their scheme or www. A bare host
	// name stays: some mail programs make a link of one, so that a name that
	// strangers choose is bounded by whoever lets them choose it.
	Args map[string]string
	// Link is a page of the house, and empty in a message without one. It
	// opens a page with a button: scanners and previews open links (A055).
	Link secret.Text
	// Code is shown large, to be typed; may be empty.
	Code secret.Text
	Org  id.Org // "" is the house itself
	// Ref is what the room asks Deliveries by, "invitation:ID"; several
	// messages may share one, and the last counts.
	Ref string
	By  id.Principal // who had it sent
	// Until is when it makes no sense any more; zero means Life from now.
	Until time.Time
}

// content is a message as it lies sealed.
type content struct {
	To   mailaddr.Address  `json:"to"`
	Args map[string]string `json:"args"`
	Link string            `json:"link"`
	Code string            `json:"code"`
}

// Envelope is a sealed message, ready to be queued.
type Envelope struct {
	post   *Post
	row    row
	effect id.Effect
	by     id.Principal
}

// Seal writes the message, so that a sentence that is missing shows now, and
// seals it. It is called before the write closure. A house without mail is
// Unmet mail-off; a house whose keys are away is Busy sealed.
func (p *Post) Seal(m Message) (Envelope, error) {
	if !p.Enabled() {
		return Envelope{}, fault.New(fault.Unmet, "mail-off")
	}
	now := p.Clock.Now()
	if m.Until.IsZero() {
		m.Until = now.Add(Life)
	}
	if err := p.check(m); err != nil {
		return Envelope{}, err
	}
	e := Envelope{post: p, effect: id.New[id.Effect](now), by: m.By, row: row{
		ID: id.New[ID](now), Org: m.Org, Ref: m.Ref, Kind: m.Kind, Lang: m.Lang, To: m.To.Display(), QueuedAt: now, Until: m.Until,
	}}
	said := content{m.To, m.Args, m.Link.Reveal(), m.Code.Reveal()}
	if _, err := p.write(e.row, said); err != nil {
		return Envelope{}, err
	}
	plain, err := json.Marshal(said)
	if err != nil {
		return Envelope{}, err
	}
	defer clear(plain)
	if len(plain) > mostSealed {
		return Envelope{}, fmt.Errorf("notify: a message of %d bytes, at most %d", len(plain), mostSealed)
	}
	e.row.sealed, err = p.Ring.Seal(e.row.place(), plain)
	return e, err
}

// check finds mistakes of the room that sends; a person's input was judged
// before.
func (p *Post) check(m Message) error {
	link := m.Link.Reveal()
	switch {
	case m.To.IsZero() || m.By == "" || m.Ref == "" || len(m.Ref) > mostRef || len(m.Args) > mostArgs:
		return errors.New("notify: a message needs an address, who sends it, and a reference")
	case !p.Book.Has(m.Kind+".subject") || !p.Book.Has(m.Kind+".text"):
		return fmt.Errorf("notify: nobody wrote %s.subject and %s.text", m.Kind, m.Kind)
	case link != "" && !p.Book.Has(m.Kind+".action"):
		return fmt.Errorf("notify: a link without a label: %s.action", m.Kind)
	case link != "" && (!strings.HasPrefix(link, strings.TrimRight(p.BaseURL, "/")+"/") || strings.ContainsFunc(link, notInURL)):
		return errors.New("notify: a link that does not lead to this house")
	case strings.ContainsFunc(m.Code.Reveal(), notInURL):
		return errors.New("notify: a code that cannot be typed")
	}
	return nil
}

// notInURL keeps links and codes to printing ASCII.
func notInURL(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '<' || r == '>' }

// ID is the message's own, for the log.
func (e Envelope) ID() ID { return e.row.ID }

// Queue writes the message and its first attempt in the caller's transaction,
// which has the witness: nothing is sent unless it commits. It needs Write, not
// Append. In an organization's closure the message is that organization's.
func (e Envelope) Queue(tx *store.Tx) error {
	if e.post == nil {
		return errors.New("notify: an envelope that nobody sealed")
	}
	if column, owner := tx.Owner(); column == "org" && string(e.row.Org) != owner {
		return errors.New("notify: a message of another organization")
	}
	if err := e.post.Ring.Live(tx.House(), e.row.sealed); err != nil {
		return err
	}
	if err := insert(tx.House(), e.row, e.effect); err != nil {
		return err
	}
	return job.Intend(tx, attempt(e.effect, e.row, e.by, time.Time{}))
}

// attempt is the effect that brings a message to the relay once.
func attempt(effect id.Effect, r row, by id.Principal, after time.Time) job.Effect {
	return job.Effect{
		ID: effect, Org: r.Org, Driver: driverName, Target: "relay", By: by, After: after,
		Payload: json.RawMessage(`{"message":"` + string(r.ID) + `"}`),
	}
}
