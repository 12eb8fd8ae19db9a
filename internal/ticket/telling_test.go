package ticket_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
)

// marked counts the comments on a ticket that carry the effect's marker.
func marked(t *testing.T, x *connector.Session, number string, e id.Effect) (n int) {
	t.Helper()
	all, err := x.Comments(t.Context(), number, string(e))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		n += strings.Count(one.Text, string(e))
	}
	return n
}

func TestCommentsAreToldOnce(t *testing.T) {
	each(t, func(r *rig) {
		system := id.Connector(r.add())
		if got := r.chika.Get(r.consent(r.chika, string(system), "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		x, err := r.h.Systems().As(t.Context(), r.k.Org, system, r.k.Chika)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x.CreateTicket(t.Context(), connector.NewTicket{Title: "a laptop"})
		if err != nil {
			t.Fatal(err)
		}
		remark := func() ticket.Remark {
			return ticket.Remark{
				ID: id.New[id.Effect](time.Now()), Org: r.k.Org, System: system, Person: r.k.Chika, Ticket: made.ID, Text: "approved by Chika", By: id.OfPerson(r.k.Chika),
			}
		}
		t.Run("through the desk", func(t *testing.T) {
			m := remark()
			err := r.h.Store().Org(r.k.Org).Write(t.Context(), func(tx *store.Tx) store.End {
				if err := ticket.Comment(tx, m); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "test.decided", Org: r.k.Org, By: m.By})
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 400 {
				if marked(t, x, made.ID, m.ID) > 0 && r.recorded("ticket.told") == 1 {
					break
				}
				time.Sleep(25 * time.Millisecond)
			}
			if n := marked(t, x, made.ID, m.ID); n != 1 || r.recorded("ticket.told") != 1 {
				t.Errorf("it stands there %d times, %d records", n, r.recorded("ticket.told"))
			}
		})
		effect := func(m ticket.Remark) job.Effect {
			payload, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return job.Effect{ID: m.ID, Org: m.Org, Driver: ticket.CommentDriver, Target: string(system), Payload: payload, By: m.By}
		}
		driver := r.h.Ticket().Driver()
		t.Run("landed without an answer", func(t *testing.T) {
			m := remark()
			r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
			_, err := driver.Do(t.Context(), effect(m))
			var refusal *job.Refusal
			var away *job.Away
			if err == nil || errors.As(err, &refusal) || errors.As(err, &away) {
				t.Errorf("a lost answer is known as %v", err)
			}
			r.sn.Set(func(s *servicenow.Switches) { s.Cut = 0 })
			if found, err := driver.Probe(t.Context(), effect(m)); !found || err != nil {
				t.Errorf("the probe says %t, %v", found, err)
			}
			if found, err := driver.Probe(t.Context(), effect(remark())); found || err != nil {
				t.Errorf("the probe of what was never sent says %t, %v", found, err)
			}
		})
		t.Run("refused", func(t *testing.T) {
			m := remark()
			m.Ticket = "INC9999999"
			_, err := driver.Do(t.Context(), effect(m))
			var refusal *job.Refusal
			if !errors.As(err, &refusal) || !refusal.Final || refusal.Code != "connector-not-found" {
				t.Errorf("a ticket that is not there: %v", err)
			}
		})
		t.Run("not connected", func(t *testing.T) {
			m := remark()
			m.Person = r.k.Aoi
			_, err := driver.Do(t.Context(), effect(m))
			var away *job.Away
			if !errors.As(err, &away) {
				t.Errorf("nobody's connection: %v", err)
			}
		})
	})
}
