package change

import (
	"context"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// resets take away what somebody else signs in with.
type resets struct{ room *Room }

type keptReset struct {
	Person id.Person
	Taking factor.Taking
}

// HoldReset implements welcome.Holder.
func (r *Room) HoldReset(ctx context.Context, by id.Principal, in id.Org, who id.Person, t factor.Taking) error {
	c := request.Change{Sort: Reset, By: by, Thing: string(id.OfPerson(who))}
	kept := keptReset{who, t}
	err := r.Store.Org(in).Read(ctx, func(v *store.View) error {
		p, have, err := standsAt(v, r.Register, who)
		if err != nil {
			return err
		}
		c.Title = p.DisplayName
		c.Facts = fact(nil, "login", p.Login)
		c.Facts = fact(c.Facts, "taken", t.Kinds())
		if !t.Left(have).First() {
			c.Facts = fact(c.Facts, "mail", p.Email)
		}
		c.Lines = nil
		for _, one := range []struct {
			taken bool
			label string
			n     int64
		}{{t.Password, "password", have.Passwords}, {t.Passkeys, "passkeys", have.Passkeys}, {t.TOTP, "totp", have.TOTP}, {t.Recovery || t.TOTP, "recovery-codes", have.RecoveryLeft}} {
			sign := ""
			if one.taken {
				sign = "-"
			}
			if one.n > 0 {
				c.Lines = append(c.Lines, request.Line{Sign: sign, Text: one.label + ": " + number(int(one.n))})
			}
		}
		c.Base = resetBase(p, have)
		return nil
	})
	if err != nil {
		return err
	}
	return r.hold(ctx, in, Reset, c, kept)
}

func standsAt(v *store.View, register *org.Register, who id.Person) (p org.Person, have factor.Count, err error) {
	if p, err = register.PersonIn(v, who); err == nil {
		have, err = factor.CountOf(v.Self(who))
	}
	return p, have, err
}

// resetBase binds who it is and what they have.
func resetBase(p org.Person, have factor.Count) string {
	return digest(p.ID, p.Login, p.Email, p.Verified, p.State, have)
}

func (resets) needs() string { return factor.Reset }

func (s resets) base(v *store.View, _ id.Org, kept []byte) (string, error) {
	var k keptReset
	if err := json.Unmarshal(kept, &k); err != nil {
		return "", err
	}
	p, have, err := standsAt(v, s.room.Register, k.Person)
	return resetBase(p, have), err
}

func (s resets) ready(ctx context.Context, by id.Principal, in id.Org, kept []byte) (made, error) {
	var k keptReset
	if err := json.Unmarshal(kept, &k); err != nil {
		return nil, err
	}
	ready, err := s.room.Resets.Prepare(ctx, by, in, k.Person, k.Taking)
	return madeReset{s.room.Resets, ready, k.Person}, err
}

type madeReset struct {
	resets Resets
	ready  any
	person id.Person
}

func (m madeReset) things() []string { return []string{"reset:" + string(m.person)} }

func (m madeReset) do(tx *store.Tx, by id.Principal) ([]store.Event, error) {
	e, err := m.resets.Make(tx, by, m.ready)
	return []store.Event{e}, err
}

func (m madeReset) done() { m.resets.Made() }
