package ticket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/ticket"
)

// A ticket with more comments than may be read: what is found among the newest
// is there; of what is not found nobody knows, and an operator decides.
func TestWhatIsNotReadIsNotKnown(t *testing.T) {
	each(t, func(r *rig) {
		cloud, err := jira.New(jira.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cloud.Close)
		l, err := fake.Listen("", cloud)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		app := cloud.AddApp("Sekisho", "")
		system := r.add(func(b map[string]any) {
			b["definition"], b["client_id"], b["set_secrets"] = "jira-service-management-cloud", app.ID, map[string]any{"client_secret": app.Secret.Reveal()}
			b["settings"] = map[string]any{"base_url": l.URL, "login_url": l.URL, "site_url": l.URL + "/kaede"}
		})
		at, err := url.Parse(r.chika.Get("/connect/" + system + "/start").Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := at.Query()
		code := cloud.Code("chika", app.ID, q.Get("redirect_uri"), q.Get("scope"))
		if got := r.chika.Get("/connect/" + system + "/callback?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		made, err := cloud.Raise("kaede", "Report a problem", "aoi", map[string]any{"summary": "a laptop", "customfield_10050": "db01"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			if err := cloud.Say(made.Key, "daichi", fmt.Sprint("Word ", i), true); err != nil {
				t.Fatal(err)
			}
		}
		effect := func() job.Effect {
			m := ticket.Remark{
				ID: id.New[id.Effect](time.Now()), Org: r.k.Org, System: id.Connector(system), Person: r.k.Chika, Ticket: made.Key, Text: "approved by Chika", By: id.OfPerson(r.k.Chika),
			}
			payload, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return job.Effect{ID: m.ID, Org: m.Org, Driver: ticket.CommentDriver, Target: system, Payload: payload, By: m.By}
		}
		driver, done, never := r.h.Ticket().Driver(), effect(), effect()
		if _, err := driver.Do(t.Context(), done); err != nil {
			t.Fatal(err)
		}
		if found, err := driver.Probe(t.Context(), never); found || err != nil {
			t.Errorf("all of them were read: %t, %v", found, err)
		}
		cloud.Set(func(s *jira.Switches) { s.PageSize = 1 }) // more pages than may be read
		if found, err := driver.Probe(t.Context(), never); found || !errors.Is(err, job.ErrUnprovable) {
			t.Errorf("what was not read: %t, %v", found, err)
		}
		if found, err := driver.Probe(t.Context(), done); !found || err != nil {
			t.Errorf("the newest: %t, %v", found, err)
		}
	})
}
