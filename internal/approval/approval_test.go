package approval_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

func has(t *testing.T, a housetest.Answer, status int, texts ...string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("%d, want %d\n%.600s", a.Status, status, a.Body)
	}
	for _, text := range texts {
		if !strings.Contains(a.Body, text) {
			t.Errorf("nothing of %q", text)
		}
	}
}

// Policies are written as text, tried out, and deleted; delegations and leases
// have their pages.
func TestPages(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		sales, err := h.Register().PutGroup(context.Background(), id.Local(0), org.Group{Org: k.Org, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		chika, aoi, botan := h.As(t, k.Chika, k.Org), h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org)
		const list = "/admin/approval-policies"
		has(t, aoi.Get(list), 403)
		has(t, chika.Get(list), 200, "There is no approval policy")
		has(t, chika.Get(list+"/new"), 200, "approvers: [manager]")
		write := func(name, spec string) housetest.Answer {
			return chika.Post(list+"/new", url.Values{"name": {name}, "spec": {spec}})
		}
		has(t, write("Groups", "stages: [{approvers: [manager]}]"), 400, "field-name-error")
		for spec, says := range map[string]string{
			"": "no policy", "stages: 5": "field-spec-error", "zzz: 1": "zzz",
			"stages: [{approvers: [king]}]":                                       "king is no approver",
			"stages: [{approvers: [\"group:nobodys\"]}]":                          "no group:nobodys here",
			"stages: [{approvers: [manager]}]\napplies_to: {when: \"1 +\"}":       "field-spec-error",
			"stages: [{approvers: [manager]}]\nmax_duration: 1s":                  "between a minute and a year",
			"stages: [{approvers: [manager]}]\napplies_to: {kinds: [spaceships]}": "spaceships is nothing",
		} {
			has(t, write("groups", spec), 400, says)
		}
		saved := write("groups", "applies_to: {targets: [\"group:sales\"]}\nstages: [{approvers: [manager, \"person:chika\"], need: 2}]\nfallback: [\"role:administrator\"]\n")
		has(t, saved, http.StatusSeeOther)
		page, _, _ := strings.Cut(saved.Header.Get("Location"), "?")
		has(t, chika.Get(page), 200, "group:sales", "person:chika", "expires: 72h")
		has(t, chika.Get(page+"?person=aoi&target=group:sales"), 200, "The policy groups applies", "2 of: ")
		has(t, chika.Get(page+"?person=aoi&target=role:auditor"), 200, "cannot be asked for here")
		has(t, chika.Post(page+"?version=1", url.Values{"name": {"groups"}, "spec": {"applies_to: {kinds: [group]}\nstages: [{approvers: [manager]}]\n"}}), http.StatusSeeOther)
		has(t, chika.Post(page+"?version=1", url.Values{"name": {"groups"}, "spec": {"applies_to: {kinds: [group]}\nstages: [{approvers: [owner]}]\n"}}), 409)
		asked := aoi.Post("/ask/group/"+string(sales.ID)+"?org="+string(k.Org), url.Values{"hours": {"1"}, "reason": {"Report"}})
		has(t, asked, http.StatusSeeOther)
		has(t, botan.Get("/asks"), 200, "Waits for your decision", "sales")
		has(t, chika.Get("/admin/leases"), 200, "Nothing is out")
		has(t, botan.Get("/admin/leases"), 403)
		has(t, botan.Post("/settings/delegations/new", url.Values{"to": {"nobody"}, "starts": {"2026-12-24T09:00"}, "ends": {"2027-01-04T09:00"}}), 400, "field-to-error")
		has(t, botan.Post("/settings/delegations/new", url.Values{"to": {"botan"}, "starts": {"2026-12-24T09:00"}, "ends": {"2026-12-23T09:00"}}), 400, "field-to-error", "field-ends-error")
		has(t, botan.Post("/settings/delegations/new", url.Values{"to": {"daichi"}, "starts": {"2026-12-24T09:00"}, "ends": {"2027-01-04T09:00"}}), http.StatusSeeOther)
		has(t, botan.Get("/settings/delegations"), 200, "大地")
		has(t, chika.Post(page+"/delete", nil), http.StatusSeeOther)
		has(t, chika.Get(page), 404)
	})
}
