package factor

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Told is a mail to a person about a change to how they sign in; empty in a
// house without mail, and for who has no address that was proven theirs.
type Told struct {
	envelope notify.Envelope
	on       bool
}

// Queue sends it, in the write that makes the change.
func (t Told) Queue(tx *store.Tx) error {
	if !t.on {
		return nil
	}
	return t.envelope.Queue(tx)
}

// Tell writes the mail before the write that makes the change: whoever did not
// do it themself must learn of it. what is the end of a key signin.changed.…
func (r *Room) Tell(ctx context.Context, who id.Person, by id.Principal, what string) (Told, error) {
	if r.post == nil || !r.post.Enabled() {
		return Told{}, nil
	}
	p, err := r.register.Person(ctx, who)
	if err != nil || !p.Verified {
		return Told{}, err
	}
	to, err := mailaddr.Parse(p.Email)
	if err != nil {
		return Told{}, nil // what no mail can be sent to holds nobody back
	}
	lang := LangOf(p)
	envelope, err := r.post.Seal(notify.Message{
		To: to, Lang: lang, Kind: "signin.mail.changed", Ref: "person:" + string(who), By: by,
		Link: secret.Of(r.baseURL + SecurityPath),
		Args: map[string]string{
			"name": p.DisplayName, "what": r.post.Book.Say(lang, "signin.changed."+what, nil),
			"when": r.clock.Now().In(zoneOf(p)).Format("2006-01-02 15:04 MST"), "source": orDash(store.AroundOf(ctx).Source),
		},
	})
	return Told{envelope, err == nil}, err
}

func zoneOf(p org.Person) *time.Location {
	if zone, err := time.LoadLocation(p.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

func orDash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}

// SecurityPath is where people see how they sign in.
const SecurityPath = "/settings/security"

// LangOf is the language in which a person is written to.
func LangOf(p org.Person) words.Lang {
	switch {
	case p.Locale != "":
		return words.Lang(p.Locale)
	case p.Reading != "":
		return words.Japanese
	}
	return words.English
}
