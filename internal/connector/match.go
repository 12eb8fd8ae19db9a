package connector

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// The states of a match.
const (
	Found     = "found"
	None      = "none"      // the system has no account with their proven address, or they have none
	Ambiguous = "ambiguous" // more than one account, or one account for two people
)

// Match is who a person is at a system that one connection serves for all. Who
// is not found gets nothing from it.
type Match struct {
	Org        id.Org
	System     id.Connector
	Person     id.Person
	State      string
	NativeID   string
	NativeName string
	At         time.Time // when the system was asked

	email string
	due   time.Time
}

// Times and bounds of matching.
const (
	matchFresh = 24 * time.Hour
	matchAgain = 6 * time.Hour // for who was not found
	matchMost  = 25            // people asked for in one go at one system
)

// matches reports whether people of a system are looked for: it puts questions to
// people, and one connection serves all.
func matches(s System, def *Definition) bool {
	return s.Enabled && s.Mode == ModeService && def.Can(OpApprovals, ModeService) && def.Can(OpResolve, ModeService)
}

// Match looks for the people of each organization at the systems that one
// connection serves for all: matchMost at each, those who were never looked for
// first. It reports whether anybody is known now who was not, or the other way
// round, and whether there are more to look for.
func (d *Desk) Match(ctx context.Context) (changed, more bool, err error) {
	all, err := d.shared(ctx)
	if err != nil {
		return false, false, err
	}
	var errs []error
	for _, c := range all {
		s, err := d.System(ctx, c.Org, c.System)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		def, err := d.Definition(s)
		if err != nil || !matches(s, def) {
			errs = append(errs, err)
			continue
		}
		other, rest, err := d.matchAt(ctx, s)
		changed, more = changed || other, more || rest
		errs = append(errs, err)
	}
	return changed, more, errors.Join(errs...)
}

// matchAt looks for those of one system who are due, and forgets who does not
// belong there any more.
func (d *Desk) matchAt(ctx context.Context, s System) (changed, more bool, err error) {
	due, known, gone, err := d.dueMatches(ctx, s)
	if err != nil {
		return false, false, err
	}
	if len(gone) > 0 {
		changed = true
		if err := d.dropGone(ctx, s, gone); err != nil {
			return false, false, err
		}
	}
	if len(due) == 0 {
		return changed, false, nil
	}
	x, err := d.As(ctx, s.Org, s.ID, "")
	if err != nil {
		return changed, false, err
	}
	for _, p := range due[:min(len(due), matchMost)] {
		m, err := x.match(ctx, p)
		if err != nil {
			return changed, false, err // the system is away: the rest is due as it was
		}
		before := known[p.ID]
		if err := d.keepMatch(ctx, before, m); err != nil {
			return changed, false, err
		}
		changed = changed || before.State != m.State || before.NativeID != m.NativeID
	}
	return changed, len(due) > matchMost, nil
}

func (d *Desk) dropGone(ctx context.Context, s System, gone []id.Person) error {
	return d.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		for _, who := range gone {
			if err := dropMatch(tx, s.ID, who); err != nil {
				return store.Abort(err)
			}
		}
		return store.Quietly(store.QuietClaim) // leaving the organization has its own record
	})
}

