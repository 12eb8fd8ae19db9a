package factor

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// MostPasskeys is how many a person may have: enough for every device, too few
// to fill a page or the options of a ceremony.
const MostPasskeys = 20

// registered burns the answers to registrations; the driver refuses those that
// are older than its own five minutes.
var registered = once.Declare(once.Kind{Name: "passkey-registration", Life: 15 * time.Minute, Size: 32})

// macSize is the length of a ticket's keyed hash.
const macSize = 32

// creationTicket is a ceremony's state with a keyed hash for this person: what
// a page carries between the two halves, so that none of it is kept here.
func (r *Room) creationTicket(who id.Person, state []byte) (secret.Text, error) {
	mac, err := r.creationMAC(who, state)
	return secret.Of(base64.RawURLEncoding.EncodeToString(append(mac, state...))), err
}

func (r *Room) creationMAC(who id.Person, state []byte) ([]byte, error) {
	return r.ring.MAC("signin passkey registration", append([]byte(string(who)+"\x00"), state...))
}

// stateOf opens a ticket, and returns the value to burn when it is redeemed.
func (r *Room) stateOf(who id.Person, ticket secret.Text) (state []byte, burn secret.Text, err error) {
	whole, err := base64.RawURLEncoding.DecodeString(ticket.Reveal())
	if err != nil || len(whole) < macSize {
		return nil, burn, errTicket
	}
	mac, err := r.creationMAC(who, whole[macSize:])
	if err != nil {
		return nil, burn, err
	}
	if !hmac.Equal(mac, whole[:macSize]) {
		return nil, burn, errTicket
	}
	return whole[macSize:], secret.Of(hex.EncodeToString(mac)), nil
}

var errTicket = fault.New(fault.Unmet, "passkey-ceremony-over")

// keyPlace reads what a registration stands on: whose it is, what they have and
// what their organizations ask for. Refusals: passkeys-off, passkey-too-many.
func (r *Room) keyPlace(ctx context.Context, who id.Person) (owner PasskeyOwner, have []Passkey, wish PasskeyWish, err error) {
	if r.passkeys == nil {
		return owner, nil, wish, r.noPasskeys()
	}
	p, err := r.register.Person(ctx, who)
	if err != nil {
		return owner, nil, wish, err
	}
	owner = PasskeyOwner{Handle: []byte(who), Login: p.Login, DisplayName: p.DisplayName}
	if wish, err = r.guard.WishOf(ctx, who); err != nil {
		return owner, nil, wish, err
	}
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		have, err = passkeysOf(v)
		return err
	})
	if err == nil && len(have) >= MostPasskeys {
		err = fault.New(fault.Unmet, "passkey-too-many", "most", MostPasskeys)
	}
	return owner, have, wish, err
}

func (r *Room) noPasskeys() error {
	if r.passkeysOff != nil {
		return r.passkeysOff
	}
	return errors.New("signin: no driver of passkeys and no reason why")
}

// BeginPasskey returns the options for navigator.credentials.create and the
// ticket that AddPasskey wants back with the answer.
func (r *Room) BeginPasskey(ctx context.Context, who id.Person) (json.RawMessage, secret.Text, error) {
	owner, have, wish, err := r.keyPlace(ctx, who)
	if err != nil {
		return nil, secret.Text{}, err
	}
	options, state, err := r.passkeys.BeginRegistration(owner, have, wish)
	if err != nil {
		return nil, secret.Text{}, err
	}
	ticket, err := r.creationTicket(who, state)
	return options, ticket, err
}

// AddPasskey judges the browser's answer and keeps the key. Refusals:
// passkey-invalid (its name), passkey-ceremony-over, what the driver refuses,
// passkey-known, passkey-too-many.
func (r *Room) AddPasskey(ctx context.Context, who id.Person, ticket secret.Text, answer json.RawMessage, name string) (Passkey, error) {
	name = strings.TrimSpace(name)
	if err := named(name); err != nil {
		return Passkey{}, err
	}
	state, burn, err := r.stateOf(who, ticket)
	if err != nil {
		return Passkey{}, err
	}
	owner, _, wish, err := r.keyPlace(ctx, who)
	if err != nil {
		return Passkey{}, err
	}
	key, err := r.passkeys.FinishRegistration(owner, state, answer, wish)
	if err != nil {
		return Passkey{}, err
	}
	key.ID, key.Person, key.Name, key.Created = id.New[string](r.clock.Now()), who, name, r.clock.Now()
	told, err := r.Tell(ctx, who, id.OfPerson(who), "passkey-added")
	if err != nil {
		return Passkey{}, err
	}
	return key, r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		if err := keepPasskey(tx, key, burn); err != nil {
			return store.Event{}, err
		}
		return key.event("passkey.added"), told.Queue(tx)
	})
}

// keepPasskey burns the ceremony and inserts the key, unless there are too many.
func keepPasskey(tx *store.Tx, key Passkey, burn secret.Text) error {
	if err := once.Burn(tx, registered, burn); err != nil {
		if fault.As(err) != nil {
			return errTicket
		}
		return err
	}
	have, err := passkeysOf(&tx.View)
	if err != nil {
		return err
	}
	if len(have) >= MostPasskeys {
		return fault.New(fault.Unmet, "passkey-too-many", "most", MostPasskeys)
	}
	fresh, err := insertPasskey(tx, key)
	if err == nil && !fresh {
		err = fault.New(fault.Conflict, "passkey-known")
	}
	return err
}

func named(name string) error {
	var bad fault.Checks
	Label(&bad, "name", name)
	if f := bad.Fault("passkey-invalid"); f != nil {
		return f
	}
	return nil
}

// event names the key by its row: the credential's own id is a look-up value.
func (p Passkey) event(name string) store.Event {
	return happened(name, id.OfPerson(p.Person), p.Person, map[string]string{"passkey": p.ID, "name": p.Name, "model": p.AAGUID})
}

// OnePasskey returns one of a person's passkeys: NotFound passkey-unknown.
func (r *Room) OnePasskey(ctx context.Context, who id.Person, which string) (key Passkey, err error) {
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		key, err = passkeyIn(v, which)
		return err
	})
	return key, err
}

func passkeyIn(v *store.View, which string) (Passkey, error) {
	key, err := passkeyOf(v, which)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "passkey-unknown")
	}
	return key, err
}

// RenamePasskey gives a passkey another name.
func (r *Room) RenamePasskey(ctx context.Context, who id.Person, which, name string) error {
	name = strings.TrimSpace(name)
	if err := named(name); err != nil {
		return err
	}
	return r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		key, err := passkeyIn(&tx.View, which)
		if err != nil {
			return store.Event{}, err
		}
		key.Name = name
		_, err = renamePasskey(tx, which, name)
		return key.event("passkey.renamed"), err
	})
}

// RemovePasskey takes a passkey away: Unmet factor-last if nothing would be
// left to sign in with.
func (r *Room) RemovePasskey(ctx context.Context, who id.Person, which string) error {
	told, err := r.Tell(ctx, who, id.OfPerson(who), "passkey-removed")
	if err != nil {
		return err
	}
	return r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		key, err := passkeyIn(&tx.View, which)
		if err != nil {
			return store.Event{}, err
		}
		held, err := heldOf(&tx.View)
		if err == nil && !held.Password && len(held.Passkeys) == 1 {
			err = fault.New(fault.Unmet, "factor-last")
		}
		if err == nil {
			_, err = dropPasskey(tx, which)
		}
		if err == nil {
			err = told.Queue(tx)
		}
		return key.event("passkey.removed"), err
	})
}
