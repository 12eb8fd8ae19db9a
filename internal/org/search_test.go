package org_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// finds is what a search is meant to find, said naively: each word of the text
// begins a word of a name, a login, an address or a part of one, or stands
// anywhere in text that is written without spaces.
func finds(p org.Person, text string) bool {
	for _, asked := range strings.Fields(words.Fold(text)) {
		fields := []string{p.Login, p.Email, p.DisplayName, p.FamilyName, p.GivenName, p.Reading, p.FamilyName + p.GivenName}
		if !slices.ContainsFunc(fields, func(field string) bool { return within(words.Fold(field), asked) }) {
			return false
		}
	}
	return true
}

func within(field, asked string) bool {
	japanese := func(r rune) bool { return r >= 0x2e80 }
	spaced := strings.Fields(field)
	all := slices.Concat(spaced, strings.FieldsFunc(field, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.Nd, unicode.M) }))
	if strings.ContainsFunc(field, japanese) {
		all = append(all, strings.Join(spaced, ""))
	}
	for _, word := range all {
		before := 'あ' // a word begins where a Japanese character may
		for at, r := range word {
			if (japanese(r) || japanese(before)) && strings.HasPrefix(word[at:], asked) {
				return true
			}
			before = r
		}
	}
	return false
}

// crowd are people of two organizations, with names that have much in common.
type crowd struct {
	r      *org.Register
	orgs   []id.Org
	people []org.Person
	in     map[id.Org]map[id.Person]bool
}

var (
	someFamilies = []string{"佐藤", "佐々木", "藤井", "Sato", "O'Brien", "斎藤", "ｻﾄｳ", "van der Berg", "渡邉"}
	someGivens   = []string{"花子", "はなこ", "Hanako", "藤", "ハナ", "Jean-Luc", "太郎"}
	someReadings = []string{"", "サトウ ハナコ", "さとう　はなこ", "ｻｻｷ ﾀﾛｳ", "フジイ フジ", "ワタナベ"}
	someTexts    = []string{
		"佐", "藤", "佐藤", "佐藤花子", "佐藤 花子", "花子 佐藤", "さとう", "サトウ", "ｻﾄ", "さと はな", "とう", "S", "sa", "ｓａｔｏ", "SATO han", "ato", "o'b", "brien",
		"jean", "luc", "berg van", "x1", "mail", "mail x", "example", "x1@mail", "@", "は", "ハ", "ﾊﾅ", "こ", "々", "藤 藤", "zzz", "佐藤 zzz", "渡邉", "渡辺",
	}
)

