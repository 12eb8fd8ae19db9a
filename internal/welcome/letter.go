package welcome

import (
	"context"
	"slices"
	"strconv"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// mails reports whether the house can write to an address.
func (r *Room) mails(email string) bool {
	if !r.post.Enabled() || email == "" {
		return false
	}
	_, err := mailaddr.Parse(email)
	return err == nil
}

// seal writes and seals a mail to a person, outside of the write. Nothing is
// sent where the house has no mail or the person no address.
func (r *Room) seal(p org.Person, email string, m notify.Message) ([]notify.Envelope, error) {
	if !r.mails(email) {
		return nil, nil
	}
	to, err := mailaddr.Parse(email)
	if err != nil {
		return nil, err
	}
	m.To, m.Lang = to, factor.LangOf(p)
	if m.Args == nil {
		m.Args = map[string]string{}
	}
	m.Args["name"] = p.DisplayName
	envelope, err := r.post.Seal(m)
	return []notify.Envelope{envelope}, err
}

func queue(tx *store.Tx, envelopes []notify.Envelope) error {
	for _, envelope := range envelopes {
		if err := envelope.Queue(tx); err != nil {
			return err
		}
	}
	return nil
}

// toldMost bounds how many are written to about one thing.
const toldMost = 50

// sealToAdministrators seals a mail to every administrator of some
// organizations but those left out.
func (r *Room) sealToAdministrators(ctx context.Context, in []id.Org, but []id.Person, m notify.Message) (all []notify.Envelope, err error) {
	if !r.post.Enabled() {
		return nil, nil
	}
	var who []id.Person
	for _, one := range in {
		holders, err := r.register.Holders(ctx, one, org.Administrator)
		if err != nil {
			return nil, err
		}
		who = append(who, holders...)
	}
	slices.Sort(who)
	who = slices.DeleteFunc(slices.Compact(who), func(one id.Person) bool { return slices.Contains(but, one) })
	people, err := r.register.People(ctx, who[:min(len(who), toldMost)])
	for _, one := range who {
		p, there := people[one]
		if err != nil || !there || p.State != org.Active {
			continue
		}
		copied := m
		copied.Args = map[string]string{}
		for key, value := range m.Args {
			copied.Args[key] = value
		}
		copied.Ref += ":" + string(one)
		var envelopes []notify.Envelope
		envelopes, err = r.seal(p, p.Email, copied)
		all = append(all, envelopes...)
	}
	return all, err
}

// nameOf is how a principal is called in a mail: the person, or the machine.
func (r *Room) nameOf(ctx context.Context, by id.Principal) (string, error) {
	who := by.Person()
	if who == "" {
		return string(by), nil
	}
	p, err := r.register.Person(ctx, who)
	if fault.As(err) != nil {
		return string(by), nil
	}
	return p.DisplayName, err
}

// changed seals the mail that tells a person what became of their sign-in.
func (r *Room) changed(p org.Person, by id.Principal) ([]notify.Envelope, error) {
	return r.seal(p, p.Email, notify.Message{Kind: "signin.mail.renewed", Ref: "changed:" + string(p.ID), By: by})
}

func count(n int64) string { return strconv.FormatInt(n, 10) }
