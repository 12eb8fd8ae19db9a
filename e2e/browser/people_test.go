package browser_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// asChika gives the window a session of the administrator of Kaede.
func (b *tab) asChika() *tab {
	b.t.Helper()
	k := b.home.People(b.t)
	for _, c := range b.home.As(b.t, k.Chika, k.Org).Cookies() {
		b.cookie(c.Name, c.Value)
	}
	return b
}

// folk are the pages of a house with people, as their administrator sees them.
func folk(t *testing.T, home *housetest.Home) []place {
	t.Helper()
	k := home.People(t)
	r, by := home.Register(), id.Local(0)
	group, err := r.PutGroup(t.Context(), by, org.Group{Org: k.Org, Name: "sales", Title: "営業部", Members: []id.Person{k.Aoi, k.Botan}})
	if err != nil {
		t.Fatal(err)
	}
	role, err := r.PutRole(t.Context(), by, org.Role{Org: k.Org, Name: "desk", Title: longName, Permissions: []string{org.PeopleRead, org.GroupWrite}, Includes: []id.Role{org.User}})
	if err != nil {
		t.Fatal(err)
	}
	aoi, in := "/admin/people/"+string(k.Aoi), "/admin/groups/"+string(group.ID)
	return []place{
		{"people", "/admin/people", true, 200},
		{"people-none", "/admin/people?q=nobody", true, 200},
		{"people-new", "/admin/people/new", true, 200},
		{"people-invite", "/admin/people/invite", true, 200},
		{"person", aoi, true, 200},
		{"person-profile", aoi + "/profile", true, 200},
		{"person-roles", aoi + "/roles", true, 200},
		{"person-state", aoi + "/state", true, 200},
		{"person-remove", aoi + "/remove", true, 200},
		{"person-delete", aoi + "/delete", true, 200},
		{"person-elsewhere", "/admin/people/" + string(k.Ume), true, 404},
		{"groups", "/admin/groups", true, 200},
		{"group", in, true, 200},
		{"group-edit", in + "/edit", true, 200},
		{"group-delete", in + "/delete", true, 200},
		{"roles", "/admin/roles", true, 200},
		{"role", "/admin/roles/accounts-administrator", true, 200},
		{"role-edit", "/admin/roles/" + string(role.ID) + "/edit", true, 200},
		{"organization", "/admin/organization", true, 200},
		{"organization-edit", "/admin/organizations/" + string(k.Org) + "/edit", true, 200},
		{"organization-delete", "/admin/organizations/" + string(k.Org) + "/delete", true, 200},
		{"organization-below", "/admin/organizations/" + string(k.Momiji), true, 200},
		{"organizations", "/admin/organizations", true, 200},
		{"organization-new", "/admin/organizations/new", true, 200},
		{"settings", "/settings", true, 200},
		{"settings-profile", "/settings/profile", true, 200},
	}
}

// lengthen gives somebody a name of eighty characters.
func lengthen(t *testing.T, home *housetest.Home, who id.Person) {
	t.Helper()
	p, err := home.Register().Person(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	p.DisplayName, p.FamilyName, p.GivenName = longName, longName[:40], longName[40:]
	if _, err := home.Register().ChangePerson(t.Context(), id.Local(0), p); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPageOfPeople(t *testing.T) {
	home := housetest.House(t)
	for some := range slices.Chunk(folk(t, home), 9) { // a window lives for less than a minute
		chika := open(t, home).asChika()
		for _, p := range some {
			chika.law(p)
		}
	}
	chika := open(t, home).asChika()
	lengthen(t, home, home.People(t).Aoi)
	aoi := "/admin/people/" + string(home.People(t).Aoi)
	chika.law(place{"people-long", "/admin/people", true, 200})
	chika.law(place{"person-long", aoi, true, 200})
	chika.law(place{"person-delete-long", aoi + "/delete", true, 200})
}

// Searching as one types shows who fits, and the address says what was typed.
func TestSearchAsOneTypes(t *testing.T) {
	home := housetest.House(t)
	chika := open(t, home).asChika()
	chika.visit("/admin/people")
	chika.do(typed("q", "たかはし"))
	if !chika.sees("高橋", 3*time.Second) || !chika.gone("佐藤", 3*time.Second) {
		t.Errorf("typed a reading: %s", chika.text("#people"))
	}
	follows := `new Promise(done => {
		const end = performance.now() + 3000;
		const look = () => location.search !== "" ? done(true) : performance.now() > end ? done(false) : setTimeout(look, 15);
		look();
	})`
	if !evaluate[bool](chika, follows) {
		t.Errorf("the address did not follow: %s", chika.path())
	}
	chika.quiet("search")
}

// gone waits until the page does not show the text any more.
func (b *tab) gone(text string, within time.Duration) bool {
	b.t.Helper()
	return evaluate[bool](b, `new Promise(done => {
		const end = performance.now() + `+millis(within)+`;
		const look = () => !document.body.innerText.includes(`+quote(text)+`) ? done(true) : performance.now() > end ? done(false) : setTimeout(look, 15);
		look();
	})`)
}

// TestPicturesOfPeople puts a picture of every page into the folder -pictures.
func TestPicturesOfPeople(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home := housetest.House(t)
	for some := range slices.Chunk(folk(t, home), 5) {
		chika := open(t, home).asChika()
		for _, p := range some {
			chika.album(p.name, func() { chika.visit(p.path) })
		}
	}
	chika := open(t, home).asChika()
	lengthen(t, home, home.People(t).Aoi)
	chika.album("people-long", func() { chika.visit("/admin/people") })
	chika.album("person-long", func() { chika.visit("/admin/people/" + string(home.People(t).Aoi)) })
}
