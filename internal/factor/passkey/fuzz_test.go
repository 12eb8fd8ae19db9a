package passkey_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
)

// seeds are honest answers: the way from them to trouble is short.
func seeds(f *testing.F, give func(r *rig, statement factortest.Statement) (state []byte, answer json.RawMessage)) {
	for _, algorithm := range []int64{factortest.ES256, factortest.EdDSA, factortest.RS256} {
		for _, statement := range []factortest.Statement{factortest.StatementNone, factortest.StatementSelf, factortest.StatementX5C} {
			r := newRig(f)
			r.device.Algorithm = algorithm
			state, answer := give(r, statement)
			f.Add(state, []byte(answer))
			f.Add(state[:len(state)/2], []byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{}}`))
		}
	}
}

// taken holds what must be true of every answer to bytes from anywhere.
func taken(t *testing.T, key factor.Passkey, err error, kind fault.Kind) {
	t.Helper()
	if err == nil {
		if len(key.Credential) == 0 || len(key.Credential) > 1023 || len(key.PublicKey) == 0 || key.Algorithm == 0 || !key.Verified {
			t.Fatalf("taken: %+v", key)
		}
		return
	}
	if f := fault.As(err); f == nil || f.Kind != kind || f.Args["reason"] == "" {
		t.Fatalf("got %v", err)
	}
}

func FuzzFinishRegistration(f *testing.F) {
	r := newRig(f)
	seeds(f, func(seed *rig, statement factortest.Statement) ([]byte, json.RawMessage) {
		seed.person = r.person
		options, state, err := seed.driver.BeginRegistration(seed.who(), nil, factor.PasskeyWish{})
		if err != nil {
			f.Fatal(err)
		}
		return state, seed.made(seed.device.Create(options, func(s *factortest.Step) { s.Statement = statement }))
	})
	f.Fuzz(func(t *testing.T, state, answer []byte) {
		for _, wish := range []factor.PasskeyWish{{}, {Attestation: true}} {
			key, err := r.driver.FinishRegistration(r.who(), state, answer, wish)
			taken(t, key, err, fault.Unmet)
			if err == nil && wish.Attestation && !key.Attested {
				t.Fatal("unattested")
			}
		}
	})
}

func FuzzFinishSignIn(f *testing.F) {
	var keys []factor.Passkey
	var driver factor.Passkeys
	seeds(f, func(r *rig, _ factortest.Statement) ([]byte, json.RawMessage) {
		keys, driver = append(keys, r.mustCreate()), r.driver
		options, state := r.begin(nil)
		return state, r.made(r.device.Get(options))
	})
	all := &rig{keys: keys}
	f.Fuzz(func(t *testing.T, state, answer []byte) {
		key, err := driver.FinishSignIn(state, answer, all.find)
		if !errors.Is(err, errNoSuchKey) {
			taken(t, key, err, fault.Unknown)
		}
	})
}
