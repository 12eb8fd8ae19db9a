package factor

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// errPasskey is the one answer to a passkey that does not count, whatever was
// wrong with it or with its person.
var errPasskey = fault.New(fault.Unmet, PasskeyRefused)

// PasskeyRefused is its code.
const PasskeyRefused = "passkey-refused"

// A ticket is what a ceremony must remember, kept by the page itself: state and
// time under a keyed hash for one purpose. Asking for one writes nothing, so
// that strangers fill nothing; redeeming one burns it (A049).
var ticketKind = once.Declare(once.Kind{Name: "passkey-ticket", Life: 10 * time.Minute, Size: 32})

const (
	ticketLife = 5 * time.Minute
	mostTicket = 16 << 10
)

// PasskeyOptions begin a ceremony: options for the browser, and the ticket that
// comes back with the answer. Without passkeys the fault says why there are
// none.
func (r *Room) PasskeyOptions(purpose string, among []Passkey) (options json.RawMessage, ticket string, err error) {
	if r.passkeys == nil {
		return nil, "", r.passkeysOff
	}
	options, state, err := r.passkeys.BeginSignIn(among)
	if err != nil {
		return nil, "", err
	}
	told := binary.BigEndian.AppendUint64(nil, uint64(r.clock.Now().Add(ticketLife).UnixMicro())) //nolint:gosec // after 1970
	told = append(told, state...)
	mac, err := r.ring.MAC("passkey ticket "+purpose, told)
	return options, base64.RawURLEncoding.EncodeToString(append(mac, told...)), err
}

// ticketState opens a ticket: the state, and the value to burn.
func (r *Room) ticketState(purpose, ticket string) (state []byte, value secret.Text, err error) {
	whole, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil || len(ticket) > mostTicket || len(whole) < macSize+8 {
		return nil, value, errPasskey
	}
	told := whole[macSize:]
	mac, err := r.ring.MAC("passkey ticket "+purpose, told)
	if err != nil {
		return nil, value, err
	}
	until := time.UnixMicro(int64(binary.BigEndian.Uint64(told))) //nolint:gosec // we wrote it, or the hash differs
	if !secret.OfBytes(mac).Equal(secret.OfBytes(whole[:macSize])) || r.clock.Now().After(until) {
		return nil, value, errPasskey
	}
	return told[8:], secret.Of(base64.RawURLEncoding.EncodeToString(mac)), nil
}

// Assertion judges a passkey's answer. use burns the ticket and notes the
// counter; it refuses by errPasskey.
func (r *Room) Assertion(ctx context.Context, a Answer, purpose string) (key Passkey, use Use, err error) {
	if r.passkeys == nil {
		return key, nil, r.passkeysOff
	}
	state, value, err := r.ticketState(purpose, a.Ticket)
	if err != nil {
		return key, nil, err
	}
	var before uint32
	key, err = r.passkeys.FinishSignIn(state, a.Passkey, func(credential, _ []byte) (found Passkey, err error) {
		err = r.lookUp(ctx, func(v *store.View) (err error) {
			found, err = passkeyByCredential(v, credential)
			return err
		})
		if errors.Is(err, store.ErrNoRow) {
			err = errPasskey
		}
		before = found.Counter
		return found, err
	})
	if f := fault.As(err); f != nil && (f.Kind == fault.Unknown || f.Kind == fault.Unmet) {
		err = errPasskey.Because(err)
	}
	return key, func(tx *store.Tx) (bool, error) {
		if err := once.Burn(tx, ticketKind, value); err != nil {
			if errors.Is(err, once.ErrInvalid) {
				err = errPasskey
			}
			return false, err
		}
		ok, err := usedPasskey(tx, key, before)
		if err == nil && !ok {
			err = errPasskey
		}
		return ok, err
	}, err
}
