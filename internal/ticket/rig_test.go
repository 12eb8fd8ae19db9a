package ticket_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// rig is a house beside a simulated ServiceNow.
type rig struct {
	t      *testing.T
	h      *housetest.Home
	k      housetest.Kaede
	chika  *housetest.Visitor // administrator
	sn     *servicenow.System
	at     string // where it answers
	client servicenow.Client
}

// onLoopback lets the house reach what stands on this machine.
func onLoopback(o *housetest.Options) { o.Config.Egress.Allow = []string{"127.0.0.0/8"} }

func newRig(t *testing.T, h *housetest.Home) *rig {
	t.Helper()
	sn, err := servicenow.New(servicenow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sn.Close)
	l, err := fake.Listen("", sn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	k := h.People(t)
	return &rig{t: t, h: h, k: k, chika: h.As(t, k.Chika, k.Org), sn: sn, at: l.URL, client: sn.AddClient("Sekisho")}
}

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, housetest.House(t, housetest.On(url), onLoopback))) })
}

// body is a system as the API adds it.
func (r *rig) body(change ...func(map[string]any)) map[string]any {
	b := map[string]any{
		"definition": "servicenow", "name": "servicenow", "title": "ServiceNow", "settings": map[string]any{"base_url": r.at}, "mode": "user", "scheme": "oauth2_code",
		"client_id": r.client.ID, "set_secrets": map[string]any{"client_secret": r.client.Secret.Reveal()}, "enabled": true,
	}
	for _, f := range change {
		f(b)
	}
	return b
}

func (r *rig) systems() string { return "/api/v1/organizations/" + string(r.k.Org) + "/systems" }

// add adds a system and returns its identifier.
func (r *rig) add(change ...func(map[string]any)) string {
	r.t.Helper()
	got := r.chika.Call(http.MethodPost, r.systems(), r.body(change...))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
		r.t.Fatalf("add a system: %d %s", got.Status, got.Body)
	}
	return made.ID
}

// consent starts at the house and consents at the other side as login; it
// returns the way back.
func (r *rig) consent(v *housetest.Visitor, system, login string) string {
	r.t.Helper()
	got := v.Get("/connect/" + system + "/start")
	at, err := url.Parse(got.Header.Get("Location"))
	if err != nil || got.Status != http.StatusSeeOther || at.Path != "/oauth_auth.do" {
		r.t.Fatalf("start: %d %s %s", got.Status, got.Header.Get("Location"), got.Body)
	}
	q := at.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || !strings.HasPrefix(q.Get("redirect_uri"), r.h.URL()+"/connect/"+system+"/callback") {
		r.t.Fatalf("the callback is %q", q.Get("redirect_uri"))
	}
	code := r.sn.Code(login, r.client.ID, q.Get("redirect_uri"), q.Get("code_challenge"))
	return back.Path + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

// connected is how somebody is connected, as the API tells them.
func (r *rig) connected(v *housetest.Visitor) (state, account string) {
	r.t.Helper()
	var list struct {
		Items []struct {
			Connection struct{ State, Account string }
		}
	}
	got := v.Call(http.MethodGet, "/api/v1/me/integrations", nil)
	if err := json.Unmarshal([]byte(got.Body), &list); err != nil || len(list.Items) != 1 {
		r.t.Fatalf("my integrations: %d %s", got.Status, got.Body)
	}
	return list.Items[0].Connection.State, list.Items[0].Connection.Account
}

// recorded counts what the witness was told under a name.
func (r *rig) recorded(name string) (n int) {
	r.t.Helper()
	records, err := r.h.Records(r.t.Context(), housetest.Epoch.AddDate(-20, 0, 0))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, one := range records {
		if one.Name == name {
			n++
		}
	}
	return n
}

var copied = regexp.MustCompile(`data-copy="([^"]+/connect/[^"]+/callback)"`)

func problem(t *testing.T, got housetest.Answer) string {
	t.Helper()
	var p struct{ Code string }
	_ = json.Unmarshal([]byte(got.Body), &p)
	return p.Code
}

// holds reads every text of the database.
func holds(t *testing.T, h *housetest.Home, text string) (found []string) {
	t.Helper()
	err := h.Store().House().Read(t.Context(), func(v *store.View) error {
		tables, err := h.Store().Tables(v)
		if err != nil {
			return err
		}
		for _, table := range tables {
			for _, column := range table.Columns {
				if column.Kind == store.KindInteger {
					continue
				}
				rows, err := v.Query("SELECT " + column.Name + " FROM " + table.Name)
				values, err := store.Collect(rows, err, func(scan func(...any) error) (b []byte, err error) {
					err = scan(&b)
					return b, err
				})
				if err != nil {
					return err
				}
				for _, value := range values {
					if strings.Contains(string(value), text) {
						found = append(found, table.Name+"."+column.Name)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
