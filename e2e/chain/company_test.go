package chain_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// How many decide and how many ask; each who asks has one above them.
var leads, crew = 12, 36

// plain runs stand on the definitions and limits that come with the product.
var plain = false

func lead(i int) string { return fmt.Sprintf("lead%02d", i) }

// mate is somebody who asks; who decides about them is the lead of lead.
func mate(i int) string { return fmt.Sprintf("mate%02d", i) }

// company are all of them, as the outside systems know them.
func company() (all []fake.Person) {
	all = append(all, fake.Person{Login: bot, Name: "Sekisho", Email: "bot@kaede.example", Roles: []string{"itil", "approver_user"}})
	for i := range leads {
		all = append(all, fake.Person{Login: lead(i), Name: "Lead " + lead(i), Email: lead(i) + "@kaede.example", Roles: []string{"itil", "approver_user"}})
	}
	for i := range crew {
		all = append(all, fake.Person{Login: mate(i), Name: "Mate " + mate(i), Email: mate(i) + "@kaede.example", Manager: lead(i % leads)})
	}
	return all
}

// actor is somebody with a session.
type actor struct {
	id      id.Person
	cookies []*http.Cookie
}

// furnished is a house as the chains find it.
type furnished struct {
	org     id.Org
	actors  map[string]actor
	groups  []id.Group
	systems map[string]id.Connector
}

// furnish fills a house: people with sessions, groups to ask for, the policy that
// the manager decides, and three systems to which each lead is connected.
func furnish(t *testing.T, h *housetest.Home, all map[string]outside, at map[string]string, groups int) furnished {
	t.Helper()
	k := h.People(t)
	f := furnished{org: k.Org, actors: map[string]actor{}, systems: map[string]id.Connector{}}
	f.actors["chika"] = actor{k.Chika, h.As(t, k.Chika, k.Org).Cookies()}
	f.everybody(t, h)
	for i := range groups {
		g, err := h.Register().PutGroup(t.Context(), id.Local(0), org.Group{Org: k.Org, Name: fmt.Sprint("group-", i)})
		if err != nil {
			t.Fatal(err)
		}
		f.groups = append(f.groups, g.ID)
	}
	policy := request.ApprovalPolicy{Org: k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Manager}, Need: 1}}}},
	}}
	if _, err := h.Hall().PutPolicy(t.Context(), id.Local(0), policy); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f.connect(t, h, name, all[name], at[name])
	}
	return f
}

// people adds everybody of the company.
func (f *furnished) everybody(t *testing.T, h *housetest.Home) {
	t.Helper()
	ctx, register := context.Background(), h.Register()
	for _, p := range company()[1:] {
		who := id.New[id.Person](time.Now())
		member := org.Member{Org: f.org, Person: who, Roles: []id.Role{org.User}, Manager: f.actors[p.Manager].id}
		err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
			added, err := register.AddPerson(tx, id.Local(0), org.Person{ID: who, Login: p.Login, Email: p.Email, DisplayName: p.Name, State: org.Active, Created: time.Now()})
			if err != nil {
				return store.Abort(err)
			}
			joined, err := register.SetMember(tx, id.Local(0), member)
			if err != nil {
				return store.Abort(err)
			}
			return store.Done(added, joined)
		})
		if err != nil {
			t.Fatal(err)
		}
		register.Forget()
		f.actors[p.Login] = actor{who, h.As(t, who, f.org).Cookies()}
	}
}

// limits of the built-in definitions spare systems of others; the rig's own
// stand on this machine.
var limits = regexp.MustCompile(`(?m)^limits: .*$`)

func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return limits.ReplaceAllString(string(text), "limits: {rps: 100, burst: 200, concurrency: 8, timeout: 15s}")
}

const definitions = "../../internal/connector/definition/definitions/"

// all is behind the name of the system that tickets are told by: the same one,
// by one account for everybody, which nobody is asked in.
const forAll = "-all"

// bot is the account that tickets are told by.
const bot = "bot"

