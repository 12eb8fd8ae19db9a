package org_test

import (
	"context"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
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