func newCrowd(t *testing.T, r *org.Register, s *store.Store, many int) *crowd {
	c := &crowd{r: r, in: map[id.Org]map[id.Person]bool{"": {}}}
	for i := range 2 {
		o, err := r.PutOrganization(ctx, root, org.Organization{Name: fmt.Sprint("o", i), Type: org.Provider})
		if err != nil {
			t.Fatal(err)
		}
		c.orgs, c.in[o.ID] = append(c.orgs, o.ID), map[id.Person]bool{}
	}
	for i := range many {
		p, err := tryAdd(s, r, org.Person{
			Login: fmt.Sprint("x", i), Email: fmt.Sprintf("x%d@mail.kaede.example", i), FamilyName: someFamilies[i%len(someFamilies)],
			GivenName: someGivens[i/2%len(someGivens)], Reading: someReadings[i/3%len(someReadings)], Locale: []string{"", "ja"}[i%2],
		})
		if err == nil {
			p, err = r.Person(ctx, p.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.people, c.in[""][p.ID] = append(c.people, p), true
		for j, o := range c.orgs {
			if i%(j+1) > 0 {
				continue
			}
			if err := r.PutMember(ctx, root, org.Member{Org: o, Person: p.ID, Roles: []id.Role{[]id.Role{org.User, org.Auditor}[i%2]}}); err != nil {
				t.Fatal(err)
			}
			c.in[o][p.ID] = true
		}
	}
	return c
}

// pages reads all pages of a search, with something done between them.
func (c *crowd) pages(q org.Query, between func()) (all []id.Person, err error) {
	for {
		found, err := c.r.Search(ctx, q)
		if err != nil {
			return all, err
		}
		for _, p := range found.People {
			all = append(all, p.ID)
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return all, nil
		}
		between()
	}
}

func (c *crowd) meant(where id.Org, text string) (all []id.Person) {
	for _, p := range c.people {
		if c.in[where][p.ID] && finds(p, text) {
			all = append(all, p.ID)
		}
	}
	slices.Sort(all)
	return all
}

// A search finds exactly what it says, everybody once, however it is paged.
func TestSearchFindsWhatItSays(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCrowd(t, r, s, 400)
		places := append([]id.Org{""}, c.orgs...)
		found := 0
		rapid.Check(t, func(t *rapid.T) {
			where := places[rapid.IntRange(0, len(places)-1).Draw(t, "where")]
			text := rapid.SampledFrom(someTexts).Draw(t, "text")
			if rapid.IntRange(0, 3).Draw(t, "two") == 0 {
				text += " " + rapid.SampledFrom(someTexts).Draw(t, "more")
			}
			got, err := c.pages(org.Query{Org: where, Text: text, Limit: rapid.IntRange(5, 200).Draw(t, "limit")}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			if want := c.meant(where, text); !slices.Equal(got, want) {
				t.Fatalf("%q in %q: %d found, %d meant", text, where, len(got), len(want))
			}
			found += len(got)
		})
		if found == 0 {
			t.Error("nothing was ever found")
		}
		for _, q := range []org.Query{{}, {Org: c.orgs[0]}, {Org: c.orgs[1]}, {Org: c.orgs[0], Role: org.User}, {Org: c.orgs[0], Role: org.User, Text: "x"}} {
			q.Limit = 70
			got, err := c.pages(q, func() {})
			want := len(c.in[q.Org])
			if q.Role != "" {
				want /= 2
			}
			if slices.Sort(got); err != nil || len(got) != want || len(slices.Compact(got)) != want {
				t.Errorf("%+v: %d of %d, %v", q, len(got), want, err)
			}
		}
	})
}

// While others come, go and change, who stays is on exactly one page.
func TestPagesWhilePeopleChange(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCrowd(t, r, s, 60)
		n := 0
		between := func() {
			n++
			p, err := r.Person(ctx, c.people[n%20*3].ID)
			if err != nil {
				t.Fatal(err)
			}
			if p.State == org.Deleted {
				return
			}
			p.GivenName, p.DisplayName, p.Reading = fmt.Sprint("新", n), "", []string{"ア", "ン"}[n%2]
			if _, err = r.ChangePerson(ctx, root, p); err == nil && n%7 == 0 {
				err = r.DeletePerson(ctx, root, p.ID)
			}
			if err == nil {
				_, err = tryAdd(s, r, org.Person{Login: fmt.Sprint("x-new", n), Email: fmt.Sprintf("x%d@mail.new.example", n)})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, q := range []org.Query{{Limit: 5}, {Org: c.orgs[0], Limit: 5}, {Text: "x mail", Limit: 5}, {Org: c.orgs[0], Text: "mail", Limit: 5}} {
			got, err := c.pages(q, between)
			if err != nil {
				t.Fatal(err)
			}
			times := map[id.Person]int{}
			for _, who := range got {
				times[who]++
			}
			for i, p := range c.people {
				if i%3 > 0 && times[p.ID] != 1 {
					t.Errorf("%+v: %s is on %d pages", q, p.Login, times[p.ID])
				}
			}
		}
	})
}

// Whatever is typed into a search is an answer or a refusal.
func TestSearchTakesAnything(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCrowd(t, r, s, 3)
		for _, text := range []string{
			"\x00", "\xff\xfe", "'; DROP TABLE person; --", "%", "_", "!", `\`, "\U0010ffff", "\u202e", strings.Repeat("あ", 1<<16), strings.Repeat("a ", 1<<16),
		} {
			for _, q := range []org.Query{{Text: text}, {Org: c.orgs[0], Text: text}, {Org: id.Org(text)}, {Org: c.orgs[0], Role: id.Role(text)}, {Org: c.orgs[0], Group: id.Group(text)}} {
				if _, err := r.Search(ctx, q); err != nil {
					t.Errorf("%.20q: %v", text, err)
				}
			}
			_, _, err := r.Organizations(ctx, root, text, "", 0)
			if err == nil {
				_, _, err = r.GroupPage(ctx, c.orgs[0], text, "", 0)
			}
			if err != nil {
				t.Errorf("%.20q: %v", text, err)
			}
			if _, err := r.Search(ctx, org.Query{Cursor: text}); fault.Code(err) != "cursor-malformed" {
				t.Errorf("a cursor %.20q: %v", text, err)
			}
			if _, err := r.Person(ctx, id.Person(text)); fault.Code(err) != "person-unknown" {
				t.Errorf("a person %.20q: %v", text, err)
			}
		}
		for _, cursor := range []string{"W10", "WyIiLCIiLCIiXQ", "WyJcdTAwMDAiLCJcdTAwMDAiLCJcdTAwMDAiXQ"} {
			if _, err := r.Search(ctx, org.Query{Cursor: cursor, Text: "x"}); err != nil && fault.As(err) == nil {
				t.Errorf("%s: %v", cursor, err)
			}
		}
	})
}

// Organizations are paged each once, by those alone who may know of them.
func TestOrganizationsPage(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		for i := range 12 {
			c.organization(org.Organization{Name: fmt.Sprint("n", i), Title: []string{"楓商事", "紅葉", "Ｋａｅｄｅ"}[i%3], Type: org.Customer, Parent: c.kaede.ID})
		}
		second := add(t, s, r, "second")
		c.member(c.kaede, second, org.Administrator)
		for _, try := range []struct {
			name, text string
			by         id.Principal
			want       int
		}{
			{"the machine", "", root, 15},
			{"found by title", "楓", root, 4},
			{"found by width and case", "kaede", root, 5},
			{"nothing", "100%", root, 0},
			{"who sees everything", "", by(c.chika), 15},
			{"who acts below", "", by(second), 14},
			{"an account administrator", "", by(c.aoi), 1},
			{"a member of two", "", by(c.emi), 2},
			{"a member of two, found", "ＭＯＭＩ", by(c.emi), 1},
			{"nobody", "", id.Anonymous, 0},
		} {
			seen, cursor, all := map[id.Org]bool{}, "", 0
			for more := true; more; more = cursor != "" {
				page, next, err := r.Organizations(ctx, try.by, try.text, cursor, 4)
				if err != nil {
					t.Fatalf("%s: %v", try.name, err)
				}
				for _, o := range page {
					seen[o.ID] = true
				}
				cursor, all = next, all+len(page)
			}
			if len(seen) != try.want || all != try.want {
				t.Errorf("%s: %d, %d of them different, want %d", try.name, all, len(seen), try.want)
			}
		}
	})
}
