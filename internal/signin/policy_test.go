package signin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/signin"
)

func TestPolicyRefused(t *testing.T) {
	h := housetest.House(t)
	k, by := h.People(t), id.Local(0)
	good := demand.SignInPolicy{Org: k.Org, Name: "staff", Require: []factor.Method{factor.ByTOTP}}
	for want, change := range map[string]func(*demand.SignInPolicy){
		"name-malformed":         func(p *demand.SignInPolicy) { p.Name = "Staff!" },
		"method-unknown":         func(p *demand.SignInPolicy) { p.Require = []factor.Method{"sms"} },
		"method-mail-alone":      func(p *demand.SignInPolicy) { p.Require = []factor.Method{factor.ByMail} },
		"duration-out-of-bounds": func(p *demand.SignInPolicy) { p.Idle = time.Second },
		"model-malformed":        func(p *demand.SignInPolicy) { p.Wish.Allow = []string{"yubikey"} },
	} {
		p := good
		change(&p)
		_, err := h.SignIn().PutPolicy(context.Background(), by, p)
		f := fault.As(err)
		if f == nil || f.Code != "policy-invalid" || len(f.Fields) != 1 || f.Fields[0].Code != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := h.SignIn().PutPolicy(context.Background(), by, good); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn().PutPolicy(context.Background(), by, good); fault.Code(err) != "policy-name-taken" {
		t.Errorf("the same name twice: %v", err)
	}
}

// A session enters an organization only with what that organization asks for,
// under another cookie; the one that it had does not count any more (A037).
func TestChoosingAnOrganization(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx := h.People(t), context.Background()
		err := h.Register().PutMember(ctx, id.Local(0), org.Member{Org: k.Momiji, Person: k.Botan, Roles: []id.Role{org.User}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.SignIn().PutPolicy(ctx, id.Local(0), demand.SignInPolicy{Org: k.Momiji, Name: "two", Require: []factor.Method{factor.ByTOTP}})
		if err != nil {
			t.Fatal(err)
		}
		choose := func(v *housetest.Visitor, which id.Org) housetest.Answer {
			return v.Post(signin.OrganizationPath, url.Values{"org": {string(which)}, "back": {"/organization"}})
		}
		t.Run("A040 by password alone", func(t *testing.T) {
			v := h.AsBy(t, k.Botan, k.Org, factor.ByPassword)
			if got := choose(v, k.Momiji); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "One-time code") && !strings.Contains(got.Body, "totp") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("A056 by mail", func(t *testing.T) {
			v := h.AsBy(t, k.Botan, k.Org, factor.ByPassword, factor.ByMail)
			if got := choose(v, k.Momiji); got.Status != http.StatusUnprocessableEntity {
				t.Errorf("%d", got.Status)
			}
		})
		t.Run("R4 not theirs", func(t *testing.T) {
			v := h.AsBy(t, k.Aoi, k.Org, factor.ByPasskey)
			theirs, none := choose(v, k.Momiji), choose(v, "01m00000000000000000000000")
			if theirs.Status != http.StatusNotFound || none.Status != http.StatusNotFound {
				t.Errorf("%d, %d", theirs.Status, none.Status)
			}
		})
		t.Run("A037 by passkey", func(t *testing.T) {
			v := h.AsBy(t, k.Botan, k.Org, factor.ByPasskey)
			before := v.Cookies()
			if got := choose(v, k.Momiji); got.Status != http.StatusSeeOther {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			if got := v.Get(signin.OrganizationPath); !strings.Contains(got.Body, "Momiji Design") || got.Status != http.StatusOK {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			old := h.Nobody(t)
			old.SetCookies(before)
			if got := old.Get(signin.OrganizationPath); got.Status != http.StatusUnauthorized {
				t.Errorf("the cookie before: %d", got.Status)
			}
		})
	})
}

// A policy is the organization's own on every door: who applies manifests of
// the whole house and administers nothing changes none.
func TestWhoWritesAPolicy(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx := h.People(t), context.Background()
		err := h.Register().PutMember(ctx, id.Local(0), org.Member{
			Org: k.Org, Person: k.Daichi, Roles: []id.Role{org.Operator}, Version: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		p := demand.SignInPolicy{Org: k.Momiji, Name: "staff", Require: []factor.Method{factor.ByTOTP}}
		for name, try := range map[string]struct {
			by   id.Person
			want string
		}{
			"A123 an operator":           {k.Daichi, "organization-unknown"},
			"R4 somebody from elsewhere": {k.Aoi, "organization-unknown"},
		} {
			t.Run(name, func(t *testing.T) {
				if _, err := h.SignIn().PutPolicy(ctx, id.OfPerson(try.by), p); fault.Code(err) != try.want {
					t.Errorf("%v, want %s", err, try.want)
				}
			})
		}
		for want, targets := range map[string]demand.SignInPolicy{
			"role-unknown":  {Org: k.Momiji, Name: "staff", Roles: []id.Role{"nobody"}},
			"group-unknown": {Org: k.Momiji, Name: "staff", Groups: []id.Group{"nobody"}},
		} {
			_, err := h.SignIn().PutPolicy(ctx, id.OfPerson(k.Ume), targets)
			if f := fault.As(err); f == nil || len(f.Fields) != 1 || f.Fields[0].Code != want {
				t.Errorf("%s: %v", want, err)
			}
		}
		apply := func(who id.Person, in id.Org) housetest.Answer {
			doc := "kind: SignInPolicy\norg: momiji\nname: staff\nspec:\n  require: [totp]\n  session: {idle: 1h}\n  applies_to: {roles: [administrator]}\n"
			path := filepath.Join(t.TempDir(), "policy.yaml")
			if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
				t.Fatal(err)
			}
			docs, err := manifest.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			return h.As(t, who, in).Call(http.MethodPost, "/api/v1/manifests/apply", map[string]any{"documents": docs})
		}
		if got := apply(k.Daichi, k.Org); got.Status/100 != 4 || !strings.Contains(got.Body, "organization-unknown") {
			t.Errorf("A123 an operator by manifest: %d %s", got.Status, got.Body)
		}
		if all, err := h.SignIn().Policies(ctx, k.Momiji); err != nil || len(all) != 0 {
			t.Fatalf("something was written: %v %v", all, err)
		}
		momiji, err := h.Register().Organization(ctx, k.Momiji)
		if err != nil {
			t.Fatal(err)
		}
		momiji.ParentRoles = []string{string(org.Administrator)}
		if _, err := h.Register().PutOrganization(ctx, id.Local(0), momiji); err != nil {
			t.Fatal(err)
		}
		for round, want := range []string{`"action":"create"`, `"action":"none"`} {
			if got := apply(k.Chika, k.Org); got.Status != http.StatusOK || !strings.Contains(got.Body, want) {
				t.Errorf("apply %d by who acts below: %d %s", round+1, got.Status, got.Body)
			}
		}
		all, err := h.SignIn().Policies(ctx, k.Momiji)
		if err != nil || len(all) != 1 || all[0].Idle != time.Hour || len(all[0].Roles) != 1 || all[0].Roles[0] != org.Administrator {
			t.Errorf("%+v %v", all, err)
		}
	})
}

func TestPolicyAPI(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	chika, ume := h.As(t, k.Chika, k.Org), h.As(t, k.Ume, k.Momiji)
	path := "/api/v1/organizations/" + string(k.Org) + "/sign-in-policies"
	if got := ume.Call(http.MethodGet, path, nil); got.Status != http.StatusNotFound {
		t.Errorf("R4 of another organization: %d", got.Status)
	}
	got := chika.Call(http.MethodPost, path, map[string]any{"name": "staff", "require": []string{"passkey"}, "idle": 3600})
	var made demand.PolicyResource
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated || made.Idle != 3600 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if got := ume.Call(http.MethodDelete, "/api/v1/organizations/"+string(k.Momiji)+"/sign-in-policies/"+made.ID, nil); got.Status != http.StatusNotFound {
		t.Errorf("R4 through one's own organization: %d", got.Status)
	}
	if got := chika.Call(http.MethodDelete, path+"/"+made.ID, nil); got.Status != http.StatusNoContent {
		t.Errorf("delete: %d %s", got.Status, got.Body)
	}
}
