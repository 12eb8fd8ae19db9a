package hub_test

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

var ctx = context.Background()

func book(t testing.TB) *words.Book {
	t.Helper()
	b, err := words.Load(hub.Words)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rows writes what other rooms would, as they would.
func rows(t testing.TB, h *housetest.Home, statements ...[]any) {
	t.Helper()
	err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		for _, s := range statements {
			if _, err := tx.Exec(s[0].(string), s[1:]...); err != nil {
				return store.Abort(err)
			}
		}
		return store.Done(store.Event{Name: "test.written", By: id.Local(0)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func passkey(who id.Person) []any {
	return []any{
		`INSERT INTO passkey (person, id, credential, public_key, algorithm, aaguid, transports, attested, format, counter, eligible, backed_up, name, created, used)
		VALUES ($1, $2, $2, $3, -7, '', '[]', 0, 'none', 0, 1, 1, 'Phone', 1, 0)`, string(who), id.New[string](time.Now()), []byte("key"),
	}
}

func factor(who id.Person, kind string, mustChange int) []any {
	return []any{
		"INSERT INTO factor (person, id, kind, sealed, step, must_change, created, used) VALUES ($1, $2, $3, $4, 0, $5, 1, 0)",
		string(who), id.New[string](time.Now()), kind, []byte("sealed"), mustChange,
	}
}

func code(who id.Person, hash string, used int) []any {
	return []any{"INSERT INTO recovery_code (person, hash, created, used) VALUES ($1, $2, 1, $3)", string(who), hash, used}
}

func TestWhoIsNotSignedIn(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		b := book(t)
		empty := html.UnescapeString(h.Nobody(t).Get("/").Body)
		for _, lang := range words.Langs {
			if !strings.Contains(empty, b.Raw(lang, "hub.empty.text")) {
				t.Errorf("an empty house does not say in %s where its link is", lang)
			}
		}
		h.People(t)
		got := h.Nobody(t).Get("/")
		page := html.UnescapeString(got.Body)
		if strings.Contains(page, b.Raw(words.English, "hub.empty.text")) || !strings.Contains(page, b.Raw(words.English, "hub.door.lead")) {
			t.Error("a house with people greets as an empty one")
		}
		built := h.Nobody(t).Get("/signin").Status == http.StatusOK
		if strings.Contains(page, `href="/signin"`) != built {
			t.Errorf("the way in is offered: %v, and is there: %v", !built, built)
		}
		for _, secret := range []string{"Kaede", "chika", "千佳"} {
			if strings.Contains(page, secret) {
				t.Errorf("a stranger is told %q", secret)
			}
		}
	})
}

func TestWhatNeedsAttention(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		b, k := book(t), h.People(t)
		keys := []string{"policy", "password", "nothing", "factor", "no-codes", "codes", "mail", "invitation", "unknown"}
		visitors := map[id.Person]*housetest.Visitor{} // the gate opens no session where the password must change
		for _, who := range []id.Person{k.Aoi, k.Botan, k.Daichi} {
			visitors[who] = h.As(t, who, k.Org)
		}
		needs := func(who id.Person) (found []string) {
			page := html.UnescapeString(visitors[who].Get("/").Body)
			for _, key := range keys {
				said, _, _ := strings.Cut(b.Raw(words.English, "hub.need."+key), "{")
				if strings.Contains(page, said) {
					found = append(found, key)
				}
			}
			return found
		}
		want := func(what string, who id.Person, list ...string) {
			t.Helper()
			if got := needs(who); strings.Join(got, " ") != strings.Join(list, " ") {
				t.Errorf("%s: %v, want %v", what, got, list)
			}
		}
		want("nothing to sign in with", k.Aoi, "nothing")
		rows(t, h, factor(k.Aoi, "password", 0))
		want("a password alone", k.Aoi, "factor")
		rows(t, h, factor(k.Aoi, "totp", 0))
		want("a second factor, no codes", k.Aoi, "no-codes")
		rows(t, h, code(k.Aoi, "a", 0), code(k.Aoi, "b", 0), code(k.Aoi, "c", 0), code(k.Aoi, "d", 0), code(k.Aoi, "e", 1))
		want("codes enough", k.Aoi)
		if page := h.As(t, k.Aoi, k.Org).Get("/").Body; !strings.Contains(page, b.Raw(words.English, "hub.needs.none")) {
			t.Error("nothing waits, and the page does not say so")
		}
		rows(t, h, []any{"UPDATE recovery_code SET used = 1 WHERE person = $1 AND hash = 'a'", string(k.Aoi)})
		want("three codes left", k.Aoi, "codes")
		rows(t, h, factor(k.Botan, "password", 1), passkey(k.Botan))
		want("the password must change", k.Botan, "password")
		rows(t, h, []any{"UPDATE person SET verified = 0 WHERE id = $1", string(k.Botan)})
		want("an address that nobody confirmed", k.Botan, "password", "mail")
		rows(t, h, passkey(k.Daichi), []any{
			"INSERT INTO invitation (org, person, by_, message, made, ends, accepted) VALUES ($1, $2, '', '', 1, $3, 0)",
			string(k.Momiji), string(k.Daichi), store.Micros(time.Now().Add(time.Hour)),
		})
		want("an invitation waits", k.Daichi, "invitation")
		rows(t, h, []any{"UPDATE invitation SET ends = 2 WHERE person = $1", string(k.Daichi)})
		want("an invitation that is over", k.Daichi)
		made := h.As(t, k.Chika, k.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies", map[string]any{"name": "strict", "require": []string{"passkey"}})
		if made.Status >= 300 {
			t.Fatalf("add a policy: %d %s", made.Status, made.Body)
		}
		want("CAP-A5 the organization asks for more", k.Aoi, "policy", "codes")
		want("CAP-A5 a passkey is enough", k.Daichi)
	})
}

func TestWhereIBelong(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		if err := h.Register().PutMember(ctx, id.Local(0), org.Member{Org: k.Momiji, Person: k.Aoi, Roles: []id.Role{org.Auditor}, Manager: k.Ume}); err != nil {
			t.Fatal(err)
		}
		aoi := h.As(t, k.Aoi, k.Org)
		page := aoi.Get("/").Body
		for _, want := range []string{"Kaede Trading", "Momiji Design", "佐藤 牡丹", "小林 梅", "Auditor", "You act here", `name="org" value="` + string(k.Momiji) + `"`, "Only in this browser."} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(page, `name="org" value="`+string(k.Org)+`"`) {
			t.Error("one can switch to where one is")
		}
		got := aoi.Post("/organization", url.Values{"org": {string(k.Momiji)}, "back": {"/"}})
		if got.Status != http.StatusSeeOther || got.Header.Get("Location") != "/" {
			t.Fatalf("switching answered %d to %q", got.Status, got.Header.Get("Location"))
		}
		if page = aoi.Get("/").Body; strings.Index(page, "Momiji Design") > strings.Index(page, `name="org" value="`+string(k.Org)+`"`) {
			t.Error("where one acts does not come first")
		}
		h.As(t, k.Aoi, k.Org)
		if page = aoi.Get("/").Body; !strings.Contains(page, "In 2 browsers.") {
			t.Error("the second session is not counted")
		}
		if page = h.As(t, k.Chika, k.Org).Get("/").Body; !strings.Contains(page, "Organizations below yours that you may act in: 1") {
			t.Error("an administrator of a provider is not told of what is below")
		}
		if err := h.Register().DropMember(ctx, id.Local(0), k.Org, k.Daichi); err != nil {
			t.Fatal(err)
		}
		if page = h.As(t, k.Daichi, "").Get("/").Body; !strings.Contains(page, "You belong to no organization") {
			t.Error("who belongs nowhere is not told what to do")
		}
	})
}

