package signin

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin/password"
	"github.com/sekisho/sekisho/internal/store"
)

// First is the first factor that somebody chooses on the page of a link: a
// passkey if Answer is there, else a password.
type First struct {
	Password secret.Text
	Answer   json.RawMessage // of navigator.credentials.create
	Ticket   string          // of the ceremony, see PasskeyFor
}

// Where is the browser in which a link is used.
type Where struct {
	Browser string
	Source  string
}

// madeFactor is a first factor judged and ready to be written.
type madeFactor struct {
	method Method
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
	framed, err := json.Marshal([]string{purpose, hashOf(link), string(who), base64.StdEncoding.EncodeToString(state)})
	if err != nil {
		return nil, err
	}
	return r.ring.MAC("signin first factor", framed)
}

// readTicket returns who a ticket was made for, and the state of the ceremony.
func (r *Room) readTicket(purpose string, link secret.Text, ticket string) (id.Person, []byte, error) {
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

// beginFirst begins making a passkey on the page of a link.
func (r *Room) beginFirst(purpose string, link secret.Text, who org.Person, wish PasskeyWish) (Ceremony, error) {
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

// makeFirst judges a first factor of a person and makes what is to be written:
// outside of the write, for it is slow. With a passkey the person is the one of
// the ticket.
func (r *Room) makeFirst(ctx context.Context, purpose string, link secret.Text, who org.Person, first First, names password.Context, wish PasskeyWish) (madeFactor, error) {
	now := r.clock.Now()
	if len(first.Answer) == 0 {
		return r.makePassword(ctx, who, first.Password, names)
	}
	if r.passkeys == nil {
		return madeFactor{}, r.passkeysOff
	}
	of, state, err := r.readTicket(purpose, link, first.Ticket)
	if err != nil {
		return madeFactor{}, err
	}
	if of != who.ID {
		return madeFactor{}, fault.New(fault.Unmet, "passkey-refused", "reason", "owner")
	}
	key, err := r.passkeys.FinishRegistration(ownerOf(who), state, first.Answer, wish)
	if err != nil {
		return madeFactor{}, err
	}
	key.ID, key.Person, key.Created = id.New[string](now), who.ID, now
	return madeFactor{method: ByPasskey, key: key}, nil
}

// makePassword judges, hashes and seals a new password.
func (r *Room) makePassword(ctx context.Context, who org.Person, pw secret.Text, names password.Context) (madeFactor, error) {
	names.Logins = append(names.Logins, who.Login, who.Email)
	names.Names = append(names.Names, who.DisplayName, who.FamilyName, who.GivenName, who.Reading)
	names.Product = append(names.Product, r.hostName())
	if err := password.Check(pw, names); err != nil {
		return madeFactor{}, err
	}
	hash, err := r.mill.Hash(ctx, pw)
	if err != nil {
		return madeFactor{}, err
	}
	now := r.clock.Now()
	f := factor{person: who.ID, id: id.New[string](now), kind: kindPassword, created: now}
	f.sealed, err = r.ring.Seal(f.place(), []byte(hash))
	return madeFactor{method: ByPassword, factor: f}, err
}

// put writes the factor.
func (f madeFactor) put(tx *store.Tx, r *Room, who id.Person) error {
	self := tx.Self(who)
	if f.method == ByPassword {
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

// proofs are what whoever chose a factor on the page of a link has shown.
func (f madeFactor) proofs(r *Room, by Method) []Proof {
	now := r.clock.Now()
	return []Proof{{by, now}, {f.method, now}}
}
