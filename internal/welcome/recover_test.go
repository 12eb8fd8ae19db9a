package welcome_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/welcome"
)

// passkeyOf gives somebody a passkey, by the link of an administrator who took
// everything else. It returns the value of that link.
func (r town) passkeyOf(t *testing.T, who id.Person) (used string) {
	t.Helper()
	v, key := r.Nobody(t), factortest.New(r.URL())
	made, err := r.Welcome().ResetFactors(ctx, id.OfPerson(r.Chika), r.Org, who, factor.Taking{Password: true, Passkeys: true})
	if err != nil {
		t.Fatal(err)
	}
	link := ""
	if made.Link.Empty() {
		link = r.Mailed(t, r.Person(t, who).Email, "リセット")
	} else {
		link = factortest.ValueOf(t, made.Link.Reveal())
	}
	form := url.Values{"link": {link}}
	options, ticket := factortest.OptionsOf(t, v.Post("/recover/passkey", form))
	answer, err := key.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("answer", string(answer))
	form.Set("ticket", ticket)
	if got := v.Post("/recover", form); got.Status != http.StatusSeeOther {
		t.Fatalf("choosing a passkey: %d %.300s", got.Status, got.Body)
	}
	return link
}

func TestRecoverRefused(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		r.disable(t, r.Daichi, org.Disabled)
		r.Invite(t, r.Org, "megumi", "megumi@kaede.example")
		for login, want := range map[string]string{
			"nobody": "recover-unknown", "": "recover-unknown", "daichi": "recover-disabled", "megumi": "recover-invited",
			"aoi@kaede.example": "recover-unknown",
		} {
			if _, err := r.Welcome().MakeRecoverLink(ctx, id.Local(0), login); fault.Code(err) != want {
				t.Errorf("%q: %v, want %s", login, err, want)
			}
		}
		if _, err := r.Welcome().MakeRecoverLink(ctx, id.OfPerson(r.Chika), "aoi"); fault.Code(err) != "not-permitted" {
			t.Errorf("A123 by an administrator: %v", err)
		}
		chika := r.As(t, r.Chika, r.Org)
		if got := chika.Call(http.MethodPost, "/api/v1/sign-in/recover", map[string]string{"login": "aoi"}); got.Status != http.StatusForbidden {
			t.Errorf("A123 from afar: %d %s", got.Status, got.Body)
		}
		made, err := r.Welcome().MakeRecoverLink(ctx, id.Local(0), "aoi")
		if err != nil {
			t.Fatal(err)
		}
		older := factortest.ValueOf(t, made.Link.Reveal())
		if made, err = r.Welcome().MakeRecoverLink(ctx, id.Local(0), "ＡＯＩ"); err != nil {
			t.Fatal(err)
		}
		link, v := factortest.ValueOf(t, made.Link.Reveal()), r.Nobody(t)
		post := func(link, pw string) housetest.Answer {
			return v.Post("/recover", url.Values{"link": {link}, "password": {pw}})
		}
		if got := post(older, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
			t.Errorf("an older link: %d", got.Status)
		}
		if got := post(link, "short"); got.Status != 400 {
			t.Errorf("a short password: %d", got.Status)
		}
		factortest.Looks(t, v, "/recover?link="+link)
		r.disable(t, r.Aoi, org.Disabled)
		if got := post(link, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
			t.Errorf("A039 disabled meanwhile: %d", got.Status)
		}
		r.disable(t, r.Aoi, org.Active)
		r.Clock.Pass(welcome.RecoveryLife)
		if got := post(link, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
			t.Errorf("after half an hour: %d", got.Status)
		}
	})
}

