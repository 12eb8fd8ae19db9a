package passkey_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/factor/passkey"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

const site = "https://sekisho.example.jp"

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// rig is a house with one person at one browser.
type rig struct {
	t      testing.TB
	clock  *clock.Moved
	driver *passkey.Driver
	person id.Person
	device *factortest.Authenticator
	keys   []factor.Passkey
}

func newRig(t testing.TB) *rig {
	t.Helper()
	moved := clock.NewMoved(start)
	driver, err := passkey.New(passkey.Config{BaseURL: site, Name: "Works of Sekisho", Clock: moved})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, clock: moved, driver: driver, person: id.New[id.Person](start), device: factortest.New(site)}
}

func (r *rig) who() factor.PasskeyOwner {
	return factor.PasskeyOwner{Handle: []byte(r.person), Login: "hanako@example.jp", DisplayName: "山田 花子"}
}

// create takes the wish through both halves; the key joins the person's.
func (r *rig) create(wish factor.PasskeyWish, lies ...func(*factortest.Step)) (factor.Passkey, error) {
	r.t.Helper()
	options, state, err := r.driver.BeginRegistration(r.who(), nil, wish)
	if err != nil {
		r.t.Fatal(err)
	}
	key, err := r.driver.FinishRegistration(r.who(), state, r.made(r.device.Create(options, lies...)), wish)
	if err == nil {
		key.Person = r.person
		r.keys = append(r.keys, key)
	}
	return key, err
}

func (r *rig) mustCreate() factor.Passkey {
	r.t.Helper()
	key, err := r.create(factor.PasskeyWish{})
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// get signs in; among names the keys, none leaves the choice to the browser.
func (r *rig) get(among []factor.Passkey, lies ...func(*factortest.Step)) (factor.Passkey, error) {
	r.t.Helper()
	options, state := r.begin(among)
	return r.finish(state, r.made(r.device.Get(options, lies...)))
}

func (r *rig) begin(among []factor.Passkey) (options json.RawMessage, state []byte) {
	r.t.Helper()
	options, state, err := r.driver.BeginSignIn(among)
	if err != nil {
		r.t.Fatal(err)
	}
	return options, state
}

// finish keeps what the sign-in changed, as the room would.
func (r *rig) finish(state []byte, answer json.RawMessage) (factor.Passkey, error) {
	r.t.Helper()
	key, err := r.driver.FinishSignIn(state, answer, r.find)
	for i := range r.keys {
		if err == nil && bytes.Equal(r.keys[i].Credential, key.Credential) {
			r.keys[i] = key
		}
	}
	return key, err
}

var errNoSuchKey = errors.New("no such key")

func (r *rig) find(credential, _ []byte) (factor.Passkey, error) {
	for _, key := range r.keys {
		if bytes.Equal(key.Credential, credential) {
			return key, nil
		}
	}
	return factor.Passkey{}, errNoSuchKey
}

func (r *rig) made(answer json.RawMessage, err error) json.RawMessage {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// refused holds that err is the fault with the kind, code and reason.
func refused(t testing.TB, err error, kind fault.Kind, code, reason string) {
	t.Helper()
	f := fault.As(err)
	if f == nil {
		t.Fatalf("got %v, want %s for reason %s", err, code, reason)
	}
	if f.Kind != kind || f.Code != code || f.Args["reason"] != reason {
		t.Errorf("got %v %v, want %v %s reason=%s", f.Kind, f, kind, code, reason)
	}
}
