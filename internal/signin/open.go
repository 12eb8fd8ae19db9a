package signin

import (
	"context"
	"errors"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// ReadSessions is the permission to see who is signed in in the organization.
const ReadSessions = "session.read"

// Sought are the sessions that somebody looks for in an organization.
type Sought struct {
	Org    id.Org
	Person id.Person // "" for everybody
	Text   string    // words of who it is, see org.Query: the ten who fit best
	Cursor string    // "" for the first page
	Limit  int       // 1 to 200; 50 if it is 0
}

// OpenSession is a session with who it is of.
type OpenSession struct {
	Session
	Who org.Person
}

// fitting bounds how many people a text may mean.
const fitting = 10

// newest is behind every identifier.
var newest = strings.Repeat("z", 26)

// OpenIn lists the sessions in which people act in an organization, the newest
// first, and where the next page begins, "" after the last. Where else they act,
// and who has not chosen yet, is not there (R4). Invalid cursor-malformed. It
// costs two statements, and a search for people more with Text.
func (r *Room) OpenIn(ctx context.Context, s Sought) (all []OpenSession, next string, err error) {
	if s.Limit <= 0 || s.Limit > 200 {
		s.Limit = 50
	}
	after := newest
	if s.Cursor != "" {
		if after = s.Cursor; !id.Valid(after) {
			return nil, "", fault.New(fault.Invalid, "cursor-malformed")
		}
	}
	of, err := r.meant(ctx, s)
	if err != nil || s.Text != "" && len(of) == 0 {
		return nil, "", err
	}
	var found []Session
	err = r.store.Org(s.Org).Read(ctx, func(v *store.View) (err error) {
		found, err = openAfter(v, after, of, v.Now(), s.Limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(found) > s.Limit {
		found = found[:s.Limit]
		next = found[s.Limit-1].ID
	}
	who := make([]id.Person, len(found))
	for i, one := range found {
		who[i] = one.Person
	}
	people, err := r.register.People(ctx, who)
	for _, one := range found {
		if seen := r.sessions.lastSeen(one.ID); seen.After(one.Seen) {
			one.Seen = seen
		}
		all = append(all, OpenSession{one, people[one.Person]})
	}
	return all, next, err
}

// meant are the people whose sessions are looked for; nil is everybody.
func (r *Room) meant(ctx context.Context, s Sought) (of []id.Person, err error) {
	switch {
	case s.Person != "":
		return []id.Person{s.Person}, nil
	case s.Text == "":
		return nil, nil
	}
	found, err := r.register.Search(ctx, org.Query{Org: s.Org, Text: s.Text, Limit: fitting})
	for _, p := range found.People {
		of = append(of, p.ID)
	}
	return of, err
}

// EndOpen ends a session in which somebody acts in an organization; who acts
// must be at least as strong as they are, everywhere, as for a reset of their
// factors. NotFound session-unknown for one that acts elsewhere (R4).
func (r *Room) EndOpen(ctx context.Context, by id.Principal, in id.Org, which string) error {
	err := r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		s, err := openIn(&tx.View, which)
		if errors.Is(err, store.ErrNoRow) || err == nil && s.over(tx.Now()) {
			err = fault.New(fault.NotFound, "session-unknown")
		}
		if err == nil {
			_, err = r.factors.MayTouch(&tx.View, by, in, s.Person)
		}
		if err == nil {
			_, err = deleteSession(tx.Self(s.Person), which)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(s.event("session.ended", by))
	})
	r.sessions.forget(which)
	return err
}