// The last administrator gets in again: everything they signed in with is
// replaced, and everybody who ought to know is told.
func TestRecover(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		if err := r.Register().PutMember(ctx, id.Local(0), r.promoted(t, r.Botan)); err != nil {
			t.Fatal(err)
		}
		session, v := r.As(t, r.Chika, r.Org), r.Nobody(t)
		made, err := r.Welcome().MakeRecoverLink(ctx, id.Local(1000), "chika")
		if err != nil || made.Told != 2 {
			t.Fatalf("%d are told (%v)", made.Told, err)
		}
		r.MailedTo(t, "chika@kaede.example", "復旧リンク")
		if m := r.MailedTo(t, "botan@kaede.example", "千佳"); factortest.LinkIn.MatchString(m.Text) {
			t.Error("the mail to another administrator holds a link")
		}
		form := url.Values{"link": {factortest.ValueOf(t, made.Link.Reveal())}, "password": {factortest.GoodPassword}}
		got := v.Post("/recover", form)
		if got.Status != http.StatusSeeOther {
			t.Fatalf("choosing: %d %.300s", got.Status, got.Body)
		}
		if got := v.Get("/admin/state"); got.Status != 200 {
			t.Errorf("the administrator reads %d", got.Status)
		}
		if session.Get("/admin/state").Status != http.StatusUnauthorized {
			t.Error("A039 a session outlives the recovery")
		}
		if got := r.Nobody(t).Post("/recover", form); !factortest.Has(got, 422, linkOver) {
			t.Errorf("A055 used twice: %d", got.Status)
		}
		if got := v.Get("/api/v1/audit/records?of=house&name=admin.recover-link-made"); !strings.Contains(got.Body, `"by":"local:1000"`) {
			t.Errorf("the log says %s", got.Body)
		}
	})
}

func (r town) promoted(t *testing.T, who id.Person) org.Member {
	t.Helper()
	m, err := r.Register().Member(ctx, r.Org, who)
	if err != nil {
		t.Fatal(err)
	}
	m.Roles = append(m.Roles, org.Administrator)
	return m
}

func TestFactorsResetRefused(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		by, all := id.OfPerson(r.Chika), factor.Taking{Password: true, Passkeys: true, TOTP: true, Recovery: true}
		m, err := r.Register().Member(ctx, r.Org, r.Botan)
		if err != nil {
			t.Fatal(err)
		}
		m.Roles = []id.Role{org.Accounts}
		if err := r.Register().PutMember(ctx, id.Local(0), m); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			by   id.Principal
			in   id.Org
			who  id.Person
			want string
		}{
			"A123 somebody stronger":           {id.OfPerson(r.Botan), r.Org, r.Chika, "stronger-than-you"},
			"A123 without the permission":      {id.OfPerson(r.Aoi), r.Org, r.Daichi, "not-permitted"},
			"R4 in an organization of others":  {id.OfPerson(r.Ume), r.Org, r.Aoi, "organization-unknown"},
			"R4 somebody of another":           {id.OfPerson(r.Ume), r.Momiji, r.Aoi, "person-unknown"},
			"themself":                         {by, r.Org, r.Chika, "reset-yourself"},
			"nobody who is there":              {by, r.Org, id.New[id.Person](r.Clock.Now()), "person-unknown"},
			"anonymous":                        {id.Anonymous, r.Org, r.Aoi, "organization-unknown"},
			"A123 an application of theirs":    {id.Principal("app:x"), r.Org, r.Aoi, "organization-unknown"},
			"A123 a customer above themselves": {id.OfPerson(r.Ume), r.Momiji, r.Ume, "reset-yourself"},
		} {
			_, err := r.Welcome().ResetFactors(ctx, c.by, c.in, c.who, all)
			if fault.Code(err) != c.want {
				t.Errorf("%s: resetting: %v, want %s", name, err, c.want)
			}
			if err := r.SignIn().Unlock(ctx, c.by, c.in, c.who); fault.Code(err) != c.want {
				t.Errorf("%s: unlocking: %v", name, err)
			}
			if err := r.SignIn().EndEverySession(ctx, c.by, c.in, c.who); fault.Code(err) != c.want {
				t.Errorf("%s: ending sessions: %v", name, err)
			}
		}
		if _, err := r.Welcome().ResetFactors(ctx, by, r.Org, r.Aoi, factor.Taking{}); fault.Code(err) != "reset-nothing" {
			t.Errorf("nothing to take: %v", err)
		}
		r.disable(t, r.Daichi, org.Disabled)
		if _, err := r.Welcome().ResetFactors(ctx, by, r.Org, r.Daichi, all); fault.Code(err) != "reset-not-active" {
			t.Errorf("somebody disabled: %v", err)
		}
		chika := r.As(t, r.Chika, r.Org)
		r.Clock.Pass(11 * 60 * 1e9)
		path := "/admin/people/" + string(r.Aoi) + "/signin"
		if got := chika.Post(path+"/reset", url.Values{"take": {"password"}}); got.Status != http.StatusUnauthorized {
			t.Errorf("without a fresh proof: %d", got.Status)
		}
		api := "/api/v1/organizations/" + string(r.Org) + "/members/" + string(r.Aoi) + "/sign-in"
		if got := chika.Call(http.MethodPost, api+"/reset", map[string]any{"take": []string{"password"}}); got.Status != http.StatusUnauthorized {
			t.Errorf("A053 by the API without a fresh proof: %d", got.Status)
		}
	})
}

