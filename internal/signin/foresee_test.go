package signin_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

var seenField = regexp.MustCompile(`name="seen" value="([0-9a-f]+)"`)

// What a policy asks of whom is said before it is saved, and what is saved is
// what was said.
func TestPolicyIsCheckedBeforeSaved(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, room := h.People(t), context.Background(), h.SignIn()
		chika := h.As(t, k.Chika, k.Org)
		policies := func() []demand.SignInPolicy {
			all, err := room.Policies(ctx, k.Org)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		typed := func(methods ...string) url.Values {
			return url.Values{"version": {"0"}, "name": {"strict"}, "require": methods}
		}
		const at = demand.Path + "/new"
		says := func(t *testing.T, path string, form url.Values, wants ...string) string {
			t.Helper()
			got := chika.Post(path, form)
			text := html.UnescapeString(got.Body)
			for _, want := range wants {
				if got.Status != http.StatusOK || !strings.Contains(text, want) {
					t.Errorf("%d without %q: %s", got.Status, want, text)
				}
			}
			return got.Body
		}
		t.Run("a mistake comes first", func(t *testing.T) {
			got := chika.Post(at, typed("mail"))
			if got.Status != http.StatusBadRequest || seenField.MatchString(got.Body) {
				t.Errorf("%d", got.Status)
			}
		})
		t.Run("everybody, oneself too", func(t *testing.T) {
			members, err := h.Register().Acting(ctx, k.Org)
			if err != nil || !slices.Contains(members, k.Aoi) || !slices.Contains(members, k.Chika) {
				t.Fatalf("%v %v", members, err)
			}
			says(t, at, typed("totp"), "One-time code: people who must set it up before they can act here again:", "You are one of them.")
			if len(policies()) != 0 {
				t.Error("saved before it was seen")
			}
		})
		t.Run("what this installation cannot give", func(t *testing.T) {
			o, err := room.ForeseePolicy(ctx, demand.SignInPolicy{Org: k.Org, Name: "x", Require: []factor.Method{factor.ByPassword, factor.ByMail}}, false)
			if err != nil || len(o.Shut[factor.ByMail])+len(o.Enrol[factor.ByMail]) == 0 {
				t.Errorf("%+v %v", o, err)
			}
		})
		t.Run("a digest for something else saves nothing", func(t *testing.T) {
			form := typed("totp")
			form.Set("seen", seenField.FindStringSubmatch(chika.Post(at, form).Body)[1])
			form["roles"] = []string{"administrator"}
			if got := chika.Post(at, form); got.Status != http.StatusOK || len(policies()) != 0 {
				t.Errorf("%d", got.Status)
			}
		})
		t.Run("only who has the role, by another role too", func(t *testing.T) {
			o, err := room.ForeseePolicy(ctx, demand.SignInPolicy{Org: k.Org, Name: "x", Require: []factor.Method{factor.ByTOTP}, Roles: []id.Role{org.Auditor}}, false)
			if who := o.Enrol[factor.ByTOTP]; err != nil || !slices.Contains(who, k.Chika) || slices.Contains(who, k.Aoi) {
				t.Errorf("%+v %v", o, err)
			}
		})
		t.Run("what was seen is saved", func(t *testing.T) {
			form := typed("totp")
			form.Set("seen", seenField.FindStringSubmatch(chika.Post(at, form).Body)[1])
			if got := chika.Post(at, form); got.Status != http.StatusSeeOther || len(policies()) != 1 {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
		})
		p := policies()[0]
		t.Run("the API says the same", func(t *testing.T) {
			header := http.Header{"Origin": {h.URL()}, "Content-Type": {"application/json"}, "Dry-Run": {"true"}, "Accept-Language": {"ja"}}
			path := "/api/v1/organizations/" + string(k.Org) + "/sign-in-policies"
			got := chika.Send(http.MethodDelete, path+"/"+p.ID, "", header)
			var said struct{ Foreseen []string }
			if err := json.Unmarshal([]byte(got.Body), &said); err != nil || got.Status != http.StatusOK || len(said.Foreseen) != 1 || !strings.Contains(said.Foreseen[0], "求められなくなる利用者") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			got = chika.Send(http.MethodPost, path, `{"name":"strict","require":["totp"]}`, header)
			if got.Status != http.StatusConflict || len(policies()) != 1 {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("without consequences it is saved at once", func(t *testing.T) {
			form := typed("totp")
			form.Set("version", "1")
			form.Set("session.idle", "30")
			if got := chika.Post(demand.Path+"/"+p.ID, form); got.Status != http.StatusSeeOther {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("an end is looked at too", func(t *testing.T) {
			form := typed("totp")
			form.Set("version", "2")
			form.Set("do", "delete")
			body := says(t, demand.Path+"/"+p.ID, form, "One-time code: people who will not be asked for it any more:")
			if len(policies()) != 1 {
				t.Fatal("deleted before it was seen")
			}
			form.Set("seen", seenField.FindStringSubmatch(body)[1])
			if got := chika.Post(demand.Path+"/"+p.ID, form); got.Status != http.StatusSeeOther || len(policies()) != 0 {
				t.Errorf("%d", got.Status)
			}
		})
	})
}
