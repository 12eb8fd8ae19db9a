package org_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// The size of a large house, and of its largest organization.
const (
	manyOrgs   = 1_000
	manyPeople = 100_000
	atATime    = 2_000 // people in one write: PostgreSQL's are cut off at 30 s
)

// large is a house of a thousand organizations and a hundred thousand people,
// each a member of the largest and of one of the small ones. One in ten is
// called 佐藤 (sato).
type large struct {
	r           *org.Register
	s           *store.Store
	big, small  id.Org
	provider    id.Org
	people      []id.Person
	chief, user id.Person // an administrator of the provider, a member of two
}

var families = [...][3]string{
	{"佐藤", "サトウ", "sato"},
	{"鈴木", "スズキ", "suzuki"},
	{"高橋", "タカハシ", "takahashi"},
	{"田中", "タナカ", "tanaka"},
	{"伊藤", "イトウ", "ito"},
	{"渡辺", "ワタナベ", "watanabe"},
	{"山本", "ヤマモト", "yamamoto"},
	{"中村", "ナカムラ", "nakamura"},
	{"小林", "コバヤシ", "kobayashi"},
	{"加藤", "カトウ", "kato"},
}

var givens = [...][3]string{
	{"葵", "アオイ", "aoi"},
	{"牡丹", "ボタン", "botan"},
	{"千佳", "チカ", "chika"},
	{"大地", "ダイチ", "daichi"},
	{"花子", "ハナコ", "hanako"},
	{"太郎", "タロウ", "taro"},
	{"美咲", "ミサキ", "misaki"},
	{"翔", "ショウ", "sho"},
	{"健一", "ケンイチ", "kenichi"},
	{"由美", "ユミ", "yumi"},
	{"学", "マナブ", "manabu"},
}

func manyth(i int) org.Person {
	family, given := families[i%len(families)], givens[i/len(families)%len(givens)]
	login := fmt.Sprintf("%s.%s%05d", family[2], given[2], i)
	return org.Person{
		ID: id.New[id.Person](housetest.Epoch.Add(time.Duration(i) * time.Millisecond)), Login: login,
		Email: fmt.Sprintf("%s@mail%d.example", login, i%manyOrgs), FamilyName: family[0], GivenName: given[0], DisplayName: family[0] + " " + given[0],
		Reading: family[1] + " " + given[1], State: org.Active, Created: housetest.Epoch,
	}
}

