package signin

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// ReadSessions is the permission to see who is signed in in the organization.
const ReadSessions = "session.read"

// OpenSession is a session with who it is of.
type OpenSession struct {
	Session
	Who org.Person
}

// OpenIn lists the sessions in which people act in an organization, the newest
// first, and where the next page begins, "" after the last. Where else they act,
// and who has not chosen yet, is not there (R4). Invalid cursor-malformed. It
// costs two statements, and a search for people more with Text.
func (r *Room) OpenIn(ctx context.Context, s org.Sought) (all []OpenSession, next string, err error) {
	stretch, err := r.register.Stretch(ctx, s)
	if err != nil || stretch.Nobody {
		return nil, "", err
	}
	var found []Session
	err = r.store.Org(s.Org).Read(ctx, func(v *store.View) (err error) {
		found, err = openAfter(v, stretch, v.Now())
		return err
	})
	if err != nil {
		return nil, "", err
	}
	found, next = org.Cut(stretch, found, func(one Session) string { return one.ID })
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
			_, err = r.endOne(tx, s.Person, which)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(s.event("session.ended", by))
	})
	r.sessions.forget(which)
	return err
}