// connect adds a system, lets each lead be connected to it, and adds it once more
// for what the house says by itself.
func (f *furnished) connect(t *testing.T, h *housetest.Home, name string, one outside, at string) {
	t.Helper()
	w, code := wanted(t, one, at)
	w.Org, w.Name = f.org, name
	s := f.put(t, h, w)
	for i := range leads {
		who := f.actors[lead(i)]
		intent := connector.Intent{Org: f.org, System: s, Person: who.id, By: id.OfPerson(who.id), Session: "rig"}
		if err := f.enter(t, h, intent, code, lead(i)); err != nil {
			t.Fatalf("connect %s to %s: %+v", lead(i), name, err)
		}
	}
	w, code = wanted(t, one, at) // with a client of its own
	w.Org, w.Name, w.Mode = f.org, name+forAll, connector.ModeService
	switch one.(type) {
	case now:
		w.Settings["approval_tables"] = []any{"incident"}
	case *desk:
		w.Secrets[connector.TokenPart] = secret.Of("key of " + bot)
	}
	all := f.put(t, h, w)
	intent := connector.Intent{Org: f.org, System: all, By: id.OfPerson(f.actors["chika"].id), Session: "rig"}
	if err := f.enter(t, h, intent, code, bot); err != nil {
		t.Fatalf("connect all to %s: %+v", name, err)
	}
}

func (f *furnished) put(t *testing.T, h *housetest.Home, w connector.Wanted) id.Connector {
	t.Helper()
	s, err := h.Systems().Put(t.Context(), id.Local(0), w)
	if err != nil {
		t.Fatalf("%s: %+v", w.Name, err)
	}
	f.systems[w.Name] = s.ID
	return s.ID
}

// enter connects somebody by an account: by consent, or by a key.
func (f *furnished) enter(t *testing.T, h *housetest.Home, w connector.Intent, code func(string, *url.URL) string, login string) (err error) {
	switch {
	case code != nil:
		err = consent(t.Context(), h, w, func(to *url.URL) string { return code(login, to) })
	case w.Person == "":
		_, err = h.Systems().Serve(t.Context(), w.By, f.org, w.System)
	default:
		_, err = h.Systems().Paste(t.Context(), w, connector.Pasted{Token: secret.Of("key of " + login)})
	}
	return err
}

// wanted is a system as an administrator adds it, and what a browser does there.
func wanted(t *testing.T, one outside, at string) (w connector.Wanted, code func(string, *url.URL) string) {
	t.Helper()
	w = connector.Wanted{System: connector.System{
		Mode: connector.ModeUser, Scheme: connector.SchemeCode, Enabled: true, Networks: []string{"127.0.0.0/8"}, Settings: map[string]any{"base_url": at},
	}}
	switch one := one.(type) {
	case now:
		client := one.AddClient("Sekisho")
		w.Document, w.ClientID, w.Definition = document(t, definitions+"servicenow.yaml"), client.ID, "servicenow"
		w.Secrets = map[string]secret.Text{connector.ClientSecret: client.Secret, "doorbell_secret": secret.Of(bell)}
		builtIn(&w)
		return w, servicenowCode(one, client)
	case service:
		app := one.AddApp("Sekisho", "")
		w.Document, w.ClientID, w.Definition = document(t, definitions+"jira-service-management-cloud.yaml"), app.ID, "jira-service-management-cloud"
		w.Secrets = map[string]secret.Text{connector.ClientSecret: app.Secret, "webhook_secret": secret.Of(bell)}
		w.Settings["login_url"], w.Settings["site_url"] = at, at+"/kaede"
		w.Scope = "read:servicedesk-request write:servicedesk-request read:jira-user read:jira-work write:jira-work offline_access"
		builtIn(&w)
		return w, jiraCode(one, app)
	}
	w.Document, w.Definition, w.Scheme = document(t, "desk.yaml"), "desk", connector.SchemeHeaderToken
	w.Secrets = map[string]secret.Text{"bell": secret.Of(bell)}
	return w, nil
}

// builtIn takes the definition of the product as it is, in a plain run.
func builtIn(w *connector.Wanted) {
	if plain {
		w.Document = ""
	}
}

// consent goes to a system's authorization server and back.
func consent(ctx context.Context, h *housetest.Home, w connector.Intent, code func(to *url.URL) string) error {
	at, err := h.Systems().Start(ctx, w)
	if err != nil {
		return err
	}
	to, err := url.Parse(at)
	if err != nil {
		return err
	}
	_, _, err = h.Systems().Finish(ctx, connector.Back{
		System: w.System, State: secret.Of(to.Query().Get("state")), Code: secret.Of(code(to)), By: w.By, Session: w.Session,
	})
	return err
}

func servicenowCode(s now, client servicenow.Client) func(string, *url.URL) string {
	return func(login string, to *url.URL) string {
		return s.Code(login, client.ID, to.Query().Get("redirect_uri"), to.Query().Get("code_challenge"))
	}
}

func jiraCode(s service, app jira.App) func(string, *url.URL) string {
	return func(login string, to *url.URL) string {
		return s.Code(login, app.ID, to.Query().Get("redirect_uri"), to.Query().Get("scope"))
	}
}
