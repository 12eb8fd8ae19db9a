package hub_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// The size of a large house. Everybody is a member of the largest organization
// and of one of the others; a few thousand are signed in.
const (
	manyOrgs, manyPeople, manySessions = 1_000, 100_000, 4_000
)

// bulk inserts rows, many in one statement.
func bulk(b *testing.B, h *housetest.Home, into string, all [][]any) {
	b.Helper()
	for some := range slices.Chunk(all, 20_000) {
		err := h.Store().House().Within(5*time.Minute).Write(ctx, func(tx *store.Tx) store.End {
			for chunk := range slices.Chunk(some, 2000/len(some[0])) {
				var text strings.Builder
				var args []any
				for i, row := range chunk {
					text.WriteString(map[bool]string{true: "(", false: ", ("}[i == 0])
					for j := range row {
						fmt.Fprintf(&text, "%s$%d", map[bool]string{true: "", false: ", "}[j == 0], len(args)+j+1)
					}
					text.WriteString(")")
					args = append(args, row...)
				}
				if _, err := tx.Exec("INSERT INTO "+into+" VALUES "+text.String(), args...); err != nil {
					return store.Abort(err)
				}
			}
			return store.Done(store.Event{Name: "test.written", By: id.Local(0)})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// crowd fills the house and returns the cookies of who is signed in; the first
// is an administrator of the provider, above all other organizations.
func crowd(b *testing.B, h *housetest.Home) (cookies []*http.Cookie) {
	now := time.Now()
	var orgs, people, members, roles, sessions [][]any
	for i := range manyOrgs {
		kind, parent := "customer", ""
		if i == 0 {
			kind = "provider"
		} else {
			parent = orgs[0][0].(string)
		}
		title := fmt.Sprintf("Customer %04d", i)
		orgs = append(orgs, []any{string(id.New[id.Org](now)), fmt.Sprintf("org-%04d", i), title, title, kind, parent, "active", `["administrator"]`, int64(1), int64(1)})
	}
	for i := range manyPeople {
		who, name := string(id.New[id.Person](now)), fmt.Sprintf("Person %06d", i)
		login := fmt.Sprintf("p%06d", i)
		people = append(people, []any{who, login, login, login + "@example.com", login + "@example.com", int64(1), name, "", "", "", "", "", "active", name, int64(1), int64(1)})
		manager := people[i/10][0].(string)
		if i == 0 {
			manager = ""
		}
		for at, in := range []any{orgs[1][0], orgs[2+i%(manyOrgs-2)][0]} {
			members = append(members, []any{in, who, map[int]string{0: manager, 1: ""}[at], "active", name, int64(1), int64(1)})
			roles = append(roles, []any{in, who, "user"})
		}
		if i == 0 {
			members = append(members, []any{orgs[0][0], who, "", "active", name, int64(1), int64(1)})
			roles = append(roles, []any{orgs[0][0], who, "administrator"})
		}
		if i%(manyPeople/manySessions) == 0 {
			cookie := secret.Random(32)
			hash := sha256.Sum256(cookie.RevealBytes())
			cookies = append(cookies, &http.Cookie{Name: "sekisho", Value: cookie.Reveal()})
			sessions = append(sessions, []any{
				who, id.New[string](now), hex.EncodeToString(hash[:]), orgs[1][0], `[{"method":"passkey"}]`, store.Micros(now), store.Micros(now), store.Micros(now),
				int64(12 * time.Hour), store.Micros(now.Add(24 * time.Hour)), "Firefox", "127.0.0.1", "",
			})
		}
	}
	bulk(b, h, "org (id, name, title, fold, type, parent, state, parent_roles, created, version)", orgs)
	bulk(b, h, "person (id, login, login_fold, email, email_fold, verified, display_name, family_name, given_name, reading, locale, time_zone, state, sort, created, version)", people)
	bulk(b, h, "member (org, person, manager, state, sort, since, version)", members)
	bulk(b, h, "member_role (org, person, role)", roles)
	bulk(b, h, "session (person, id, hash, org, methods, begun, strong, seen, idle, ends, browser, source, device)", sessions)
	return cookies
}

// settled waits until PostgreSQL has looked at what the tables hold now, which
// it does by itself within a minute or two of a bulk load; plans are made of
// that.
func settled(b *testing.B, h *housetest.Home) {
	b.Helper()
	for range 300 {
		var analyzed int64
		err := h.Store().House().Read(ctx, func(v *store.View) error {
			return v.Row(`SELECT COUNT(*) FROM pg_stat_user_tables WHERE relname IN ('person', 'member', 'member_role', 'session', 'org')
				AND last_autoanalyze IS NOT NULL`).Scan(&analyzed)
		})
		if err != nil {
			b.Fatal(err)
		}
		if analyzed == 5 {
			return
		}
		time.Sleep(time.Second)
	}
	b.Fatal("the tables were never analyzed")
}

// BenchmarkPage measures the hub in a house of 1,000 organizations and 100,000
// people: for many, whose sessions and permissions are read anew for each page,
// for one, who comes back at once, and for the administrator above 999
// organizations, read anew every two seconds.
func BenchmarkPage(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := map[string]func(testing.TB) string{"sqlite": housetest.SQLite, "postgres": housetest.Postgres}[engine](b)
			h := housetest.House(b, housetest.On(url))
			cookies := crowd(b, h)
			if engine == "postgres" {
				settled(b, h)
			}
			for _, one := range []struct {
				name string
				pick func(n int) *http.Cookie
			}{
				{"floor", nil},
				{"many", func(n int) *http.Cookie { return cookies[1+n*7%(len(cookies)-1)] }},
				{"one", func(int) *http.Cookie { return cookies[len(cookies)/2] }},
				{"above", func(int) *http.Cookie { return cookies[0] }},
			} {
				b.Run(one.name, func(b *testing.B) {
					var times []time.Duration
					n := 0
					for b.Loop() {
						begun := time.Now()
						var who []*http.Cookie
						path := "/healthz" // what the machine needs for nothing
						if one.pick != nil {
							who, path = []*http.Cookie{one.pick(n)}, "/"
						}
						if status, _ := knock(b, h, who, path); status != http.StatusOK {
							b.Fatalf("the page answers %d", status)
						}
						times = append(times, time.Since(begun))
						n++
					}
					slices.Sort(times)
					b.ReportMetric(float64(times[len(times)/2])/1e6, "p50-ms")
					b.ReportMetric(float64(times[len(times)*99/100])/1e6, "p99-ms")
				})
			}
		})
	}
}

// spelled writes what people are found by, as the register does: each word of a
// name, the login and the address, in the house and in each organization.
func spelled(b *testing.B, h *housetest.Home) {
	b.Helper()
	for _, gram := range []string{"'person'", "SUBSTR(p.display_name, 8)", "p.login_fold", "p.email_fold"} {
		for _, in := range []string{"SELECT '', " + gram + ", p.id FROM person p", "SELECT m.org, " + gram + ", p.id FROM person p JOIN member m ON m.person = p.id"} {
			err := h.Store().House().Within(5*time.Minute).Write(ctx, func(tx *store.Tx) store.End {
				if _, err := tx.Exec("INSERT INTO person_gram (org, gram, person) " + in); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "test.written", By: id.Local(0)})
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkSearch measures search everywhere in the same house for an
// administrator of 100,000 people.
func BenchmarkSearch(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := map[string]func(testing.TB) string{"sqlite": housetest.SQLite, "postgres": housetest.Postgres}[engine](b)
			h := housetest.House(b, housetest.On(url))
			cookies := crowd(b, h)
			spelled(b, h)
			if engine == "postgres" {
				settled(b, h)
			}
			for _, text := range []string{"p", "person", "p0512", "p051234@example.com", "person 051234", "nobody"} {
				b.Run(strings.ReplaceAll(text, " ", "+"), func(b *testing.B) {
					var times []time.Duration
					for b.Loop() {
						begun := time.Now()
						if status, _ := knock(b, h, cookies[:1], "/search?q="+strings.ReplaceAll(text, " ", "+")); status != http.StatusOK {
							b.Fatalf("the page answers %d", status)
						}
						times = append(times, time.Since(begun))
					}
					slices.Sort(times)
					b.ReportMetric(float64(times[len(times)/2])/1e6, "p50-ms")
					b.ReportMetric(float64(times[len(times)*99/100])/1e6, "p99-ms")
				})
			}
		})
	}
}
