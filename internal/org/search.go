package org

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Everything is the permission to see every organization and person of the
// house, and to act where the house itself is meant.
const Everything = "house.everybody"

// Query is a search for people.
type Query struct {
	Org    id.Org   // "" is the whole house
	Text   string   // words; each begins a word of name, reading, login or address, or stands anywhere in Japanese text
	Role   id.Role  // only who has it in Org
	Group  id.Group // only who is directly in it, in Org; without Text one of Role and Group
	Cursor string   // "" for the first page
	Limit  int      // 50 if it is 0, at most 200
}

// Found is a page of people; Next is "" after the last.
type Found struct {
	People []Person
	Next   string
}

// cursorAt is where a page ended; by is the term that led there.
type cursorAt struct{ key, id, by string }

func (c cursorAt) String() string {
	text, _ := json.Marshal([]string{c.key, c.id, c.by})
	return base64.RawURLEncoding.EncodeToString(text)
}

func readCursor(text string) (cursorAt, error) {
	if text == "" {
		return cursorAt{}, nil
	}
	var parts []string
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &parts)
	}
	if err != nil || len(parts) != 3 {
		return cursorAt{}, fault.New(fault.Invalid, "cursor-malformed")
	}
	return cursorAt{words.Kept(parts[0]), words.Kept(parts[1]), parts[2]}, nil
}

func bounded(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, mostAtOnce)
}

// Search pages through people: with words by how well they fit, with a role or
// group by identifier, else by reading. It costs four statements at most,
// whatever the size of the house. Who is there all the while is on exactly one
// page, whatever changes of others meanwhile.
func (r *Register) Search(ctx context.Context, q Query) (found Found, err error) {
	at, err := readCursor(q.Cursor)
	if err != nil {
		return Found{}, err
	}
	q.Org = id.Org(words.Kept(string(q.Org)))
	limit := bounded(q.Limit)
	err = r.store.House().Read(ctx, func(v *store.View) error {
		found = Found{}
		places, lead, err := q.places(v, at, limit+1)
		if err != nil {
			return err
		}
		if len(places) > limit {
			places = places[:limit]
			found.Next = cursorAt{places[limit-1].a, places[limit-1].b, lead}.String()
		}
		found.People, err = inOrder(v, places)
		return err
	})
	return found, err
}

// places finds who is on the page, and which term led.
func (q Query) places(v *store.View, at cursorAt, limit int) (places []pair, lead string, err error) {
	asked := terms(q.Text)
	switch {
	case len(asked) > 0:
		lead, others, err := order(v, q.Org, asked, at.by)
		if err != nil {
			return nil, "", err
		}
		if lead != at.by {
			at = cursorAt{}
		}
		places, err = look(v, q, lead, others, at, limit)
		return places, lead, err
	case q.Role != "":
		places, err = withRole(v, q.Org, q.Role, at.id, limit)
	case q.Group != "":
		places, err = inGroup(v, q.Org, q.Group, at.id, limit)
	default:
		places, err = listed(v, q.Org, at, limit)
	}
	return places, "", err
}

// term is a word of a search that does not lead.
type term struct {
	text string
	read bool // everybody with it is read at once
}

// order says which term leads a search, the one that finds least, and how the
// others are looked up. A further page goes on as the first began (by), though
// by now another term may find less.
func order(v *store.View, org id.Org, asked []string, by string) (lead string, others []term, err error) {
	if len(asked) == 1 {
		return asked[0], nil, nil
	}
	counts, err := counted(v, org, asked, few)
	if err == nil && slices.Min(counts) == few {
		counts, err = counted(v, org, asked, enough)
	}
	if err != nil {
		return "", nil, err
	}
	first := slices.Index(asked, by)
	if first < 0 {
		first = slices.Index(counts, slices.Min(counts))
	}
	for i, text := range asked {
		if i != first {
			others = append(others, term{text, counts[first] > few && counts[i] < enough})
		}
	}
	return asked[first], others, nil
}

func inOrder(v *store.View, places []pair) ([]Person, error) {
	ids := make([]id.Person, len(places))
	for i, p := range places {
		ids[i] = id.Person(p.b)
	}
	people, err := peopleByID(v, ids)
	byID := map[id.Person]Person{}
	for _, p := range people {
		byID[p.ID] = p
	}
	var all []Person
	for _, one := range ids {
		if p, ok := byID[one]; ok {
			all = append(all, p)
		}
	}
	return all, err
}

// Person returns a person; of a deleted one only identifier and state are left.
func (r *Register) Person(ctx context.Context, which id.Person) (p Person, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) (err error) {
		p, err = personByID(v, which)
		return err
	})
	return p, err
}

// People returns people by identifier, in one statement for up to 200 each;
// who is not there is missing.
func (r *Register) People(ctx context.Context, which []id.Person) (map[id.Person]Person, error) {
	found := map[id.Person]Person{}
	err := r.store.House().Read(ctx, func(v *store.View) error {
		clear(found)
		people, err := peopleByID(v, distinct(which))
		for _, p := range people {
			found[p.ID] = p
		}
		return err
	})
	return found, err
}

// Names returns how people are shown, for lists. Who is deleted or unknown is
// missing.
func (r *Register) Names(ctx context.Context, which []id.Person) (map[id.Person]string, error) {
	people, err := r.People(ctx, which)
	names := map[id.Person]string{}
	for who, p := range people {
		if p.State != Deleted {
			names[who] = p.DisplayName
		}
	}
	return names, err
}

// ByLogin returns the person of a login however it is spelled, person-unknown
// if there is none. An address counts as a login where one person alone proved
// to have it; what others merely say of theirs changes nothing (A051).
func (r *Register) ByLogin(v *store.View, login string) (Person, error) {
	house := v.House()
	p, err := personByLogin(house, LoginFold(login))
	if fault.As(err) == nil {
		return p, err
	}
	people, err := peopleVerified(house, EmailFold(login))
	if err != nil || len(people) != 1 {
		return Person{}, orMissing(err)
	}
	return people[0], nil
}

// ByEmail returns who has an address, at most two: more than one is nobody's to
// be found by.
func (r *Register) ByEmail(v *store.View, email string) ([]Person, error) {
	return peopleByEmail(v.House(), EmailFold(email))
}

// VerifiedAt returns the active people who proved that an address is theirs, at
// most two: a mailbox that people share is nobody's own.
func (r *Register) VerifiedAt(v *store.View, email string) ([]Person, error) {
	return verifiedAt(v.House(), EmailFold(email))
}

// PersonIn returns a person in the caller's transaction.
func (r *Register) PersonIn(v *store.View, which id.Person) (Person, error) {
	return personByID(v.House(), which)
}

// Empty reports whether nobody was ever added: the house waits for its first
// administrator.
func (r *Register) Empty(v *store.View) (bool, error) { return noPeople(v.House()) }

// Peopled reports whether anybody was ever added, as Empty does.
func (r *Register) Peopled(ctx context.Context) (there bool, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) error {
		empty, err := r.Empty(v)
		there = err == nil && !empty
		return err
	})
	return there, err
}
