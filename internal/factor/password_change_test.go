package factor_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// testLink stands for any link or code that was sent to a person.
var testLink = once.Declare(once.Kind{Name: "signin-test-link", Life: 1 << 40, Size: 32})

func TestSetPassword(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, room := h.People(t), context.Background(), h.Factors()
		by := id.OfPerson(k.Aoi)
		for pw, code := range map[string]string{
			"":                   "password-missing",
			"fourteen chars":     "password-too-short",
			"passwordpassword":   "password-common",
			"aoi@kaede.example1": "password-names-you",
			"Kaede Trading 2026": "password-names-you",
			"たかはしあおい たかはしあおい":                 "password-names-you",
			"sekisho-sekisho-sekisho":         "password-names-you",
			"関所関所関所関所関所関所関所関所":                "password-names-you",
			"a tab\tis not typed anywhere":    "password-malformed",
			strings.Repeat("long enough", 94): "password-too-long",
		} {
			err := room.SetPassword(ctx, by, k.Aoi, secret.Of(pw), false)
			if fault.Code(err) != code {
				t.Errorf("%.40q: %v, want %q", pw, err, code)
			}
		}
		if err := room.SetPassword(ctx, by, id.Person("01k0000000000000000000000a"), secret.Of(factortest.GoodPassword), false); fault.Code(err) != "person-unknown" {
			t.Errorf("nobody's password: %v", err)
		}
	})
}

func TestAPasswordEndsWhatCameBeforeIt(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, room := h.People(t), context.Background(), h.Factors()
		here, there, other := h.As(t, k.Aoi, k.Org), h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org)
		mine, theirs := testLink.New(), testLink.New()
		err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
			for _, link := range []struct {
				value secret.Text
				who   id.Person
			}{{mine, k.Aoi}, {theirs, k.Botan}} {
				if err := once.Mint(tx, testLink, link.value, once.Slip{Subject: string(link.who)}); err != nil {
					return store.Abort(err)
				}
			}
			return store.Done(store.Event{Name: "test", By: id.Local(0)})
		})
		if err != nil {
			t.Fatal(err)
		}
		sessions, err := h.SignIn().Sessions(ctx, k.Aoi)
		if err != nil || len(sessions) != 2 {
			t.Fatal(sessions, err)
		}
		kept := sessions[1] // the older one: here
		around := store.Around(ctx, store.Circumstance{Session: kept.ID})
		if err := room.SetPassword(around, id.OfPerson(k.Aoi), k.Aoi, secret.Of(factortest.GoodPassword), false); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[*housetest.Visitor]int{here: http.StatusForbidden, there: http.StatusUnauthorized, other: http.StatusForbidden} {
			if got := name.Get("/admin"); got.Status != want {
				t.Errorf("%d, want %d", got.Status, want)
			}
		}
		err = h.Store().House().Read(ctx, func(v *store.View) error {
			if _, err := once.Peek(v, testLink, mine); err == nil {
				t.Error("a link outlived the password")
			}
			_, err := once.Peek(v, testLink, theirs)
			return err
		})
		if err != nil {
			t.Errorf("somebody else's link: %v", err)
		}
		if err := room.SetPassword(around, id.OfPerson(k.Chika), k.Aoi, secret.Of(factortest.GoodPassword+"!"), true); err != nil {
			t.Fatal(err)
		}
		if got := here.Get("/admin"); got.Status != http.StatusUnauthorized {
			t.Errorf("a session outlived a password that somebody else set: %d", got.Status)
		}
	})
}

func TestImportPassword(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, imports := h.People(t), context.Background(), factor.Imports{Room: h.Factors()}
		for _, hash := range []string{
			"", factortest.GoodPassword, "$1$abcdefgh$abcdefghijklmnopqrstuv", "$2b$31$" + strings.Repeat("a", 53), "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3dWQ",
			"$argon2id$v=19$m=999999999,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3dWQ",
		} {
			if f := imports.Check(secret.Of(hash)); f == nil || f.Code != "password-hash-unknown" {
				t.Errorf("%.40q: %v", hash, f)
			}
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(factortest.GoodPassword), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		if f := imports.Check(secret.OfBytes(hash)); f != nil {
			t.Fatal(f)
		}
		give := func() error {
			return h.Store().Self(k.Aoi).Write(ctx, func(tx *store.Tx) store.End {
				if err := imports.Import(tx, k.Aoi, secret.OfBytes(hash)); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "test", By: id.Local(0)})
			})
		}
		if err := give(); err != nil {
			t.Fatal(err)
		}
		if err := give(); err == nil {
			t.Error("an import replaced a password")
		}
	})
}