func TestFactorsReset(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		if err := r.Register().PutMember(ctx, id.Local(0), r.promoted(t, r.Botan)); err != nil {
			t.Fatal(err)
		}
		r.recovers(t, "aoi", "the first of all passwords")
		r.forgets(t, r.Nobody(t), "aoi", "aoi@kaede.example", "")
		aoi, chika := r.As(t, r.Aoi, r.Org), r.As(t, r.Chika, r.Org)
		path := "/admin/people/" + string(r.Aoi) + "/signin"
		page := chika.Get(path)
		if page.Status != 200 || !strings.Contains(page.Body, `value="password"`) || strings.Contains(page.Body, `value="passkeys"`) {
			t.Errorf("the page offers what there is not: %d", page.Status)
		}
		if got := chika.Post(path+"/reset", url.Values{"take": {"cookies"}}); got.Status != 400 {
			t.Errorf("something else: %d", got.Status)
		}
		got := chika.Post(path+"/reset", url.Values{"take": {"password"}})
		if !factortest.Has(got, 200, "aoi@kaede.example") || factortest.LinkIn.MatchString(got.Body) {
			t.Fatalf("resetting: %d %.500s", got.Status, got.Body)
		}
		link := r.Mailed(t, "aoi@kaede.example", "リセット")
		if m := r.MailedTo(t, "botan@kaede.example", "葵さんのサインインがリセット"); factortest.LinkIn.MatchString(m.Text) || !strings.Contains(m.Text, "山本 千佳") {
			t.Errorf("the other administrator reads %s", m.Text)
		}
		if aoi.Get("/organization").Status != http.StatusUnauthorized {
			t.Error("A039 a session outlives the reset")
		}
		v := r.Nobody(t)
		factortest.Looks(t, v, "/recover?link="+link)
		if got := v.Post("/recover", url.Values{"link": {link}, "password": {factortest.GoodPassword}}); got.Status != http.StatusSeeOther {
			t.Fatalf("choosing: %d %.300s", got.Status, got.Body)
		}
		if got := v.Get("/organization"); got.Status != 200 {
			t.Errorf("the person is signed in: %d", got.Status)
		}
		for _, one := range []string{"/unlock", "/end-sessions"} {
			if got := chika.Post(path+one, url.Values{}); got.Status != http.StatusSeeOther {
				t.Errorf("%s: %d", one, got.Status)
			}
		}
		if v.Get("/organization").Status != http.StatusUnauthorized {
			t.Error("the session did not end")
		}
	})
}

// Without mail the link is shown once, to be handed on; what is left to sign in
// with needs none.
func TestFactorsResetWithoutMail(t *testing.T) {
	r := newTown(t)
	chika := r.As(t, r.Chika, r.Org)
	api := "/api/v1/organizations/" + string(r.Org) + "/members/" + string(r.Aoi) + "/sign-in"
	reset := func(take ...string) (out struct {
		Link   string `json:"link"`
		Mailed string `json:"mailed_to"`
	},
	) {
		got := chika.Call(http.MethodPost, api+"/reset", map[string]any{"take": take})
		if err := json.Unmarshal([]byte(got.Body), &out); err != nil || got.Status != 200 {
			t.Fatalf("resetting: %d %s", got.Status, got.Body)
		}
		return out
	}
	r.recovers(t, "aoi", "the first of all passwords")
	if out := reset("recovery"); out.Link != "" || out.Mailed != "" {
		t.Errorf("a password is left, and a link was made: %+v", out)
	}
	out := reset("password", "passkeys", "totp", "recovery")
	if out.Mailed != "" || r.Nobody(t).Post("/recover", url.Values{"link": {factortest.ValueOf(t, out.Link)}, "password": {factortest.GoodPassword}}).Status != http.StatusSeeOther {
		t.Errorf("the link that is handed on does not count: %+v", out)
	}
	if got := chika.Get(api[:]); got.Status != 200 || !strings.Contains(got.Body, `"password":true`) || strings.Contains(got.Body, "argon") {
		t.Errorf("what the administrator reads: %d %s", got.Status, got.Body)
	}
}