// bulk inserts rows, many in one statement.
func bulk(tx *store.Tx, into string, columns int, rows [][]any) error {
	for chunk := range slices.Chunk(rows, 2000/columns) {
		var text strings.Builder
		var args []any
		for i, row := range chunk {
			if i > 0 {
				text.WriteString(", ")
			}
			text.WriteString("(")
			for j, value := range row {
				if j > 0 {
					text.WriteString(", ")
				}
				args = append(args, value)
				fmt.Fprintf(&text, "$%d", len(args))
			}
			text.WriteString(")")
		}
		if _, err := tx.Exec("INSERT INTO "+into+" VALUES "+text.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

func (l *large) write(tb testing.TB, f func(tx *store.Tx) error) {
	tb.Helper()
	err := l.s.House().Within(10*time.Minute).Write(context.Background(), func(tx *store.Tx) store.End {
		if err := f(tx); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "organization.added", By: root})
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// fill makes the house by inserting rows as the package would.
func (l *large) fill(tb testing.TB) {
	var orgs []id.Org
	l.write(tb, func(tx *store.Tx) error {
		orgs = nil
		var rows [][]any
		for i := range manyOrgs {
			one := id.New[id.Org](housetest.Epoch)
			kind, parent, name := "customer", string(l.provider), fmt.Sprintf("customer-%04d", i)
			if i == 0 {
				l.provider, kind, name = one, "provider", "kaede"
			}
			orgs = append(orgs, one)
			rows = append(rows, []any{string(one), name, fmt.Sprintf("株式会社 %s %04d", families[i%10][0], i), name, kind, parent, "active", `["administrator"]`, int64(1), int64(1)})
		}
		return bulk(tx, "org (id, name, title, fold, type, parent, state, parent_roles, created, version)", 10, rows)
	})
	l.big, l.small = orgs[1], orgs[7]
	for from := 0; from < manyPeople; from += atATime {
		l.write(tb, func(tx *store.Tx) error {
			l.people = l.people[:from]
			var people, members, roles, grams [][]any
			for i := from; i < from+atATime; i++ {
				p := manyth(i)
				who := string(p.ID)
				l.people = append(l.people, p.ID)
				people = append(people, []any{who, p.Login, p.Login, p.Email, p.Email, 1, p.DisplayName, p.FamilyName, p.GivenName, p.Reading, "ja", "", "active", p.Sort(), int64(1), int64(1)})
				for _, gram := range p.Grams() {
					grams = append(grams, []any{"", gram, who})
				}
				for _, in := range []id.Org{orgs[1], orgs[2+i%(manyOrgs-2)]} {
					members = append(members, []any{string(in), who, "", "active", p.Sort(), int64(1), int64(1)})
					roles = append(roles, []any{string(in), who, "user"})
				}
			}
			slices.SortFunc(grams, func(a, b []any) int { return strings.Compare(a[1].(string)+a[2].(string), b[1].(string)+b[2].(string)) })
			for _, one := range []struct {
				into    string
				columns int
				rows    [][]any
			}{
				{"person (id, login, login_fold, email, email_fold, verified, display_name, family_name, given_name, reading, locale, time_zone, state, sort, created, version)", 16, people},
				{"member (org, person, manager, state, sort, since, version)", 7, members},
				{"member_role (org, person, role)", 3, roles},
				{"person_gram (org, gram, person)", 3, grams},
			} {
				if err := bulk(tx, one.into, one.columns, one.rows); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for some := range slices.Chunk(l.people, atATime) {
		l.write(tb, func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO person_gram (org, gram, person)
				SELECT m.org, g.gram, g.person FROM person_gram g JOIN member m ON m.person = g.person
				WHERE g.org = '' AND g.person >= $1 AND g.person <= $2 ORDER BY m.org, g.gram, g.person`, string(some[0]), string(some[len(some)-1]))
			return err
		})
	}
	l.chief, l.user = l.people[3], l.people[4]
	if err := l.r.PutMember(context.Background(), root, org.Member{Org: l.provider, Person: l.chief, Roles: []id.Role{org.Administrator, org.Operator}}); err != nil {
		tb.Fatal(err)
	}
}

// eachLarge runs f on a large house of either engine.
func eachLarge(b *testing.B, f func(b *testing.B, l *large)) {
	for _, engine := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", housetest.SQLite}, {"postgres", housetest.Postgres}} {
		b.Run(engine.name, func(b *testing.B) {
			housetest.Long(b)
			s := housetest.Open(b, engine.url(b), clock.System(), org.Schema)
			l := &large{r: org.New(org.Options{Store: s, Clock: clock.System(), Permissions: everyPermission()}), s: s}
			l.fill(b)
			f(b, l)
		})
	}
}

// quantiles runs one thing again and again and reports how long it took.
func quantiles(b *testing.B, name string, f func(i int) error) {
	b.Run(name, func(b *testing.B) {
		c := clock.System()
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			from := c.Mono()
			if err := f(i); err != nil {
				b.Fatal(err)
			}
			took = append(took, c.Mono()-from)
		}
		slices.Sort(took)
		for _, q := range []struct {
			part float64
			unit string
		}{{0.5, "p50-ms"}, {0.99, "p99-ms"}} {
			at := took[min(len(took)-1, int(float64(len(took))*q.part))]
			b.ReportMetric(float64(at.Microseconds())/1000, q.unit)
		}
	})
}

// BenchmarkLarge is a house of 1,000 organizations and 100,000 people.
//
//	go test ./internal/org -run '^$' -bench Large -benchtime 200x -timeout 60m
func BenchmarkLarge(b *testing.B) {
	eachLarge(b, func(b *testing.B, l *large) {
		b.Run("search", func(b *testing.B) { benchmarkSearch(b, l) })
		b.Run("read", func(b *testing.B) { benchmarkRead(b, l) })
		b.Run("write", func(b *testing.B) { benchmarkWrite(b, l) })
	})
}

func benchmarkSearch(b *testing.B, l *large) {
	for _, where := range []struct {
		name string
		org  id.Org
	}{{"house", ""}, {"big", l.big}, {"small", l.small}} {
		for _, what := range []struct{ name, text string }{
			{"list", ""},
			{"common-ja", "佐藤"},
			{"common-kana", "さとう"},
			{"common-latin", "sato"},
			{"one-letter", "s"},
			{"one-kanji", "藤"},
			{"none", "zzz"},
			{"two", "佐藤 花子"},
			{"two-none", "佐藤 鈴木"},
			{"two-latin-none", "sato suzuki"},
			{"three-common", "sato aoi mail"},
			{"login", "sato.aoi00000"},
		} {
			q := org.Query{Org: where.org, Text: what.text}
			quantiles(b, where.name+"/"+what.name, func(int) error {
				_, err := l.r.Search(ctx, q)
				return err
			})
		}
		deep := org.Query{Org: where.org, Text: "佐藤", Limit: 200}
		list := org.Query{Org: where.org, Limit: 200}
		for _, q := range []*org.Query{&deep, &list} {
			for range 30 {
				if found, err := l.r.Search(ctx, *q); err != nil {
					b.Fatal(err)
				} else if found.Next != "" {
					q.Cursor = found.Next
				}
			}
			q.Limit = 0
		}
		quantiles(b, where.name+"/deep-ja", func(int) error { _, err := l.r.Search(ctx, deep); return err })
		quantiles(b, where.name+"/deep-list", func(int) error { _, err := l.r.Search(ctx, list); return err })
	}
	quantiles(b, "big/role", func(int) error {
		_, err := l.r.Search(ctx, org.Query{Org: l.big, Role: org.User})
		return err
	})
}

func benchmarkRead(b *testing.B, l *large) {
	for _, who := range []struct {
		name string
		by   id.Principal
	}{{"root", root}, {"chief", id.OfPerson(l.chief)}, {"user", id.OfPerson(l.user)}} {
		quantiles(b, "organizations/"+who.name, func(int) error { _, _, err := l.r.Organizations(ctx, who.by, "", "", 0); return err })
		quantiles(b, "organizations-found/"+who.name, func(int) error { _, _, err := l.r.Organizations(ctx, who.by, "佐藤 07", "", 0); return err })
	}
	for _, who := range []struct {
		name string
		id   id.Person
	}{{"chief", l.chief}, {"user", l.user}} {
		quantiles(b, "grants-uncached/"+who.name, func(int) error { l.r.Forget(); _, err := l.r.Grants(ctx, who.id); return err })
		quantiles(b, "grants-cached/"+who.name, func(int) error { _, err := l.r.Grants(ctx, who.id); return err })
	}
	quantiles(b, "standing", func(i int) error {
		return l.s.House().Read(ctx, func(v *store.View) error {
			_, err := l.r.StandingOf(v, l.people[i%manyPeople], l.big)
			return err
		})
	})
	quantiles(b, "memberships-200", func(i int) error { _, err := l.r.Memberships(ctx, l.big, l.people[i:i+200]); return err })
	quantiles(b, "names-200", func(i int) error { _, err := l.r.Names(ctx, l.people[i:i+200]); return err })
}

func benchmarkWrite(b *testing.B, l *large) {
	for _, who := range []struct {
		name string
		by   id.Principal
	}{{"root", root}, {"chief", id.OfPerson(l.chief)}} {
		quantiles(b, "put-organization/"+who.name, func(i int) error {
			_, err := l.r.PutOrganization(ctx, who.by, org.Organization{Name: fmt.Sprintf("n%d-%s", i, strings.ToLower(string(id.New[id.Org](housetest.Epoch))[10:])), Type: org.Customer, Parent: l.provider})
			return err
		})
		quantiles(b, "put-member/"+who.name, func(i int) error {
			m, err := l.r.Member(ctx, l.big, l.people[1000+i])
			if err != nil {
				return err
			}
			m.Roles = []id.Role{org.User, org.Auditor}
			return l.r.PutMember(ctx, who.by, m)
		})
	}
	quantiles(b, "add-person-and-member", func(i int) error {
		p := manyth(manyPeople + i)
		p.Login = strings.ToLower(string(p.ID))
		return l.s.House().Write(ctx, func(tx *store.Tx) store.End {
			one, err := l.r.AddPerson(tx, root, p)
			if err != nil {
				return store.Abort(err)
			}
			two, err := l.r.SetMember(tx, root, org.Member{Org: l.big, Person: p.ID, Roles: []id.Role{org.User}})
			if err != nil {
				return store.Abort(err)
			}
			return store.Done(one, two)
		})
	})
	quantiles(b, "change-person", func(i int) error {
		p, err := l.r.Person(ctx, l.people[2000+i])
		if err != nil {
			return err
		}
		p.GivenName, p.DisplayName = "梓", ""
		_, err = l.r.ChangePerson(ctx, root, p)
		return err
	})
	quantiles(b, "delete-person", func(i int) error { return l.r.DeletePerson(ctx, root, l.people[90_000+i]) })
}
