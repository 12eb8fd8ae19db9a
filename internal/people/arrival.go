package people

import (
	"context"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/store"
)

// Hold has people who come in with more than every member has wait for a second
// person. Call it before the house starts.
func (r *Room) Hold(h arrive.Holder) { r.holder = h }

// Arrivals are such people: one of them, and a list.
func (r *Room) Arrivals() []*arrive.Sort {
	one := &arrive.Sort{Name: arrive.Newcomer, Store: r.store, Register: r.org, Ready: r.readyOne}
	one.See = one.One
	list := &arrive.Sort{Name: arrive.List, Store: r.store, Register: r.org, Ready: r.readyList}
	list.See = func(v *store.View, in id.Org, k arrive.Kept) (arrive.Seen, error) { return r.seeList(list, v, in, k) }
	return []*arrive.Sort{one, list}
}

func held(err error) bool { return fault.Code(err) == store.ErrHeld.Code }

// orHold asks for what needs a second person.
func (r *Room) orHold(ctx context.Context, err error, sort string, in id.Org, k arrive.Kept) error {
	if r.holder == nil || !held(err) {
		return err
	}
	for _, s := range r.Arrivals() {
		if s.Name == sort {
			return s.Hold(ctx, r.holder, in, k)
		}
	}
	return err
}

func (r *Room) readyOne(ctx context.Context, by id.Principal, in id.Org, k arrive.Kept) (arrive.Make, error) {
	if !k.Fresh {
		return func(tx *store.Tx, by id.Principal) ([]store.Event, error) { return r.sit(tx, by, k.Member, k.Groups) }, nil
	}
	draft, err := r.prepare(ctx, by, in, k.Person)
	if err == nil {
		err = arrive.Mailed(draft)
	}
	return func(tx *store.Tx, by id.Principal) ([]store.Event, error) {
		return r.enter(tx, by, entry{person: k.Person, member: k.Member, groups: k.Groups}, draft)
	}, err
}

func (r *Room) readyList(ctx context.Context, by id.Principal, in id.Org, k arrive.Kept) (arrive.Make, error) {
	plan, err := r.PlanImport(ctx, by, in, k.File, k.Invite)
	switch {
	case err != nil:
		return nil, err
	case plan.Counts[Problem] > 0:
		return nil, plan.refused()
	case plan.Digest != k.Digest:
		return nil, fault.New(fault.Conflict, "import-changed")
	}
	rows := inOrder(plan.Rows)
	drafts := make([]org.Draft, len(rows))
	if k.Invite {
		if drafts, err = r.prepareRows(ctx, by, in, rows); err == nil {
			err = arrive.Mailed(drafts...)
		}
	}
	return func(tx *store.Tx, by id.Principal) ([]store.Event, error) {
		return r.applyRows(tx, by, plan, rows, drafts)
	}, err
}

// seeList shows a list as it was read by who wants it.
func (r *Room) seeList(s *arrive.Sort, v *store.View, in id.Org, k arrive.Kept) (seen arrive.Seen, err error) {
	p, f := r.reader(k.By, in, k.File, k.Invite)
	if f != nil {
		return seen, f
	}
	if err = p.load(v); err != nil {
		return seen, err
	}
	plan, managers := p.done(), []id.Person{}
	for _, row := range plan.Rows {
		managers = append(managers, row.entry.member.Manager, row.was.member.Manager)
	}
	people, err := org.PeopleByID(v, managers)
	for _, row := range plan.Rows {
		people[row.entry.person.ID] = row.entry.person
	}
	seen = arrive.Seen{Thing: "member", Title: r.book.Say("en", "people.import", nil), Against: []string{plan.Digest}}
	for _, row := range plan.Rows {
		if err != nil || row.Action == Unchanged {
			continue
		}
		if row.Action == Update {
			was := row.was
			seen.Before = append(seen.Before, plan.names[0].Line(was.person, was.member, people[was.member.Manager].Login, was.hash))
		}
		e := row.entry
		seen.After = append(seen.After, plan.names[1].Line(e.person, e.member, people[e.member.Manager].Login, e.hash))
		var permits string
		permits, err = s.Permits(v, in, e.member.Roles)
		seen.Against = append(seen.Against, permits)
	}
	return seen, err
}
