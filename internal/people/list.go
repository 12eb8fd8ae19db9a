package people

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Filter restricts a list of members; empty fields do not.
type Filter struct {
	Org    id.Org
	Text   string
	Role   id.Role
	Group  id.Group
	State  org.State // of the membership; Invited and Disabled of the person count too
	Cursor string
	Limit  int // 50 if it is 0, at most 200
}

// Listed is one member of a list.
type Listed struct {
	Person     org.Person
	Member     org.Member
	Manager    string          // how the manager is shown, "" for none; not in lists
	Invitation *org.Invitation // nil: never invited, or long since a member
}

// State is what a reader wants to know of both states.
func (l Listed) State() org.State {
	if l.Person.State != org.Active {
		return l.Person.State
	}
	return l.Member.State
}

// mostSteps bounds how many pages of a search one list reads to fill itself
// when a filter lets few through; the cursor goes on from there.
const mostSteps = 40

// List pages through the members of an organization.
func (r *Room) List(ctx context.Context, f Filter) (page []Listed, next string, err error) {
	if f.Limit <= 0 || f.Limit > 200 {
		f.Limit = 50
	}
	if f.Group != "" {
		return r.listGroup(ctx, f)
	}
	next = f.Cursor
	for range mostSteps {
		q := org.Query{Org: f.Org, Text: f.Text, Role: f.Role, Cursor: next, Limit: f.Limit - len(page)}
		found, err := r.org.Search(ctx, q)
		if err != nil {
			return nil, "", err
		}
		some, err := r.listed(ctx, f, found.People)
		if err != nil {
			return nil, "", err
		}
		page, next = append(page, some...), found.Next
		if next == "" || len(page) == f.Limit {
			break
		}
	}
	return page, next, nil
}

// listed adds memberships and invitations to people, and drops who does not
// pass the filter.
func (r *Room) listed(ctx context.Context, f Filter, found []org.Person) (page []Listed, err error) {
	ids := idsOf(found)
	members, err := r.org.Memberships(ctx, f.Org, ids)
	if err != nil {
		return nil, err
	}
	invitations, err := r.invitations(ctx, f.Org, ids)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		m, ok := members[p.ID]
		l := Listed{Person: p, Member: m}
		if i, ok := invitations[p.ID]; ok {
			l.Invitation = &i
		}
		if ok && (f.State == "" || l.State() == f.State) && (f.Role == "" || slices.Contains(m.Roles, f.Role)) {
			page = append(page, l)
		}
	}
	return page, nil
}

func idsOf(people []org.Person) []id.Person {
	ids := make([]id.Person, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	return ids
}

func (r *Room) invitations(ctx context.Context, to id.Org, who []id.Person) (map[id.Person]org.Invitation, error) {
	if r.inviter == nil || len(who) == 0 {
		return nil, nil
	}
	return r.inviter.Invitations(ctx, to, who)
}

// listGroup lists who is in a group, directly or through others, by identifier.
func (r *Room) listGroup(ctx context.Context, f Filter) (page []Listed, next string, err error) {
	after, err := readPlace(f.Cursor)
	if err != nil {
		return nil, "", err
	}
	if _, err := r.org.Group(ctx, f.Org, f.Group); err != nil {
		return nil, "", err
	}
	all, err := r.org.MembersOf(ctx, f.Org, f.Group)
	if err != nil {
		return nil, "", err
	}
	for chunk := range slices.Chunk(slices.DeleteFunc(all, func(p id.Person) bool { return p <= after }), 200) {
		people, err := r.org.People(ctx, chunk)
		if err != nil {
			return nil, "", err
		}
		var found []org.Person
		for _, one := range chunk {
			if p, ok := people[one]; ok && fits(p, f.Text) {
				found = append(found, p)
			}
		}
		some, err := r.listed(ctx, f, found)
		if err != nil {
			return nil, "", err
		}
		if page = append(page, some...); len(page) > f.Limit {
			page = page[:f.Limit]
			return page, writePlace(page[f.Limit-1].Person.ID), nil
		}
	}
	return page, "", nil
}

// fits reports whether every word stands somewhere in what a person is called.
func fits(p org.Person, text string) bool {
	all := words.Fold(strings.Join([]string{p.Login, p.Email, p.DisplayName, p.FamilyName, p.GivenName, p.Reading}, " "))
	for _, word := range strings.Fields(words.Fold(text)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

func writePlace(p id.Person) string { return base64.RawURLEncoding.EncodeToString([]byte(p)) }

func readPlace(cursor string) (id.Person, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(text) > 0 && !id.Valid(string(text)) {
		return "", fault.New(fault.Invalid, "cursor-malformed")
	}
	return id.Person(text), nil
}

// Reports returns whose manager somebody is, by name.
func (r *Room) Reports(ctx context.Context, in id.Org, who id.Person) ([]org.Person, error) {
	var reports []id.Person
	err := r.store.Org(in).Read(ctx, func(v *store.View) (err error) {
		reports, err = org.ReportsOf(v, in, who)
		return err
	})
	if err != nil {
		return nil, err
	}
	people, err := r.org.People(ctx, reports)
	var all []org.Person
	for _, one := range reports {
		if p, ok := people[one]; ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b org.Person) int { return strings.Compare(a.DisplayName, b.DisplayName) })
	return all, err
}
