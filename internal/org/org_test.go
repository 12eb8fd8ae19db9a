package org_test

import (
	"context"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

var (
	ctx  = context.Background()
	root = id.Local(0)
)

func each(t *testing.T, f func(t *testing.T, r *org.Register, s *store.Store)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, org.Schema)
		f(t, org.New(org.Options{Store: s, Clock: c, Permissions: everyPermission()}), s)
	})
}

func add(t *testing.T, s *store.Store, r *org.Register, login string) org.Person {
	t.Helper()
	p := org.Person{ID: id.New[id.Person](housetest.Epoch), Login: login, State: org.Active, Created: housetest.Epoch}
	err := s.House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.AddPerson(tx, root, p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Who administers one organization makes nobody stronger than themselves, and
// nothing of another organization is theirs to know.
func TestA123NobodyMakesAStrongerOne(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		kaede, err := r.PutOrganization(ctx, root, org.Organization{Name: "kaede", Type: org.Provider})
		if err != nil {
			t.Fatal(err)
		}
		momiji, err := r.PutOrganization(ctx, root, org.Organization{Name: "momiji", Type: org.Customer, Parent: kaede.ID})
		if err != nil {
			t.Fatal(err)
		}
		chika, aoi, botan := add(t, s, r, "chika"), add(t, s, r, "aoi"), add(t, s, r, "botan")
		for _, m := range []org.Member{
			{Org: kaede.ID, Person: chika.ID, Roles: []id.Role{org.Administrator, org.Operator}},
			{Org: kaede.ID, Person: aoi.ID, Roles: []id.Role{org.Accounts}},
			{Org: momiji.ID, Person: botan.ID, Roles: []id.Role{org.Administrator}},
		} {
			if err := r.PutMember(ctx, root, m); err != nil {
				t.Fatal(err)
			}
		}
		by := id.OfPerson(aoi.ID)
		refusals := map[string]error{
			"stronger-than-you":    r.PutMember(ctx, by, org.Member{Org: kaede.ID, Person: botan.ID, Roles: []id.Role{org.Administrator}}),
			"organization-unknown": r.PutMember(ctx, by, org.Member{Org: momiji.ID, Person: aoi.ID, Roles: []id.Role{org.User}}),
			"last-administrator":   r.DropMember(ctx, id.OfPerson(chika.ID), kaede.ID, chika.ID),
		}
		for want, err := range refusals {
			if fault.Code(err) != want {
				t.Errorf("want %s, got %v", want, err)
			}
		}
		if err := r.PutMember(ctx, by, org.Member{Org: kaede.ID, Person: botan.ID, Roles: []id.Role{org.Accounts}}); err != nil {
			t.Errorf("as strong as themselves: %v", err)
		}
		found, err := r.Search(ctx, org.Query{Org: kaede.ID, Text: "BOT"})
		if err != nil || len(found.People) != 1 || found.People[0].ID != botan.ID {
			t.Errorf("search: %v %v", found, err)
		}
	})
}
