package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

const recordsPath = "/api/v1/audit/records"

type listed struct {
	Items []console.RecordResource `json:"items"`
	Next  string                   `json:"next"`
}

// newcomer makes a person with roles in an organization.
func newcomer(t testing.TB, h *housetest.Home, login string, in id.Org, roles ...id.Role) id.Person {
	t.Helper()
	r, by := h.Register(), id.Local(0)
	p := org.Person{ID: id.New[id.Person](time.Now()), Login: login, DisplayName: "Name of " + login, State: org.Active, Created: time.Now()}
	err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		added, err := r.AddPerson(tx, by, p)
		if err != nil {
			return store.Abort(err)
		}
		joined, err := r.SetMember(tx, by, org.Member{Org: in, Person: p.ID, Roles: roles})
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(added, joined)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Forget()
	return p.ID
}

func records(t *testing.T, v *housetest.Visitor, query string) []console.RecordResource {
	t.Helper()
	got := v.Get(recordsPath + query)
	var found listed
	if err := json.Unmarshal([]byte(got.Body), &found); err != nil || got.Status != http.StatusOK {
		t.Fatalf("search %q: %d %s", query, got.Status, got.Body)
	}
	return found.Items
}

// newest is the newest record of a name that the visitor sees, once the log has
// its place.
func newest(t *testing.T, v *housetest.Visitor, query string) console.RecordResource {
	t.Helper()
	for range 200 {
		if found := records(t, v, query); len(found) > 0 && found[0].Index >= 0 {
			return found[0]
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no record for %s", query)
	return console.RecordResource{}
}

// Whoever reads the log sees the records of their organization, or of the house
// itself if they may, and of nobody else.
func TestR4WhoseRecordsAreSeen(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		ours := h.As(t, newcomer(t, h, "kansa", k.Org, org.Auditor), k.Org)
		theirs := h.As(t, k.Ume, k.Momiji)
		operator := h.As(t, newcomer(t, h, "unyo", k.Org, org.Operator), k.Org)
		user := h.As(t, k.Aoi, k.Org)
		mine := newest(t, ours, "?name=member.added")
		foreign := newest(t, theirs, "?name=member.added")
		houses := newest(t, operator, "?name=person.added&of=house")
		missing := string(id.New[id.Record](time.Now()))

		t.Run("R4 refusals", func(t *testing.T) {
			for _, one := range []struct {
				who  *housetest.Visitor
				path string
			}{
				{user, recordsPath},
				{user, "/admin/audit"},
				{user, recordsPath + "?of=house"},
				{user, recordsPath + "/" + mine.ID},
				{ours, recordsPath + "?of=house"},
				{ours, "/admin/audit?of=house"},
				{ours, recordsPath + "/" + houses.ID + "?of=house"},
				{ours, "/api/v1/audit/export"},
				{theirs, "/api/v1/audit/export"},
				{theirs, recordsPath + "?of=house"},
				{operator, recordsPath + "?of=organization"},
				{operator, recordsPath + "/" + mine.ID + "?of=organization"},
			} {
				if got := one.who.Get(one.path); got.Status != http.StatusForbidden || strings.Contains(got.Body, "member.added") {
					t.Errorf("%s: %d %.200s", one.path, got.Status, got.Body)
				}
			}
			if got := ours.Get(recordsPath + "?of=everything"); got.Status != http.StatusBadRequest {
				t.Errorf("of=everything: %d", got.Status)
			}
		})
		t.Run("R4 a record of somebody else is not there", func(t *testing.T) {
			for _, one := range []struct {
				name   string
				who    *housetest.Visitor
				record string
				of     string
			}{
				{"of another organization", ours, foreign.ID, ""},
				{"of the house", ours, houses.ID, ""},
				{"of the organization above", theirs, mine.ID, ""},
				{"of an organization, in the house's console", operator, mine.ID, "?of=house"},
				{"of an organization, without saying where", operator, mine.ID, ""},
			} {
				for _, path := range []string{recordsPath + "/%", recordsPath + "/%/proof", "/admin/audit/%", "/admin/audit/%/proof.json"} {
					there := one.who.Get(strings.Replace(path, "%", one.record, 1) + one.of)
					never := one.who.Get(strings.Replace(path, "%", missing, 1) + one.of)
					if there.Status != http.StatusNotFound || never.Status != http.StatusNotFound {
						t.Errorf("%s: %s answers %d, a missing one %d", one.name, path, there.Status, never.Status)
					}
					if len(there.Body) != len(never.Body) {
						t.Errorf("%s: %s answers\n%s\na missing one\n%s", one.name, path, there.Body, never.Body)
					}
				}
			}
		})
		t.Run("R4 searches keep to it", func(t *testing.T) {
			for name, one := range map[string]struct {
				who  *housetest.Visitor
				of   string
				want string
			}{
				"auditor": {ours, "", string(k.Org)}, "administrator below": {theirs, "", string(k.Momiji)},
				"operator": {operator, "", ""}, "operator, said": {operator, "&of=house", ""},
			} {
				for _, query := range []string{"?limit=500", "?limit=500&by=local:0", "?limit=500&text=chika", "?limit=500&target=person:" + string(k.Chika)} {
					found := records(t, one.who, query+one.of)
					if i := slices.IndexFunc(found, func(r console.RecordResource) bool { return r.Org != one.want }); i >= 0 {
						t.Errorf("%s, %s: found %+v, want records of %q alone", name, query, found[i], one.want)
					}
					if len(found) == 0 && query == "?limit=500" {
						t.Errorf("%s: found nothing", name)
					}
				}
			}
		})
		t.Run("CAP-N6 looking is recorded where the reader is", func(t *testing.T) {
			ours.Get("/admin/audit?name=nothing.like.it")
			left := slices.ContainsFunc(records(t, ours, "?"+url.Values{"name": {"audit.searched"}, "text": {"nothing.like.it"}}.Encode()), func(r console.RecordResource) bool {
				return r.Org == string(k.Org) && r.Fields["name"] == "nothing.like.it"
			})
			if !left {
				t.Error("the search left no record")
			}
			if found := records(t, operator, "?name=audit.searched&text=nothing.like.it"); len(found) != 0 {
				t.Errorf("the house's console shows it too: %+v", found)
			}
		})
		t.Run("whole", func(t *testing.T) {
			if got := operator.Get("/api/v1/audit/export"); got.Status != http.StatusOK || !strings.Contains(got.Body, mine.ID) {
				t.Errorf("an operator exports: %d", got.Status)
			}
			if got := ours.Get(recordsPath + "/" + mine.ID + "/proof"); got.Status != http.StatusOK {
				t.Errorf("an auditor proves: %d %s", got.Status, got.Body)
			}
		})
	})
}