// knock asks for a page without a network, and says how many statements it took.
func knock(t testing.TB, h *housetest.Home, cookies []*http.Cookie, path string) (status, statements int) {
	counting, n := store.Counting(ctx)
	r := httptest.NewRequestWithContext(counting, http.MethodGet, path, nil)
	r.Host = strings.TrimPrefix(h.URL(), "http://")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w.Code, int(n.Load())
}

// MostStatements is what a page of the hub costs beside the session, which is
// in memory.
const mostStatements = 10

func TestThePageCostsAFixedNumberOfStatements(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		g, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "sales", Title: "Sales", Members: []id.Person{k.Aoi}})
		if err != nil {
			t.Fatal(err)
		}
		v := h.As(t, k.Aoi, k.Org)
		cost := func() int {
			least := 1 << 20 // the session is read again now and then
			for range 4 {
				status, n := knock(t, h, v.Cookies(), "/")
				if status != http.StatusOK || n == 0 {
					t.Fatalf("the page answers %d after %d statements", status, n)
				}
				least = min(least, n)
			}
			return least
		}
		alone := cost()
		for i := range 30 {
			o, err := h.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: "customer-" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Type: org.Customer, Parent: k.Org})
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Register().PutMember(ctx, id.Local(0), org.Member{Org: o.ID, Person: k.Ume, Roles: []id.Role{org.User}}); err != nil {
				t.Fatal(err)
			}
			if err := h.Register().PutMember(ctx, id.Local(0), org.Member{Org: o.ID, Person: k.Aoi, Roles: []id.Role{org.User}, Manager: k.Ume}); err != nil {
				t.Fatal(err)
			}
		}
		if many := cost(); many != alone || many > mostStatements {
			t.Errorf("%d statements with one organization, %d with thirty-one, want the same and at most %d", alone, many, mostStatements)
		}
		made := h.As(t, k.Chika, k.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies", map[string]any{"name": "strict", "require": []string{"passkey"}, "groups": []string{string(g.ID)}})
		if made.Status >= 300 {
			t.Fatalf("add a policy: %d %s", made.Status, made.Body)
		}
		if grouped := cost(); grouped > mostStatements {
			t.Errorf("%d statements where a policy asks for groups, want at most %d", grouped, mostStatements)
		}
		t.Logf("%d statements", alone)
	})
}
