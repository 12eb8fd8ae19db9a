package change_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// fourEyes is a house in which nobody does alone what four_eyes names: Chika and
// Daichi could, and so could Botan if he were asked to.
type fourEyes struct {
	t *testing.T
	h *housetest.Home
	k housetest.Kaede
	// desk is a role that stands, shed a system with a definition of its own:
	// both were approved.
	desk org.Role
	shed connector.System
	n    int // of the path: names differ by it

	// What a path prepared.
	one   org.Person
	spare org.Role
	there map[string]any
	// elsewhere: the log of it belongs to another organization.
	elsewhere bool
}

const shedDefinition = `apiVersion: sekisho/connector/v1
id: shed
title: {en: Shed}
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

const canary = "canary-of-the-shed"

func shedContent(document string) map[string]any {
	return map[string]any{
		"name": "shed", "mode": "service", "document": document, "settings": map[string]any{"base_url": "https://shed.kaede.example"}, "enabled": true,
		"set_secrets": map[string]string{"token": canary},
	}
}

var ctx = context.Background()

// house is who writes in these tests what nobody has to approve.
var house = id.System("test")

// eyes is a furnished house: what stands there was asked for and approved.
func eyes(t *testing.T, dsn string) *fourEyes {
	t.Helper()
	h := housetest.House(t, housetest.On(dsn), housetest.FourEyes(), housetest.WithMail())
	e := &fourEyes{t: t, h: h, k: h.People(t)}
	e.promote(e.k.Daichi, org.Administrator, org.Operator)
	e.allow(e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": "desk", "title": "Desk", "permissions": []string{org.PeopleRead}}))
	e.allow(e.chika().Call(http.MethodPost, e.in("/systems"), shedContent(shedDefinition)))
	e.look()
	return e
}

// look reads what stands, and gives Aoi a password if she has none.
func (e *fourEyes) look() {
	e.t.Helper()
	roles, err := e.h.Register().Roles(ctx, e.k.Org)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, r := range roles {
		if r.Name == "desk" {
			e.desk = r
		}
	}
	if e.shed, err = e.h.Systems().Named(ctx, e.k.Org, "shed"); err != nil {
		e.t.Fatal(err)
	}
	aoi := e.h.As(e.t, e.k.Aoi, e.k.Org)
	if e.count().Passwords == 0 {
		if got := aoi.Call(http.MethodPut, "/api/v1/me/password", map[string]any{"new": "nine boats in the morning fog"}); got.Status >= 300 {
			e.t.Fatalf("a password for Aoi: %d %s", got.Status, got.Body)
		}
	}
}

func (e *fourEyes) count() (n factor.Count) {
	e.t.Helper()
	err := e.h.Store().Self(e.k.Aoi).Read(ctx, func(v *store.View) (err error) {
		n, err = factor.CountOf(v)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

// called is a name of this path alone.
func (e *fourEyes) called(name string) string { return name + "-" + strconv.Itoa(e.n) }

// other is a definition of this path alone.
func (e *fourEyes) other() string {
	return strings.Replace(shedDefinition, "'/t/'", "'/"+e.called("tickets")+"/'", 1)
}

// said are documents with the names of this path.
func (e *fourEyes) said(text string) string {
	return regexp.MustCompile(`\b(night|outer|inner|barn)\b`).ReplaceAllStringFunc(text, e.called)
}

func (e *fourEyes) in(path string) string { return "/api/v1/organizations/" + string(e.k.Org) + path }

func (e *fourEyes) promote(who id.Person, roles ...id.Role) {
	e.t.Helper()
	var m org.Member
	err := e.h.Store().Org(e.k.Org).Read(ctx, func(v *store.View) (err error) {
		m, err = org.MemberIn(v, e.k.Org, who)
		return err
	})
	if m.Roles = roles; err == nil {
		err = e.h.Register().PutMember(ctx, house, m)
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *fourEyes) chika() *housetest.Visitor  { return e.h.As(e.t, e.k.Chika, e.k.Org) }
func (e *fourEyes) daichi() *housetest.Visitor { return e.h.As(e.t, e.k.Daichi, e.k.Org) }

// local calls over the control socket.
func (e *fourEyes) local(method, path string, body any) housetest.Answer {
	text, err := json.Marshal(body)
	if err != nil {
		e.t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(string(text)))
	r.Header.Set("Content-Type", "application/json")
	r.Host, r.RemoteAddr = "control", "@"
	w := httptest.NewRecorder()
	e.h.Handler().ServeHTTP(w, r.WithContext(web.WithLocalPeer(r.Context(), 0)))
	return housetest.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
}

var askIn = regexp.MustCompile(`/asks/([0-9a-z-]+)`)

// waits returns the ask that an answer leads to; anything else fails the test.
func (e *fourEyes) waits(got housetest.Answer) id.Ask {
	e.t.Helper()
	found := askIn.FindStringSubmatch(got.Header.Get("Location"))
	if found == nil || got.Status != http.StatusAccepted && got.Status != http.StatusSeeOther {
		e.t.Fatalf("it does not wait: %d %s %.600s", got.Status, got.Header.Get("Location"), got.Body)
	}
	return id.Ask(found[1])
}

func (e *fourEyes) sheet(which id.Ask, who id.Person) request.Sheet {
	e.t.Helper()
	s, err := e.h.Hall().Show(ctx, e.k.Org, which, who)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *fourEyes) decide(which id.Ask, who id.Person) (request.Ask, error) {
	e.t.Helper()
	return e.h.Hall().Decide(ctx, present(who), request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: e.sheet(which, who).Digest})
}

// present is who decides, having proven a moment ago who they are.
func present(who id.Person) request.Decider {
	return request.Decider{Person: who, Proof: presence.Proof{At: time.Now()}}
}

// allow approves what waits, as Daichi, and as Botan where two have to.
func (e *fourEyes) allow(got housetest.Answer) id.Ask {
	e.t.Helper()
	which := e.waits(got)
	a, err := e.decide(which, e.k.Daichi)
	if err == nil && a.State == request.Open {
		a, err = e.decide(which, e.k.Chika)
	}
	if err != nil || a.State != request.Released {
		e.t.Fatalf("approved: %s %v", a.State, err)
	}
	return which
}

// state is everything that four_eyes guards, as text.
func (e *fourEyes) state() string {
	e.t.Helper()
	var b strings.Builder
	roles, err := e.h.Register().Roles(ctx, e.k.Org)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, r := range roles {
		b.WriteString(r.Name + " " + r.Title + " " + strings.Join(r.Permissions, " ") + "\n")
	}
	systems, err := e.h.Systems().Systems(ctx, e.k.Org)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, s := range systems {
		b.WriteString(s.Name + " " + s.Version + "\n")
	}
	text, err := json.Marshal(e.count())
	if err != nil {
		e.t.Fatal(err)
	}
	b.Write(text)
	b.WriteString(e.local(http.MethodGet, "/api/v1/manifests/export", nil).Body)
	return b.String()
}

func raw(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func documents(t *testing.T, text string) map[string]any {
	t.Helper()
	docs, err := manifest.Parse("house.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"documents": docs}
}

func multipart(fields ...string) (string, http.Header) {
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		name, file := fields[i], ""
		if name == "file" {
			file = `; filename="shed.yaml"`
		}
		b.WriteString("--xx\r\nContent-Disposition: form-data; name=\"" + name + "\"" + file + "\r\n\r\n" + fields[i+1] + "\r\n")
	}
	return b.String() + "--xx--\r\n", http.Header{"Content-Type": {"multipart/form-data; boundary=xx"}}
}

func (e *fourEyes) parts(v *housetest.Visitor, path string, fields ...string) housetest.Answer {
	body, header := multipart(fields...)
	header.Set("Origin", v.Base())
	return v.Send(http.MethodPost, path, body, header)
}

const (
	roleDoc   = "kind: Role\norg: kaede\nname: night\nspec: {title: Night, permissions: [people.read]}\n"
	groupDoc  = "kind: Group\norg: kaede\nname: night\nspec: {title: Night, members: [aoi]}\n"
	orderDocs = "kind: Role\norg: kaede\nname: outer\nspec: {title: Outer, includes: [inner]}\n---\nkind: Role\norg: kaede\nname: inner\nspec: {title: Inner, permissions: [people.read]}\n"
)

var systemDoc = "kind: Connector\norg: kaede\nname: barn\nspec:\n  definition: |\n    " + strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(shedDefinition, "id: shed", "id: barn")), "\n", "\n    ") +
	"\n  base_url: https://barn.kaede.example\n  auth: {token: " + canary + "}\n"

// digest is what the page of a plan sends back.
var digestIn = regexp.MustCompile(`name="digest" value="([0-9a-f]+)"`)

// hiddenIn are the hidden fields of a form.
var hiddenIn = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

func withHidden(form url.Values, page string) url.Values {
	for _, m := range hiddenIn.FindAllStringSubmatch(page, -1) {
		if m[1] == "back" { // of another form on the page
			continue
		}
		form.Set(m[1], strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&", "&lt;", "<", "&gt;", ">").Replace(m[2]))
	}
	return form
}

// submit sends a form, and once more as it comes back when it was only checked.
func (e *fourEyes) submit(v *housetest.Visitor, path string, form url.Values) housetest.Answer {
	got := v.Post(path, withHidden(form, v.Get(path).Body))
	if got.Status == http.StatusOK {
		got = v.Post(path, withHidden(form, got.Body))
	}
	return got
}

func TestFourEyesHoldEveryPath(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		for _, p := range slices.Concat(rolePaths, peoplePaths, rulePaths) {
			t.Run("CAP-H18 "+p.name, func(t *testing.T) {
				e.t = t
				e.n++
				e.look()
				e.elsewhere = strings.HasPrefix(p.name, "organization: ")
				if p.prepare != nil {
					p.prepare(e)
				}
				e.holds(p.take)
			})
		}
	})
}

// holds takes a path: nothing is written before somebody else approved it, and
// then once.
func (e *fourEyes) holds(take func(*fourEyes) housetest.Answer) {
	t, before := e.t, e.state()
	which := e.waits(take(e))
	if now := e.state(); now != before {
		t.Errorf("it was written:\n%s\nbefore:\n%s", now, before)
	}
	s := e.sheet(which, e.k.Daichi)
	if s.Ask.State != request.Open || s.Ask.Kind != "change" || !s.CanDecide {
		t.Errorf("the ask: %s %s, Daichi decides: %v %v", s.Ask.Kind, s.Ask.State, s.CanDecide, s.Not)
	}
	if strings.Contains(string(s.Ask.Held), canary) {
		t.Error("R9 a secret stands in the ask")
	}
	if again := e.waits(take(e)); again != which {
		t.Error("the same again is another ask")
	}
	e.allow(housetest.Answer{Status: http.StatusAccepted, Header: http.Header{"Location": {"/asks/" + string(which)}}})
	after := e.state()
	if after == before {
		t.Error("nothing was made of what was approved")
	}
	_, err := e.h.Hall().Decide(ctx, present(e.k.Daichi), request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: s.Digest})
	if fault.Code(err) != "ask-decided" {
		t.Errorf("decided twice: %v", err)
	}
	if now := e.state(); now != after {
		t.Error("made twice")
	}
	if !e.elsewhere {
		e.names(which)
	}
}

// names looks for both in the log: who asked, and who approved.
func (e *fourEyes) names(which id.Ask) {
	e.t.Helper()
	var found struct {
		Items []struct {
			Name, By string
			Fields   map[string]string
		}
	}
	for range 100 { // until they have their place
		for _, of := range []string{"organization", "house"} {
			got := e.chika().Get("/api/v1/audit/records?limit=200&of=" + of + "&text=" + string(which))
			if err := json.Unmarshal([]byte(got.Body), &found); err != nil {
				e.t.Fatalf("%d %s", got.Status, got.Body)
			}
			for _, r := range found.Items {
				if approved := r.Fields["approved_by"]; approved != "" && r.By != "" && approved != r.By && r.Fields["ask"] == string(which) {
					return
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	e.t.Errorf("no record has both names: %+v", found)
}