// The page says who people are, leads where the reader may go, and switches
// between the organization and the house for who may see both.
func TestTheLogNamesPeople(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		auditor := h.As(t, newcomer(t, h, "kansa", k.Org, org.Auditor), k.Org)
		chika := h.As(t, k.Chika, k.Org)
		leaver := newcomer(t, h, "leaver", k.Org, org.User)
		made := chika.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies", map[string]any{"name": "everybody", "require": []string{"password"}})
		if made.Status >= 300 {
			t.Fatalf("add a policy: %d %s", made.Status, made.Body)
		}
		var policy struct{ ID string }
		if err := json.Unmarshal([]byte(made.Body), &policy); err != nil {
			t.Fatal(err)
		}
		page := chika.Get("/admin/audit").Body
		for _, want := range []string{
			`title="person:` + string(k.Chika) + `"><bdi>山本 千佳</bdi>`, "Name of leaver", `href="/admin/sign-in/` + policy.ID + `"`,
			`href="/admin/audit?of=house"`, `href="/admin/audit?of=organization" aria-current="page"`,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		if house := chika.Get("/admin/audit?of=house").Body; !strings.Contains(house, `name="of" value="house"`) || strings.Contains(house, "everybody") {
			t.Error("the house's log does not keep to it")
		}
		page = auditor.Get("/admin/audit").Body
		if strings.Contains(page, "/admin/sign-in/") || strings.Contains(page, "of=house") || !strings.Contains(page, "山本 千佳") {
			t.Error("an auditor is led where they may not go, or not told who it was")
		}
		if err := h.Register().DeletePerson(ctx, id.Local(0), leaver); err != nil {
			t.Fatal(err)
		}
		page = auditor.Get("/admin/audit?target=person:" + string(leaver)).Body
		if strings.Contains(page, "Name of leaver") || !strings.Contains(page, "somebody deleted") {
			t.Error("who was deleted is still called by their name, or by none")
		}
		record := newest(t, auditor, "?name=member.added&target=person:"+string(leaver))
		if page := auditor.Get("/admin/audit/" + record.ID).Body; !strings.Contains(page, "somebody deleted") || !strings.Contains(page, "person:"+string(leaver)) {
			t.Error("the record's own page does not say so with the id")
		}
	})
}

// The console begins with what the reader may open.
func TestTheConsoleBeginsWithWhatIsTheirs(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	for _, one := range []struct {
		name string
		who  *housetest.Visitor
		want int
		not  []string
	}{
		{"user", h.As(t, k.Aoi, k.Org), http.StatusForbidden, nil},
		{"nobody", h.Nobody(t), http.StatusUnauthorized, nil},
		{"administrator and operator", h.As(t, k.Chika, k.Org), http.StatusSeeOther, nil},
		{"administrator of a customer", h.As(t, k.Ume, k.Momiji), http.StatusSeeOther, []string{console.StatePath, "/admin/notices"}},
		{"auditor", h.As(t, newcomer(t, h, "kansa", k.Org, org.Auditor), k.Org), http.StatusSeeOther, []string{console.StatePath, "/admin/notices"}},
		{"operator", h.As(t, newcomer(t, h, "unyo", k.Org, org.Operator), k.Org), http.StatusSeeOther, nil},
	} {
		got := one.who.Get(console.HomePath)
		if got.Status != one.want {
			t.Errorf("%s: %d, want %d", one.name, got.Status, one.want)
			continue
		}
		home := one.who.Get("/").Body
		if offered := strings.Contains(home, `href="/admin"`); offered != (one.want == http.StatusSeeOther) {
			t.Errorf("%s: the top bar offers the console: %v", one.name, offered)
		}
		if one.want != http.StatusSeeOther {
			continue
		}
		first := one.who.Get(got.Header.Get("Location"))
		if first.Status != http.StatusOK {
			t.Errorf("%s is led to %s, which answers %d", one.name, got.Header.Get("Location"), first.Status)
		}
		for _, path := range one.not {
			if strings.Contains(first.Body, `href="`+path+`"`) || one.who.Get(path).Status != http.StatusForbidden {
				t.Errorf("%s is offered %s", one.name, path)
			}
		}
	}
}