// dueMatches are the people to be looked for at a system now, what is known of
// all, and who is not there any more.
func (d *Desk) dueMatches(ctx context.Context, s System) (due []org.Person, known map[id.Person]Match, gone []id.Person, err error) {
	acting, err := d.register.Acting(ctx, s.Org)
	if err != nil {
		return nil, nil, nil, err
	}
	known = map[id.Person]Match{}
	acts := make(map[id.Person]bool, len(acting))
	for _, who := range acting {
		acts[who] = true
	}
	err = d.store.Org(s.Org).Read(ctx, func(v *store.View) error {
		all, err := matchesAt(v, s.ID)
		for _, m := range all {
			known[m.Person] = m
			if !acts[m.Person] {
				gone = append(gone, m.Person)
			}
		}
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	people, err := d.register.People(ctx, acting)
	if err != nil {
		return nil, nil, nil, err
	}
	now := d.clock.Now()
	for _, who := range acting {
		p, m := people[who], known[who]
		if m.Person == "" || !m.due.After(now) || m.email != provenOf(p) {
			due = append(due, p)
		}
	}
	slices.SortStableFunc(due, func(a, b org.Person) int { return known[a.ID].At.Compare(known[b.ID].At) })
	return due, known, gone, nil
}

// provenOf is the address by which somebody is looked for; "" for who has proven
// none.
func provenOf(p org.Person) string {
	if !p.Verified {
		return ""
	}
	return folded(p.Email)
}

// match asks the system for one person. Only an error that says nothing about
// them is one.
func (x *Session) match(ctx context.Context, p org.Person) (Match, error) {
	now := x.desk.clock.Now()
	m := Match{Org: x.System.Org, System: x.System.ID, Person: p.ID, State: None, At: now, email: provenOf(p), due: now.Add(matchAgain)}
	if m.email == "" {
		return m, nil
	}
	found, err := x.find(ctx, p)
	switch KindOf(err) {
	case "":
		m.State, m.NativeID, m.NativeName, m.due = Found, clip(found.NativeID), clip(found.Name), now.Add(matchFresh)
	case AmbiguousUser:
		m.State = Ambiguous
	case NoSuchUser, NotFound, Invalid, Forbidden:
	default:
		return m, err
	}
	return m, nil
}

// find asks the system for the one account that has somebody's proven address.
func (x *Session) find(ctx context.Context, p org.Person) (Party, error) {
	if provenOf(p) == "" {
		return Party{}, &Problem{Kind: NoSuchUser, Step: OpResolve, Message: "the person has no address that was proven theirs"}
	}
	found, err := try(ctx, x, func(c Call) (Party, error) {
		return x.desk.engine.ResolveUser(ctx, c, p.Email, p.Login, p.DisplayName)
	})
	switch {
	case err != nil:
		return found, err
	case found.NativeID == "":
		return found, &Problem{Kind: NoSuchUser, Step: OpResolve}
	case folded(found.Email) != provenOf(p): // a login that is the same is not the same person
		return found, &Problem{Kind: NoSuchUser, Step: OpResolve, Message: "the account has another address, or shows none"}
	}
	return found, nil
}

// keepMatch writes what was found. Two people who would be one account are
// neither; who becomes unknown, or known, is on record.
func (d *Desk) keepMatch(ctx context.Context, before, m Match) error {
	return d.store.Org(m.Org).Write(ctx, func(tx *store.Tx) store.End {
		now := m
		if now.State == Found {
			others, err := matchedTo(&tx.View, now)
			if err != nil {
				return store.Abort(err)
			}
			for _, other := range others {
				now.State, other.State = Ambiguous, Ambiguous
				if err := putMatch(tx, other); err != nil {
					return store.Abort(err)
				}
			}
		}
		if now.State != Found {
			now.NativeName = ""
		}
		if err := putMatch(tx, now); err != nil {
			return store.Abort(err)
		}
		if before.State == now.State && before.NativeID == now.NativeID {
			return store.Quietly(store.QuietClaim)
		}
		return store.Done(now.event())
	})
}

// event says what the witness keeps of a match.
func (m Match) event() store.Event {
	fields := map[string]string{"person": string(m.Person), "state": m.State}
	if m.NativeID != "" {
		fields["native-id"] = m.NativeID
	}
	return store.Event{Name: "connection.matched", Org: m.Org, By: id.System("connector"), Target: "connector:" + string(m.System), Fields: fields}
}

// Known lists who is known at the systems that one connection serves for all, as
// long as it works.
func (d *Desk) Known(ctx context.Context) ([]Match, error) {
	shared, err := d.shared(ctx)
	if err != nil || len(shared) == 0 {
		return nil, err
	}
	all, err := d.found(ctx)
	return slices.DeleteFunc(all, func(m Match) bool {
		return !slices.ContainsFunc(shared, func(c Connection) bool { return c.System == m.System && c.Org == m.Org })
	}), err
}

// Matches lists who the people of an organization are at a system.
func (d *Desk) Matches(ctx context.Context, in id.Org, system id.Connector) (all []Match, err error) {
	err = d.store.Org(in).Read(ctx, func(v *store.View) error {
		all, err = matchesAt(v, system)
		return err
	})
	return all, err
}

// MatchOf is who a person is at a system; a zero Match if nobody has looked yet.
func (d *Desk) MatchOf(ctx context.Context, in id.Org, system id.Connector, who id.Person) (m Match, err error) {
	err = d.store.Org(in).Read(ctx, func(v *store.View) error {
		m, err = matchOf(v, system, who)
		return err
	})
	return m, err
}

// remembered is whom the system knows the person as, if it said so lately and
// their address is still the one that was looked for.
func (x *Session) remembered(ctx context.Context, p org.Person) (string, error) {
	m, err := x.desk.MatchOf(ctx, x.System.Org, x.System.ID, p.ID)
	if err != nil || m.State != Found || m.email != provenOf(p) || !m.due.After(x.desk.clock.Now()) {
		return "", err
	}
	return m.NativeID, nil
}

func (x *Session) resolve(ctx context.Context) error {
	if x.System.Mode != ModeService || x.native != "" {
		return nil
	}
	if x.For == "" {
		return fault.New(fault.Forbidden, "connection-needs-person", "name", x.System.Shown())
	}
	p, err := x.desk.register.Person(ctx, x.For)
	if err != nil {
		return err
	}
	if x.native, err = x.remembered(ctx, p); err != nil || x.native != "" {
		return err
	}
	return x.ascertain(ctx, p)
}

// ascertain asks the system itself who the person is.
func (x *Session) ascertain(ctx context.Context, p org.Person) error {
	found, err := x.find(ctx, p)
	x.native = found.NativeID
	if err != nil {
		x.native = ""
	}
	return err
}

// anew asks the system who the person is now, not as it was remembered.
func (x *Session) anew(ctx context.Context) (org.Person, error) {
	p, err := x.desk.register.Person(ctx, x.For)
	if err != nil {
		return p, err
	}
	return p, x.ascertain(ctx, p)
}
