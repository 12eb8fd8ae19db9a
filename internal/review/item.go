package review

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// State is where an item or a round stands.
type State string

// The states of items.
const (
	Open  State = "open"
	Kept  State = "kept"
	Ended State = "ended"
	Gone  State = "gone"  // it was held no more
	Stuck State = "stuck" // it may not be ended; Trouble says why
)

// The states of rounds; Open, too.
const (
	Filling   State = "filling"
	Escalated State = "escalated"
	Closing   State = "closing"
	Closed    State = "closed"
)

// Item is one grant that is looked at.
type Item struct {
	Org    id.Org
	ID     string
	Round  string
	Person id.Person // who holds it
	Holder string    // as they were called then
	Kind   string    // group, role, or of the lease
	Target string    // identifier of the thing
	Title  string    // as it was called then
	Lease  id.Lease  // under which it is out; "" for good
	Since  time.Time // of a lease
	Until  time.Time // of a lease

	State     State
	Escalated bool
	Silent    bool // nobody answered
	Decided   time.Time
	DecidedBy id.Principal
	Seat      id.Person // whose place a delegate sat in
	Reason    string
	Trouble   string // code, of Stuck
	Version   int64

	name string // of the thing, while a round is filled
}

// Thing is how the witness calls an item.
func (i Item) Thing() string { return "review-item:" + i.ID }

// key orders the grants of one kind in an organization.
func (i Item) key() string {
	if i.Lease != "" {
		return string(i.Lease)
	}
	return i.Target + "/" + string(i.Person)
}

// Digest binds a decision to what was shown.
func (i Item) Digest(r Round) string {
	text, err := json.Marshal([]any{i.ID, r.ID, r.Spec.Title, i.Holder, i.Person, i.Kind, i.Target, i.Title, i.Lease, store.Micros(i.Since), store.Micros(i.Until), i.Escalated})
	if err != nil {
		return "" // no part can fail; "" is never a digest that is accepted
	}
	sum := sha256.Sum256(append([]byte("sekisho review 1\x00"), text...))
	return hex.EncodeToString(sum[:])
}

func (i Item) event(name string, r Round, by id.Principal, more ...string) store.Event {
	fields := map[string]string{
		"campaign": r.Name, "round": strconv.Itoa(r.Number), "holder": string(i.Person), "kind": i.Kind, "thing": i.Target, "title": i.Title, "state": string(i.State),
	}
	for n := 0; n+1 < len(more); n += 2 {
		if more[n+1] != "" {
			fields[more[n]] = more[n+1]
		}
	}
	return store.Event{Name: name, Org: i.Org, By: by, Target: i.Thing(), Fields: fields}
}

// grants are what people hold of the campaign's kind behind a key, in the order of
// keys; of leases at most lookMost.
func (r *Room) grants(v *store.View, in id.Org, c Campaign, after string) (all []Item, err error) {
	switch c.Kind {
	case OfGroups:
		all, err = ofGroups(v, in)
	case OfRoles:
		all, err = r.ofRoles(v, in)
	case OfLeases:
		return ofLeases(v, in, id.Lease(after))
	}
	all = slices.DeleteFunc(all, func(i Item) bool { return i.key() <= after })
	slices.SortFunc(all, func(a, b Item) int { return cmp.Compare(a.key(), b.key()) })
	return all, err
}

func ofGroups(v *store.View, in id.Org) (all []Item, err error) {
	groups, err := org.AllGroups(v, in)
	for _, g := range groups {
		for _, who := range g.Members {
			all = append(all, Item{Org: in, Person: who, Kind: OfGroups, Target: string(g.ID), Title: cmp.Or(g.Title, g.Name), name: g.Name})
		}
	}
	return all, err
}

func (r *Room) ofRoles(v *store.View, in id.Org) (all []Item, err error) {
	roles, err := r.Register.RolesIn(v, in)
	if err != nil {
		return nil, err
	}
	known := map[id.Role]org.Role{}
	for _, role := range roles {
		known[role.ID] = role
	}
	members, err := org.AllMembers(v, in)
	for _, m := range members {
		for _, which := range m.Roles {
			role := known[which]
			all = append(all, Item{Org: in, Person: m.Person, Kind: OfRoles, Target: string(which), Title: cmp.Or(role.Title, role.Name, string(which)), name: role.Name})
		}
	}
	return all, err
}

func ofLeases(v *store.View, in id.Org, after id.Lease) (all []Item, err error) {
	leases, err := lease.Open(v, in, after, lookMost)
	for _, l := range leases {
		all = append(all, Item{Org: in, Person: l.Person, Kind: l.Kind, Target: l.Target, Title: l.Title, Lease: l.ID, Since: l.Since, Until: l.Until, name: l.Target})
	}
	return all, err
}

// held reports whether somebody still holds what an item is about.
func held(v *store.View, i Item) (bool, error) {
	if i.Lease != "" {
		l, err := lease.Look(v, i.Org, i.Lease)
		if fault.Code(err) == "lease-unknown" {
			return false, nil
		}
		return l.State == lease.Out, err
	}
	if i.Kind == OfGroups {
		return org.IsInGroup(v, i.Org, id.Group(i.Target), i.Person)
	}
	m, err := org.MemberIn(v, i.Org, i.Person)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return false, nil
	}
	return slices.Contains(m.Roles, id.Role(i.Target)), err
}

// take ends what an item is about; false: it was held no more.
func (r *Room) take(tx *store.Tx, i Item, by id.Principal) (bool, []store.Event, error) {
	if i.Lease != "" {
		_, events, err := r.Ledger.Ending(tx, i.Org, i.Lease, lease.Reviewed, by)
		if code := fault.Code(err); code == "lease-over" || code == "lease-unknown" {
			return false, nil, nil
		}
		return err == nil, events, err
	}
	var e store.Event
	var there bool
	var err error
	if i.Kind == OfGroups {
		e, there, err = r.Register.TakeGroup(tx, by, i.Org, id.Group(i.Target), i.Person)
	} else {
		e, there, err = r.Register.TakeRole(tx, by, i.Org, id.Role(i.Target), i.Person)
	}
	if err != nil || !there {
		return false, nil, err
	}
	return true, []store.Event{e}, nil
}
