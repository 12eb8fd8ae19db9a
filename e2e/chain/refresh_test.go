package chain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
)

// gate stands before a cloud: while it holds, a refresh rotates the token, and
// its answer does not come.
type gate struct {
	http.Handler
	holds   atomic.Bool
	rotated atomic.Int64
	own     string // client of the system that tickets are told by
	had     atomic.Bool
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.holds.Load() || r.Method != http.MethodPost || r.URL.Path != "/oauth/token" {
		g.Handler.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body) // what is missing is refused behind it
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.Handler.ServeHTTP(httptest.NewRecorder(), r)
	g.rotated.Add(1)
	if bytes.Contains(body, []byte(g.own)) {
		g.had.Store(true)
	}
	<-r.Context().Done()
}

// TestKilledDuringARefresh: the other side has given the next tokens and forgotten
// the last ones, and the process died before it wrote them down. Whom that befell
// connects again and is told so, the organization's own connection too; nobody
// else notices.
func TestKilledDuringARefresh(t *testing.T) {
	housetest.Long(t)
	housetest.EachURL(t, func(t *testing.T, database string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		all, at := openOutside(t, company())
		cloud := all["jira"].(service)
		cloud.Set(func(s *jira.Switches) { s.AccessLifespan = time.Second })
		g := &gate{Handler: cloud}
		l, err := fake.Listen("", g)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		at["jira"] = l.URL
		f, relay := newFleet(t, database), mailbox(t)
		for _, n := range f.nodes {
			n.Relay, n.CA = relay.URL(), caOf(t, relay)
		}
		f.nodes = f.nodes[:1]
		before := f.here(t)
		know := furnish(t, before, all, at, 1)
		own, err := before.Systems().System(ctx, know.org, know.systems["jira"+forAll])
		if err != nil {
			t.Fatal(err)
		}
		g.own = own.ClientID
		if err := before.Stop(ctx); err != nil {
			t.Fatal(err)
		}

		g.holds.Store(true)
		f.live(ctx, jobtest.Fenced)
		change(t, database, know.org, func(tx *store.Tx) error { // by the organization's own connection
			_, err1 := tx.Exec("UPDATE card_poll SET due = 1 WHERE org = $1")                   // and everybody's
			_, err2 := tx.Exec("UPDATE connector_connection SET refresh_at = 1 WHERE org = $1") // whatever is left of a second
			return errors.Join(err1, err2, ticket.Comment(tx, ticket.Remark{
				ID: id.New[id.Effect](tx.Now()), Org: know.org, System: own.ID, Ticket: cloud.open(mate(0), 1), Text: "Released.", By: id.Local(0),
			}))
		})
		until(ctx, t, "refreshes are on their way", func() bool {
			before := g.rotated.Load()
			time.Sleep(time.Second) // none is between the killed process and the gate
			return g.had.Load() && g.rotated.Load() == before
		})
		f.nodes[0].kill(ctx)
		g.holds.Store(false)
		// the minute is over for which nobody else tries what a dead process has begun
		change(t, database, know.org, func(tx *store.Tx) error {
			_, err1 := tx.Exec("UPDATE connector_connection SET claim_until = 1 WHERE claim <> '' AND org = $1")
			_, err2 := tx.Exec("UPDATE card_poll SET due = 1, until = 0 WHERE org = $1")
			return errors.Join(err1, err2)
		})
		states := map[string]int{}
		until(ctx, t, "the dead connections say so", func() bool {
			states = statesOf(t, database)
			return states["reconnect"] > 0 && states["claimed"] == 0
		})
		mailed, err := relay.WaitFor(ctx, "chika@kaede.example", "")
		if err != nil || !strings.Contains(mailed.Text, own.Name) {
			t.Errorf("C3 the organization's own connection is lost without a word: %v %s", err, mailed.Text)
		}
		f.nodes[0].end()
		after := f.here(t)
		records, err := after.Records(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for _, one := range records {
			if one.Name == "connection.lost" {
				lost++
			}
		}
		states = statesOf(t, database)
		t.Logf("%d refreshes were answered into the void: %v, %d records", g.rotated.Load(), states, lost)
		if lost != states["reconnect"] || int64(lost) > g.rotated.Load() || states["on"]+lost != 3*(leads+1) {
			t.Errorf("C3 %d records of lost connections, %v, %d could be lost", lost, states, g.rotated.Load())
		}
		c, err := after.Systems().Connection(t.Context(), know.org, own.ID, "")
		if err != nil || c.State != connector.Reconnect {
			t.Errorf("C3 the organization's own connection is %s, %v", c.State, err)
		}
	})
}

func mailbox(t *testing.T) *mail.Server {
	t.Helper()
	relay, err := mail.Start(mail.Options{Security: mail.STARTTLS})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	return relay
}

func caOf(t *testing.T, relay *mail.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mail-ca.pem")
	if err := os.WriteFile(file, relay.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// change writes past the house.
func change(t *testing.T, database string, org id.Org, what func(tx *store.Tx) error) {
	t.Helper()
	s, err := store.OpenAsIs(t.Context(), store.Options{URL: database, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	err = s.Org(org).Write(t.Context(), func(tx *store.Tx) store.End {
		if err := what(tx); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// statesOf counts connections by state, and those that somebody renews.
func statesOf(t *testing.T, database string) map[string]int {
	t.Helper()
	s, err := store.OpenAsIs(t.Context(), store.Options{URL: database, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only read
	counts := map[string]int{}
	err = s.House().Read(t.Context(), func(v *store.View) error {
		rows, err := v.Query("SELECT state, claim <> '' AND claim_until > 1 FROM connector_connection")
		_, err = store.Collect(rows, err, func(scan func(...any) error) (struct{}, error) {
			var state string
			var claimed bool
			err := scan(&state, &claimed)
			counts[state]++
			if claimed {
				counts["claimed"]++
			}
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// until waits.
func until(ctx context.Context, t *testing.T, what string, happened func() bool) {
	t.Helper()
	for !happened() {
		if ctx.Err() != nil {
			t.Fatalf("never: %s", what)
		}
		pause(ctx, 100*time.Millisecond)
	}
}
