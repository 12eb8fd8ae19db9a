package org_test

import (
	"context"
	"testing"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// TestA064OneRowForTwoSpellings: what a database could hold for one name and
// another for two is one here, on both; what cannot be made one is no name.
func TestA064OneRowForTwoSpellings(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		ids := map[string]id.Person{}
		for _, pair := range []struct{ name, first, second string }{
			{"case", "kenji", "KENJI"},
			{"case of one letter", "kenji", "kenJi"},
			{"Kelvin sign", "kenji", "\u212aenji"},
			{"long s", "sato", "\u017fato"},
			{"full width", "sato", "ｓａｔｏ"},
			{"full width and case", "sato", "ＳＡＴＯ"},
			{"mathematical", "sato", "𝐬𝐚𝐭𝐨"},
			{"encircled", "sato", "ⓢⓐⓣⓞ"},
			{"superscript", "sato2", "sato²"},
			{"a ligature", "office", "o\ufb03ce"},
			{"full stop of another width", "a.b", "a．b"},
			{"at of another width", "a@b", "a＠b"},
			{"blank before", "sato", " sato"},
			{"blank behind", "sato", "sato "},
			{"ideographic blank", "sato", "sato\u3000"},
			{"line break behind", "sato", "sato\n"},
		} {
			t.Run(pair.name, func(t *testing.T) {
				if ids[pair.first] == "" {
					ids[pair.first] = add(t, s, r, pair.first).ID
				}
				if _, err := tryAdd(s, r, org.Person{Login: pair.second}); fault.Code(err) != "login-taken" {
					t.Errorf("%q beside %q: %v", pair.second, pair.first, err)
				}
				foundAs(t, r, s, ids[pair.first], pair.second)
			})
		}
		for name, login := range map[string]string{
			"NUL behind": "sato\x00", "NUL and more": "sato\x00x", "a letter nobody sees": "sa\u200bto", "soft hyphen": "sa\u00adto", "accent beside its letter": "sato\u0301",
			"accent in its letter": "sat\u00f3", "Cyrillic": "s\u0430to", "dotless i": "kenj\u0131", "dotted I": "KENJ\u0130", "sharp s": "stra\u00dfe", "not UTF-8": "sato\xff",
		} {
			t.Run("no login: "+name, func(t *testing.T) {
				if _, err := tryAdd(s, r, org.Person{Login: login}); fault.Code(err) != "person-invalid" {
					t.Errorf("%q: %v", login, err)
				}
			})
		}
		t.Run("addresses", func(t *testing.T) { oneAddress(t, r, s, c) })
		t.Run("names of organizations, groups and roles", func(t *testing.T) {
			for _, name := range []string{"SALES", "Sales", "ｓａｌｅｓ", "\u017fales", "sales ", "sales\x00", "sal\u00e9s", "sales\u0301"} {
				_, group := r.PutGroup(ctx, root, org.Group{Org: c.kaede.ID, Name: name})
				_, role := r.PutRole(ctx, root, org.Role{Org: c.kaede.ID, Name: name})
				_, organization := r.PutOrganization(ctx, root, org.Organization{Name: name, Title: "x", Type: org.Customer, Parent: c.kaede.ID})
				for what, err := range map[string]error{"group-invalid": group, "role-invalid": role, "organization-invalid": organization} {
					if fault.Code(err) != what {
						t.Errorf("%q: %v, want %s", name, err, what)
					}
				}
			}
		})
	})
}

func foundAs(t *testing.T, r *org.Register, s *store.Store, want id.Person, login string) {
	t.Helper()
	err := s.House().Read(context.Background(), func(v *store.View) error {
		found, err := r.ByLogin(v, login)
		if err == nil && found.ID != want {
			t.Errorf("%q finds %s", login, found.Login)
		}
		return err
	})
	if err != nil {
		t.Errorf("%q: %v", login, err)
	}
}

// oneAddress: an address that two have proven in two spellings leads to neither.
func oneAddress(t *testing.T, r *org.Register, s *store.Store, c *company) {
	for i, spelling := range []string{"Emi@kaede.example", "EMI@KAEDE.EXAMPLE", "emi@Kaede.Example"} {
		p := []org.Person{c.emi, c.aoi, c.emi}[i]
		if err := c.put(root, p, func(p *org.Person) { p.Email = spelling }); err != nil {
			t.Fatalf("%s: %v", spelling, err)
		}
		if err := c.in(func(tx *store.Tx) error { return r.Verify(tx, p.ID, "emi@kaede.example") }); err != nil {
			t.Fatalf("%s: %v", spelling, err)
		}
		err := s.House().Read(ctx, func(v *store.View) error { _, err := r.ByLogin(v, spelling); return err })
		if alone := i == 0; alone != (err == nil) {
			t.Errorf("%s, proven by %d: %v", spelling, i+1, err)
		}
	}
}
