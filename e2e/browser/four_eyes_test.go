package browser_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

const twoEyesShed = `apiVersion: sekisho/connector/v1
id: shed
title: {en: Shed, ja: 物置}
settings:
  base_url: {type: url, required: true}
hosts: ["{base_url}"]
auth:
  modes: [service]
  schemes: {header_token: {}}
  headers: {Authorization: "'Bearer ' + cred.token"}
operations:
  ticket.get:
    steps:
      - {id: t, request: {method: GET, path: "'/t/' + urlpath(arg.id)"}}
    map: {id: "steps.t.body.id", title: "steps.t.body.title", state: "'open'"}
`

// twoEyes is a house with four_eyes, and Chika and Daichi to run it.
func twoEyes(t *testing.T) (*housetest.Home, housetest.Kaede) {
	t.Helper()
	home := housetest.House(t, housetest.FourEyes(), housetest.WithMail())
	k := home.People(t)
	var m org.Member
	err := home.Store().Org(k.Org).Read(t.Context(), func(v *store.View) (err error) {
		m, err = org.MemberIn(v, k.Org, k.Daichi)
		return err
	})
	if m.Roles = []id.Role{org.Administrator, org.Operator}; err == nil {
		err = home.Register().PutMember(t.Context(), id.System("test"), m) // what nobody has to approve
	}
	if err != nil {
		t.Fatal(err)
	}
	return home, k
}

var askOf = regexp.MustCompile(`/asks/[0-9a-z]+`)

// heldPages are the pages of one ask of each sort, as who decides sees them.
func heldPages(t *testing.T, home *housetest.Home, k housetest.Kaede) (all []place) {
	t.Helper()
	chika := home.As(t, k.Chika, k.Org)
	in := "/api/v1/organizations/" + string(k.Org)
	add := func(name string, got housetest.Answer) {
		path := askOf.FindString(got.Header.Get("Location"))
		if path == "" {
			t.Fatalf("%s: %d %s", name, got.Status, got.Body)
		}
		all = append(all, place{"four-eyes-" + name, path, true, 200})
	}
	add("role", chika.Call(http.MethodPost, in+"/roles", map[string]any{"name": "desk", "title": "受付・総合案内", "permissions": []string{org.PeopleRead, org.GroupWrite}}))
	add("system", chika.Call(http.MethodPost, in+"/systems", map[string]any{
		"name": "shed", "mode": "service", "document": twoEyesShed, "settings": map[string]any{"base_url": "https://shed.kaede.example"}, "enabled": true,
		"set_secrets": map[string]string{"token": "lantern"},
	}))
	if got := home.As(t, k.Aoi, k.Org).Call(http.MethodPut, "/api/v1/me/password", map[string]any{"new": "nine boats in the morning fog"}); got.Status >= 300 {
		t.Fatal(got.Body)
	}
	add("reset", chika.Post("/admin/people/"+string(k.Aoi)+"/signin/reset", url.Values{"take": {"password"}}))
	return all
}

// TestAnApplyIsApproved has Chika paste documents, and Daichi approve them.
func TestAnApplyIsApproved(t *testing.T) {
	home, k := twoEyes(t)
	chika, daichi := open(t, home).as(home.As(t, k.Chika, k.Org)), open(t, home).as(home.As(t, k.Daichi, k.Org))
	chika.visit("/admin/manifests/apply")
	evaluate[bool](chika, `document.querySelector("[name='text.0']").value = `+strconv.Quote(documents)+`, true`)
	chika.press(`main form .buttons button:not([formaction])`)
	if got := chika.text(".plan"); !strings.Contains(got, "asks somebody else first") || !strings.Contains(got, "Ask for approval") {
		t.Errorf("CAP-H18 the plan: %q", got)
	}
	shoot(chika, "four-eyes-plan")
	chika.press(`.plan button.main`)
	path := askOf.FindString(chika.path())
	if got := chika.text("main"); path == "" || !strings.Contains(got, "Nothing has changed yet") || !strings.Contains(got, "+ Role kaede/desk") {
		t.Fatalf("CAP-H18 after asking: %s %q", chika.where(), got)
	}
	shoot(chika, "four-eyes-asked")
	daichi.visit(path)
	if got := daichi.text("main"); !strings.Contains(got, "千佳") || !strings.Contains(got, "+ Role kaede/desk") || !strings.Contains(got, "permissions") {
		t.Errorf("CAP-H18 what Daichi decides about: %q", got)
	}
	daichi.press(`button[value=approve]`)
	if got := daichi.text("main"); !strings.Contains(got, "Made") {
		t.Errorf("CAP-H18 approved: %q", got)
	}
	roles, err := home.Register().Roles(t.Context(), k.Org)
	if err != nil || roles[len(roles)-1].Name != "desk" {
		t.Errorf("CAP-H18 %v %v", roles, err)
	}
	chika.quiet("asking")
	daichi.quiet("approving")
	if *pictures != "" {
		daichi.album("four-eyes-made", func() { daichi.visit(path) })
	}
}

func TestEveryPageOfFourEyes(t *testing.T) {
	home, k := twoEyes(t)
	daichi := open(t, home).as(home.As(t, k.Daichi, k.Org))
	for _, p := range heldPages(t, home, k) {
		daichi.law(p)
		if *pictures != "" {
			daichi.album(p.name, func() { daichi.visit(p.path) })
		}
	}
}
