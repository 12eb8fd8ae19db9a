package change

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// The faults of a change that cannot be made any more, or not by who approves.
var (
	errMoved  = fault.New(fault.Conflict, "change-moved")
	errLost   = fault.New(fault.Unmet, "change-asker-lost")
	errGone   = fault.New(fault.Unmet, "change-gone")
	errBeyond = fault.New(fault.Forbidden, "change-beyond-you")
)

// Kind implements request.Releaser.
func (r *Room) Kind() string { return Kind }

// Targets implements request.Releaser: nobody looks for changes.
func (r *Room) Targets(context.Context, request.Sought) ([]request.Target, error) { return nil, nil }

// Check implements request.Releaser.
func (r *Room) Check(v *store.View, a request.Ask) (request.Target, error) {
	c, ok := a.Change()
	s := r.sorts[a.Target]
	if !ok || s == nil {
		return request.Target{}, fault.New(fault.NotFound, "target-unknown")
	}
	t := request.Target{Kind: Kind, ID: a.Target, Name: a.Target, Title: c.Title, Facts: c.Facts}
	if a.State != request.Open {
		return t, nil
	}
	if err := r.Register.Need(v, c.By, a.Org, s.needs()); fault.As(err) != nil {
		return t, errLost
	} else if err != nil {
		return t, err
	}
	plain, err := r.open(v, a)
	if err != nil || plain == nil { // it is asked for just now
		return t, err
	}
	defer clear(plain)
	return t, r.still(v, a, c, plain)
}

// still refuses a change that was computed against something else.
func (r *Room) still(v *store.View, a request.Ask, c request.Change, plain []byte) error {
	now, err := r.sorts[a.Target].base(v, a.Org, plain)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound || err == nil && now != "" && now != c.Base {
		return errMoved
	}
	return err
}

// open reads what is kept of a change; nil: nothing is.
func (r *Room) open(v *store.View, a request.Ask) ([]byte, error) {
	sealed, err := kept(v.Org(a.Org), a.ID)
	if err != nil || sealed == nil {
		return nil, err
	}
	return r.Ring.Open(place(a.Org, a.ID), sealed)
}

// Able implements request.Holder: whose factors are taken is not asked.
func (r *Room) Able(v *store.View, a request.Ask) ([]id.Person, error) {
	s := r.sorts[a.Target]
	c, ok := a.Change()
	if s == nil || !ok {
		return nil, nil
	}
	able, err := r.Register.Able(v, a.Org, s.needs())
	return slices.DeleteFunc(able, func(who id.Person) bool { return string(id.OfPerson(who)) == c.Thing }), err
}

// Ready implements request.Holder.
func (r *Room) Ready(ctx context.Context, a request.Ask) (any, error) {
	c, ok := a.Change()
	var plain []byte
	err := r.Store.Org(a.Org).Read(ctx, func(v *store.View) (err error) {
		plain, err = r.open(v, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !ok || plain == nil || r.sorts[a.Target] == nil {
		return nil, errGone
	}
	defer clear(plain)
	ready, err := r.sorts[a.Target].ready(ctx, c.By, a.Org, plain)
	return ready, since(err, errLost)
}

// since says a refusal that comes from what happened since the change was asked
// for: may stands for those about what somebody may do.
func since(err error, may *fault.Fault) error {
	f := fault.As(err)
	switch {
	case f == nil || f.Kind == fault.Busy || f.Kind == fault.Broken:
		return err
	case f.Kind == fault.Forbidden || f.Kind == fault.NotFound || f.Code == "reset-yourself", slices.ContainsFunc(f.Fields, mayNot):
		return may.Because(err)
	}
	return errMoved.Because(err)
}

// mayNot reports whether a line of documents was refused for what somebody may
// not do.
func mayNot(f fault.Field) bool {
	return f.Code == "not-permitted" || f.Code == "stronger-than-you" || f.Code == "organization-unknown"
}

// Vouch implements request.Holder: the change is tried as who approves it.
func (r *Room) Vouch(tx *store.Tx, a request.Ask, who id.Person) error {
	ready, ok := a.Ready.(made)
	if !ok {
		return errGone
	}
	return since(try(tx, ready, id.OfPerson(who)), errBeyond)
}

// Release implements request.Releaser: it is made as who asked for it.
func (r *Room) Release(tx *store.Tx, a request.Ask, _ id.Principal) ([]store.Event, error) {
	c, ok := a.Change()
	ready, there := a.Ready.(made)
	if !ok || !there {
		return nil, errGone
	}
	plain, err := r.open(&tx.View, a)
	if err != nil {
		return nil, err
	}
	if plain == nil {
		return nil, errGone
	}
	defer clear(plain)
	if err := r.still(&tx.View, a, c, plain); err != nil {
		return nil, err
	}
	events, err := lift(tx, ready, c.By)
	return events, since(err, errLost)
}

// Made implements request.Holder.
func (r *Room) Made(a request.Ask) {
	if ready, ok := a.Ready.(made); ok {
		ready.done()
	}
}

// Raise implements request.Asker: others bring the question.
func (r *Room) Raise(*store.Tx, request.Question) ([]store.Event, error) { return nil, nil }

// Settle implements request.Asker: what was kept goes with the question.
func (r *Room) Settle(tx *store.Tx, a request.Ask) ([]store.Event, error) {
	if a.Kind != Kind {
		return nil, nil
	}
	return nil, drop(tx.Org(a.Org), a.ID)
}

// fact is one of a change, "" says nothing.
func fact(all []request.Fact, key, value string) []request.Fact {
	if value == "" {
		return all
	}
	return append(all, request.Fact{Key: "change.fact." + key, Value: value})
}

// set are the lines of a set that becomes another.
func set(label string, before, after []string) (lines []request.Line) {
	if label != "" {
		label += " "
	}
	for _, one := range after {
		if !slices.Contains(before, one) {
			lines = append(lines, request.Line{Sign: "+", Text: label + one})
		}
	}
	for _, one := range before {
		if !slices.Contains(after, one) {
			lines = append(lines, request.Line{Sign: "-", Text: label + one})
		}
	}
	return lines
}

// field are the lines of a value that becomes another.
func field(label, before, after string) (lines []request.Line) {
	if before == after {
		return nil
	}
	for _, one := range strings.Split(before, "\n") {
		if before != "" {
			lines = append(lines, request.Line{Sign: "-", Text: label + ": " + one})
		}
	}
	for _, one := range strings.Split(after, "\n") {
		if after != "" {
			lines = append(lines, request.Line{Sign: "+", Text: label + ": " + one})
		}
	}
	return lines
}
