package signin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/signin"
)

func TestPolicyRefused(t *testing.T) {
	h := housetest.House(t)
	k, by := h.People(t), id.Local(0)
	good := signin.SignInPolicy{Org: k.Org, Name: "staff", Require: []signin.Method{signin.ByTOTP}}
	for want, change := range map[string]func(*signin.SignInPolicy){
		"name-malformed":         func(p *signin.SignInPolicy) { p.Name = "Staff!" },
		"method-unknown":         func(p *signin.SignInPolicy) { p.Require = []signin.Method{"sms"} },
		"method-mail-alone":      func(p *signin.SignInPolicy) { p.Require = []signin.Method{signin.ByMail} },
		"duration-out-of-bounds": func(p *signin.SignInPolicy) { p.Idle = time.Second },
		"model-malformed":        func(p *signin.SignInPolicy) { p.Wish.Allow = []string{"yubikey"} },
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
		_, err = h.SignIn().PutPolicy(ctx, id.Local(0), signin.SignInPolicy{Org: k.Momiji, Name: "two", Require: []signin.Method{signin.ByTOTP}})
		if err != nil {
			t.Fatal(err)
		}
		choose := func(v *housetest.Visitor, which id.Org) housetest.Answer {
			return v.Post(signin.OrganizationPath, url.Values{"org": {string(which)}, "back": {"/organization"}})
		}
		t.Run("A040 by password alone", func(t *testing.T) {
			v := h.AsBy(t, k.Botan, k.Org, signin.ByPassword)
			if got := choose(v, k.Momiji); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "One-time code") && !strings.Contains(got.Body, "totp") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("A056 by mail", func(t *testing.T) {
			v := h.AsBy(t, k.Botan, k.Org, signin.ByPassword, signin.ByMail)
			if got := choose(v, k.Momiji); got.Status != http.StatusUnprocessableEntity {
				t.Errorf("%d", got.Status)
			}
		})
		t.Run("R4 not theirs", func(t *testing.T) {
			v := h.AsBy(t, k.Aoi, k.Org, signin.ByPasskey)
			theirs, none := choose(v, k.Momiji), choose(v, "01m00000000000000000000000")
			if theirs.Status != http.StatusNotFound || none.Status != http.StatusNotFound {
				t.Errorf("%d, %d", theirs.Status, none.Status)
			}
		})
		t.Run("A037 by passkey", func(t *testing.T) {
			v := h.AsBy(t, k.Botan, k.Org, signin.ByPasskey)
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

func TestPolicyAPI(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	chika, ume := h.As(t, k.Chika, k.Org), h.As(t, k.Ume, k.Momiji)
	path := "/api/v1/organizations/" + string(k.Org) + "/sign-in-policies"
	if got := ume.Call(http.MethodGet, path, nil); got.Status != http.StatusNotFound {
		t.Errorf("R4 of another organization: %d", got.Status)
	}
	got := chika.Call(http.MethodPost, path, map[string]any{"name": "staff", "require": []string{"passkey"}, "idle": 3600})
	var made signin.PolicyResource
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
