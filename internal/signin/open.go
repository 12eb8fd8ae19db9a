package signin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// ReadSessions is the permission to see who is signed in in the organization.
const ReadSessions = "session.read"

// levels are what sessions can be sought by.
var levels = []string{factor.AAL0, factor.AAL1, factor.AAL2}

// OpenSession is a session with who it is of.
type OpenSession struct {
	Session
	Who org.Person
}

// WantedSessions are those of an organization that fit.
type WantedSessions struct {
	org.Sought
	Level string // factor.AAL0, AAL1 or AAL2; "" for any
}

// OpenIn lists the sessions in which people act in an organization, the newest
// first, and where the next page begins, "" after the last. Where else they act,
// and who has not chosen yet, is not there (R4). Invalid cursor-malformed. It
// costs two statements, and a search for people more with Text.
func (r *Room) OpenIn(ctx context.Context, s WantedSessions) (all []OpenSession, next string, err error) {
	stretch, err := r.register.Stretch(ctx, s.Sought)
	if err == nil && s.Level != "" && !slices.Contains(levels, s.Level) {
		err = fault.New(fault.Invalid, "level-unknown", "known", strings.Join(levels, ", "))
	}
	if err != nil || stretch.Nobody {
		return nil, "", err
	}
	var found []Session
	err = r.store.Org(s.Org).Read(ctx, func(v *store.View) (err error) {
		found, err = openAfter(v, stretch, s.Level, v.Now())
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

// How many sessions are ended at once, and in one write.
const (
	mostEnded  = 5000
	endedAtOne = 100
)

// Ending is what ending all sessions that fit comes to.
type Ending struct {
	Sessions []Session // that end, without the one of who acts
	People   int       // whose they are
	Kept     int       // sessions of people who are stronger, or belong elsewhere too
	More     bool      // there are more than mostEnded: the newest come first
}

// MatchOpen says which sessions EndMatching would end.
func (r *Room) MatchOpen(ctx context.Context, by id.Principal, s WantedSessions) (e Ending, err error) {
	may := map[id.Person]bool{}
	s.Cursor, s.Limit = "", 200
	for seen := 0; seen == 0 || s.Cursor != ""; seen++ {
		var page []OpenSession
		if page, s.Cursor, err = r.OpenIn(ctx, s); err != nil {
			return e, err
		}
		for _, one := range page {
			who := one.Person
			if _, known := may[who]; !known && who != by.Person() {
				err := r.register.MightTouch(ctx, by, s.Org, who)
				if may[who] = err == nil; err != nil && fault.As(err) == nil {
					return e, err
				}
				if may[who] {
					e.People++
				}
			}
			switch {
			case who == by.Person():
			case !may[who]:
				e.Kept++
			case len(e.Sessions) == mostEnded:
				e.More = true
				return e, nil
			default:
				e.Sessions = append(e.Sessions, one.Session)
			}
		}
	}
	return e, nil
}

// EndMatching ends the sessions of an organization that fit, each with a record
// of its own, and returns how many it ended. Who acts keeps theirs, and so does
// whoever is stronger than they are, see EndOpen.
func (r *Room) EndMatching(ctx context.Context, by id.Principal, s WantedSessions) (n int, err error) {
	e, err := r.MatchOpen(ctx, by, s)
	if err == nil && len(e.Sessions) == 0 {
		err = errNoneFits
	}
	for some := range slices.Chunk(e.Sessions, endedAtOne) {
		if err != nil {
			break
		}
		var ended []Session
		err = r.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
			var err error
			if err = r.register.Need(&tx.View, by, s.Org, factor.Reset); err == nil {
				ended, err = r.endThese(tx, some)
			}
			switch {
			case err != nil:
				return store.Abort(err)
			case len(ended) == 0:
				return store.Abort(errNoneFits)
			}
			events := make([]store.Event, len(ended))
			for i, one := range ended {
				events[i] = one.event("session.ended", by)
			}
			return store.Done(events[0], events[1:]...)
		})
		if n += len(ended); errors.Is(err, errNoneFits) { // they ended meanwhile
			err = nil
		}
	}
	r.sessions.clear()
	return n, err
}

var errNoneFits = fault.New(fault.Conflict, "nothing-to-change")
