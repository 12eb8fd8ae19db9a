package factor

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// First is the first factor that somebody chooses on the page of a link: a
// passkey if Answer is there, else a password.
type First struct {
	Password secret.Text
	Answer   json.RawMessage // of navigator.credentials.create
	Ticket   string          // of the ceremony, see PasskeyFor
}

// Made is a first factor judged and ready to be written.
type Made struct {
	Method Method
	factor factor
	key    Passkey
}

// ticketMost bounds what is decoded of a stranger's input.
const ticketMost = 8 << 10

// ticketOf binds the state of a ceremony to a link and a person. The browser
// keeps it, so that looking at a page writes nothing; that it counts once is
// held by the link, which the write consumes together with it (A049).
func (r *Room) ticketOf(purpose string, link secret.Text, who id.Person, state []byte) (string, error) {
	mac, err := r.ticketMAC(purpose, link, who, state)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return string(who) + "." + b64(state) + "." + b64(mac), nil
}

func (r *Room) ticketMAC(purpose string, link secret.Text, who id.Person, state []byte) ([]byte, error) {
	framed, err := json.Marshal([]string{purpose, link.Digest(), string(who), base64.StdEncoding.EncodeToString(state)})
	if err != nil {
		return nil, err
	}
	return r.ring.MAC("signin first factor", framed)
}

// ReadTicket returns who a ticket was made for, and the state of the ceremony.
func (r *Room) ReadTicket(purpose string, link secret.Text, ticket string) (id.Person, []byte, error) {
	refused := fault.New(fault.Unmet, "passkey-refused", "reason", "ticket")
	parts := strings.Split(ticket, ".")
	if len(ticket) > ticketMost || len(parts) != 3 || !id.Valid(parts[0]) {
		return "", nil, refused
	}
	state, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", nil, refused
	}
	said, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", nil, refused
	}
	mac, err := r.ticketMAC(purpose, link, id.Person(parts[0]), state)
	if err != nil {
		return "", nil, err
	}
	if !hmac.Equal(mac, said) {
		return "", nil, refused
	}
	return id.Person(parts[0]), state, nil
}

func ownerOf(p org.Person) PasskeyOwner {
	return PasskeyOwner{Handle: []byte(p.ID), Login: p.Login, DisplayName: p.DisplayName}
}

// Ceremony is the first half of making a passkey: the options for the browser,
// and the ticket that it hands back with its answer.
type Ceremony struct {
	Options json.RawMessage `json:"options"`
	Ticket  string          `json:"ticket"`
}

// BeginFirst begins making a passkey on the page of a link.
func (r *Room) BeginFirst(purpose string, link secret.Text, who org.Person, wish PasskeyWish) (Ceremony, error) {
	if r.passkeys == nil {
		return Ceremony{}, r.passkeysOff
	}
	options, state, err := r.passkeys.BeginRegistration(ownerOf(who), nil, wish)
	if err != nil {
		return Ceremony{}, err
	}
	ticket, err := r.ticketOf(purpose, link, who.ID, state)
	return Ceremony{options, ticket}, err
}

// MakeFirst judges a first factor of a person and makes what is to be written:
// outside of the write, for it is slow. With a passkey the person is the one of
// the ticket. around are names, besides theirs, that a password may not lean on;
// it is judged as the only factor.
func (r *Room) MakeFirst(ctx context.Context, purpose string, link secret.Text, who org.Person, first First, around []string, wish PasskeyWish) (Made, error) {
	now := r.clock.Now()
	if len(first.Answer) == 0 {
		return r.MakePassword(ctx, who, first.Password, around)
	}
	if r.passkeys == nil {
		return Made{}, r.passkeysOff
	}
	of, state, err := r.ReadTicket(purpose, link, first.Ticket)
	if err != nil {
		return Made{}, err
	}
	if of != who.ID {
		return Made{}, fault.New(fault.Unmet, "passkey-refused", "reason", "owner")
	}
	key, err := r.passkeys.FinishRegistration(ownerOf(who), state, first.Answer, wish)
	if err != nil {
		return Made{}, err
	}
	key.ID, key.Person, key.Created = id.New[string](now), who.ID, now
	return Made{Method: ByPasskey, key: key}, nil
}

// MakePassword judges, hashes and seals a new password.
func (r *Room) MakePassword(ctx context.Context, who org.Person, pw secret.Text, around []string) (Made, error) {
	names := password.Context{Alone: true, Names: around}
	names.Logins = append(names.Logins, who.Login, who.Email)
	names.Names = append(names.Names, who.DisplayName, who.FamilyName, who.GivenName, who.Reading)
	names.Product = append(names.Product, r.hostName())
	if err := password.Check(pw, names); err != nil {
		return Made{}, err
	}
	hash, err := r.mill.Hash(ctx, pw)
	if err != nil {
		return Made{}, err
	}
	now := r.clock.Now()
	f := factor{person: who.ID, id: id.New[string](now), kind: kindPassword, created: now}
	f.sealed, err = r.ring.Seal(f.place(), []byte(hash))
	return Made{Method: ByPassword, factor: f}, err
}

// PutFirst writes a first factor, in the write that redeems the link.
func (r *Room) PutFirst(tx *store.Tx, who id.Person, f Made) error {
	self := tx.Self(who)
	if f.Method == ByPassword {
		if err := r.ring.Live(tx, f.factor.sealed); err != nil {
			return err
		}
		return putFactor(self, f.factor)
	}
	ok, err := insertPasskey(self, f.key)
	if err == nil && !ok {
		err = fault.New(fault.Unmet, "passkey-refused", "reason", "known")
	}
	return err
}

// ProofsOf are what whoever chose a factor on the page of a link has shown.
func (r *Room) ProofsOf(f Made, by Method) []Proof {
	now := r.clock.Now()
	return []Proof{{by, now}, {f.Method, now}}
}

func (r *Room) hostName() string {
	base, err := url.Parse(r.baseURL)
	if err != nil {
		return ""
	}
	return base.Hostname()
}
