package house_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// follows opens the stream of a page and hands out a word for each event.
func follows(t *testing.T, base, topic string, header http.Header) <-chan string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/events?topic="+url.QueryEscape(topic+"@0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 100)
	go func() {
		defer close(heard)
		defer func() { _ = answer.Body.Close() }()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if name, found := strings.CutPrefix(lines.Text(), "event: topic-"); found {
				heard <- name
			}
		}
	}()
	return heard
}

// A card that is decided on one node changes on the screens of another, in the
// list and on its page, by the stream alone; the same press there changes
// nothing more (K5).
func TestACardChangesOnTheScreensOfEveryNode(t *testing.T) {
	database, key := housetest.Postgres(t), filepath.Join(t.TempDir(), "unseal.key")
	office := &counter{rows: map[string]connector.State{}, obliges: true}
	shared := func(o *house.Options) { o.Config.Unseal.File, o.Systems = key, office }
	a := housetest.House(t, housetest.On(database), shared)
	b := housetest.House(t, housetest.On(database), shared)
	k := a.People(t)
	office.org, office.person = string(k.Org), string(k.Botan)
	const rounds = 12
	for i := range rounds {
		office.rows[fmt.Sprintf("row-%02d", i)] = connector.Pending
	}
	if err := a.Cards().Read(context.Background(), office.tie(), nil); err != nil {
		t.Fatal(err)
	}
	cards, _, err := a.Cards().List(context.Background(), k.Botan, false, "", 50)
	if err != nil || len(cards) != rounds {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	here, there := a.As(t, k.Botan, k.Org), b.Nobody(t)
	there.SetCookies(here.Cookies())
	heard := follows(t, b.URL(), card.TopicOf(k.Botan), cookieOf(there))
	var took []time.Duration
	for _, c := range cards {
		form := url.Values{"decision": {"approve"}, "digest": {c.Digest}}
		if page := there.Get(card.PathOf(c.ID)); !strings.Contains(page.Body, `name="decision"`) {
			t.Fatalf("before: %d", page.Status)
		}
		since := time.Now()
		if got := here.Post(card.PathOf(c.ID), form); got.Status != http.StatusSeeOther {
			t.Fatalf("decide: %d %s", got.Status, got.Body)
		}
		for changed := false; !changed; {
			select {
			case <-heard: // what the page does then: it asks again
				page, list := there.Get(card.PathOf(c.ID)), there.Get(card.ListPath)
				changed = strings.Contains(page.Body, "read back") && !strings.Contains(list.Body, c.Sheet.Title)
			case <-time.After(time.Minute):
				t.Fatalf("K5 the other node's screens do not change")
			}
		}
		took = append(took, time.Since(since))
		if got := there.Post(card.PathOf(c.ID), form); got.Status != http.StatusSeeOther {
			t.Errorf("K5 the same press on the other node: %d", got.Status)
		}
		if got := there.Post(card.PathOf(c.ID), url.Values{"decision": {"refuse"}, "digest": {c.Digest}, "reason": {"x"}}); got.Status != http.StatusConflict {
			t.Errorf("K5 another decision on the other node: %d", got.Status)
		}
	}
	if office.mu.Lock(); office.wrote != rounds {
		t.Errorf("K5 %d decisions were written, want %d", office.wrote, rounds)
	}
	office.mu.Unlock()
	slices.Sort(took)
	t.Logf("decided on one node, read back and shown on the other: median %d ms, longest %d ms", took[len(took)/2].Milliseconds(), took[len(took)-1].Milliseconds())
}

// What is asked on one node stands in the list of who decides on another, by the
// stream alone (K5).
func TestAnAskShowsOnTheScreensOfEveryNode(t *testing.T) {
	a, b := two(t)
	k := a.People(t)
	policy := request.ApprovalPolicy{Org: k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Manager}}}}},
	}}
	if _, err := a.Hall().PutPolicy(t.Context(), id.Local(0), policy); err != nil {
		t.Fatal(err)
	}
	there := b.Nobody(t)
	there.SetCookies(a.As(t, k.Botan, k.Org).Cookies())
	heard := follows(t, b.URL(), card.TopicOf(k.Botan), cookieOf(there))
	var took []time.Duration
	for i := range 12 {
		g, err := a.Register().PutGroup(t.Context(), id.Local(0), org.Group{Org: k.Org, Name: fmt.Sprint("group-", i), Title: fmt.Sprintf("Team of %02d", i)})
		if err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		_, err = a.Hall().Raise(t.Context(), k.Aoi, request.Wanted{Org: k.Org, Kind: "group", Target: string(g.ID), Reason: "Month's end", Length: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for shown := false; !shown; {
			select {
			case <-heard:
				shown = strings.Contains(there.Get(card.ListPath).Body, g.Title)
			case <-time.After(time.Minute):
				t.Fatal("K5 the other node's list does not show what was asked")
			}
		}
		took = append(took, time.Since(since))
	}
	slices.Sort(took)
	t.Logf("asked on one node, shown to who decides on the other: median %d ms, longest %d ms", took[len(took)/2].Milliseconds(), took[len(took)-1].Milliseconds())
}
