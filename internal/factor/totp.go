package factor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// totpWindow is how many steps of 30 s a clock may be off.
const totpWindow = 1

// TOTPOffer is a secret that waits for its first code. Nothing is kept of it
// but the ticket, which the person brings back.
type TOTPOffer struct {
	Secret secret.Text // base32
	URI    secret.Text // for the QR code
	Ticket secret.Text // the offer sealed for this person, good for OfferLife
	Until  time.Time
}

// OfferLife is how long an offered secret can be confirmed.
const OfferLife = 15 * time.Minute

type offered struct {
	Secret string `json:"secret"`
	Until  int64  `json:"until"` // µs
}

func offerPlace(who id.Person) seal.Place {
	return seal.Place{Table: "signin", Column: "totp-offer", Row: string(who)}
}

// OfferTOTP makes a secret for a person who has none: Conflict totp-exists
// otherwise.
func (r *Room) OfferTOTP(ctx context.Context, who id.Person) (TOTPOffer, error) {
	held, err := r.Held(ctx, who)
	if err == nil && held.TOTP {
		err = fault.New(fault.Conflict, "totp-exists")
	}
	if err != nil {
		return TOTPOffer{}, err
	}
	text, until := totp.NewSecret(), r.clock.Now().Add(OfferLife)
	plain, err := json.Marshal(offered{text.Reveal(), store.Micros(until)})
	if err != nil {
		return TOTPOffer{}, err
	}
	defer clear(plain)
	sealed, err := r.ring.Seal(offerPlace(who), plain)
	if err != nil {
		return TOTPOffer{}, err
	}
	return r.offer(ctx, who, text, secret.Of(base64.RawURLEncoding.EncodeToString(sealed)), until)
}

// ReadTOTPOffer opens a ticket: Unmet totp-offer-over if it is not this
// person's or too old.
func (r *Room) ReadTOTPOffer(ctx context.Context, who id.Person, ticket secret.Text) (TOTPOffer, error) {
	over := fault.New(fault.Unmet, "totp-offer-over")
	sealed, err := base64.RawURLEncoding.DecodeString(ticket.Reveal())
	if err != nil {
		return TOTPOffer{}, over
	}
	plain, err := r.ring.Open(offerPlace(who), sealed)
	if err != nil {
		return TOTPOffer{}, over.Because(err)
	}
	defer clear(plain)
	var o offered
	if err := json.Unmarshal(plain, &o); err != nil {
		return TOTPOffer{}, over.Because(err)
	}
	until := store.FromMicros(o.Until)
	if !r.clock.Now().Before(until) {
		return TOTPOffer{}, over
	}
	return r.offer(ctx, who, secret.Of(o.Secret), ticket, until)
}

func (r *Room) offer(ctx context.Context, who id.Person, text, ticket secret.Text, until time.Time) (TOTPOffer, error) {
	p, err := r.register.Person(ctx, who)
	return TOTPOffer{Secret: text, URI: totp.URI(r.issuer(), p.Login, text), Ticket: ticket, Until: until}, err
}

// issuer is how this house is called in an authenticator app.
func (r *Room) issuer() string {
	base, err := url.Parse(r.baseURL)
	if err != nil || base.Hostname() == "" {
		return "Sekisho"
	}
	return "Sekisho (" + base.Hostname() + ")"
}

// AddTOTP makes the offered secret count, once the app has shown that it has
// it: code is what it shows now. The step of that code is used up (A042).
// Refusals: totp-offer-over, totp-malformed, totp-not-matched, totp-exists.
func (r *Room) AddTOTP(ctx context.Context, who id.Person, ticket secret.Text, code string) error {
	o, err := r.ReadTOTPOffer(ctx, who, ticket)
	if err != nil {
		return err
	}
	digits, err := totp.Canonical(code)
	if err != nil {
		return err
	}
	now := r.clock.Now()
	step, ok := totp.Step(o.Secret, digits, now, totpWindow)
	if !ok {
		return fault.New(fault.Unmet, "totp-not-matched")
	}
	f := factor{person: who, id: id.New[string](now), kind: kindTOTP, step: step, created: now}
	if f.sealed, err = r.ring.Seal(f.place(), o.Secret.RevealBytes()); err != nil {
		return err
	}
	told, err := r.Tell(ctx, who, id.OfPerson(who), "totp-added")
	if err != nil {
		return err
	}
	return r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		_, has, err := factorOf(&tx.View, kindTOTP)
		if err == nil && has {
			err = fault.New(fault.Conflict, "totp-exists")
		}
		if err == nil {
			err = r.ring.Live(tx, f.sealed)
		}
		if err == nil {
			err = putFactor(tx, f)
		}
		if err == nil {
			err = told.Queue(tx)
		}
		return happened("totp.added", id.OfPerson(who), who, nil), err
	})
}

// RemoveTOTP takes the secret away: NotFound totp-none if there is none, Unmet
// password-needs-totp if the password is too short to stand alone.
func (r *Room) RemoveTOTP(ctx context.Context, who id.Person) error {
	by := id.OfPerson(who)
	told, err := r.Tell(ctx, who, by, "totp-removed")
	if err != nil {
		return err
	}
	return r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		_, has, err := factorOf(&tx.View, kindTOTP)
		if err == nil && !has {
			err = fault.New(fault.NotFound, "totp-none")
		}
		if err != nil {
			return store.Event{}, err
		}
		pw, _, err := factorOf(&tx.View, kindPassword)
		if err == nil && pw.short {
			err = fault.New(fault.Unmet, "password-needs-totp")
		}
		if err == nil {
			err = dropFactor(tx, kindTOTP)
		}
		if err == nil {
			err = told.Queue(tx)
		}
		return happened("totp.removed", by, who, nil), err
	})
}
