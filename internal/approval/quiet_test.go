package approval_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// nights is a house in which Botan decides about groups and keeps quiet hours.
type nights struct {
	*factortest.Rig
	groups []id.Group // that can be asked for
}

// subjects are of the mails that somebody got, in the order in which they came.
func (n *nights) subjects(login string) (all []string) {
	for _, m := range n.Home.Mail.Messages() {
		if strings.Contains(fmt.Sprint(m.To), login+"@") {
			all = append(all, m.Subject)
		}
	}
	return all
}

// pass lets time pass in small steps, and effects and timers run meanwhile.
func (n *nights) pass(d time.Duration, until func() bool) {
	n.Helper()
	for gone := time.Duration(0); gone < d; gone += d / 20 {
		n.Clock.Advance(d / 20)
		time.Sleep(25 * time.Millisecond)
		if until != nil && until() {
			return
		}
	}
}

// settled waits until there are so many mails for somebody and no more come.
func (n *nights) settled(login string, want int, what string) {
	n.Helper()
	for range 400 {
		if len(n.subjects(login)) >= want {
			break
		}
		time.Sleep(10 * time.Millisecond)
		n.Clock.Advance(100 * time.Millisecond)
	}
	n.pass(20*time.Second, nil)
	if got := n.subjects(login); len(got) != want {
		n.Fatalf("K6 %s: %s has %d mails, want %d: %q", what, login, len(got), want, got)
	}
}

func (n *nights) call(who id.Person, path string, body map[string]any) map[string]any {
	n.Helper()
	got := n.Home.As(n, who, n.K.Org).Call(http.MethodPost, "/api/v1"+path, body)
	out := map[string]any{}
	if err := json.Unmarshal([]byte(got.Body), &out); err != nil || got.Status >= 300 {
		n.Fatalf("%s: %d %s", path, got.Status, got.Body)
	}
	return out
}

func (n *nights) ask(more map[string]any) string {
	n.Helper()
	body := map[string]any{"org": n.K.Org, "kind": "group", "target": n.groups[0], "reason": "Report", "length": 3600}
	for key, value := range more {
		body[key] = value
	}
	n.groups = n.groups[1:]
	who := n.K.Aoi
	if more["break"] != nil {
		who = n.K.Chika
	}
	return fmt.Sprint(n.call(who, "/asks", body)["id"])
}

func (n *nights) prefer(form url.Values) {
	n.Helper()
	if got := n.Home.As(n, n.K.Botan, n.K.Org).Post("/settings/cards", form); got.Status != http.StatusSeeOther {
		n.Fatalf("preferences: %d\n%s", got.Status, factortest.Told(got))
	}
}

// TestQuietHoursOfAsks: mails about asks wait for the morning of who wants it
// quiet, what is stale by then is not sent, of several one is, and an alarm
// waits for nothing (K6).
func TestQuietHoursOfAsks(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		n := &nights{Rig: r}
		for i := range 6 {
			group, err := r.Home.Register().PutGroup(context.Background(), id.Local(0), org.Group{Org: r.K.Org, Name: fmt.Sprintf("team-%d", i)})
			if err != nil {
				t.Fatal(err)
			}
			n.groups = append(n.groups, group.ID)
		}
		n.call(r.K.Chika, "/organizations/"+string(r.K.Org)+"/approval-policies", map[string]any{
			"name": "groups", "kinds": []string{"group"}, "break_glass": 3600, "reminders": []int{3600},
			"stages": []any{map[string]any{"groups": []any{map[string]any{"approvers": []string{"person:" + string(r.K.Botan)}}}}},
		})
		hour := func(d time.Duration) string { return r.Clock.Now().UTC().Add(d).Format("15:04") }
		n.prefer(url.Values{"mail": {"each"}, "quiet_from": {hour(-time.Hour)}, "quiet_until": {hour(3 * time.Hour)}, "digest_at": {"09:00"}, "urgent": {"yes"}})
		first := n.ask(nil)
		stale := n.ask(map[string]any{"reason": "Something else"})
		n.settled("botan", 0, "in quiet hours")
		n.call(r.K.Botan, "/asks/"+stale+"/decision", map[string]any{"approve": true, "digest": n.digest(stale)})
		n.settled("aoi", 1, "who asked is told at once")
		n.pass(2*time.Hour, nil) // the reminder comes and waits, too
		n.settled("botan", 0, "after a reminder in quiet hours")
		n.pass(90*time.Minute, func() bool { return len(n.subjects("botan")) > 0 })
		n.settled("botan", 1, "in the morning, once for what still waits")
		n.call(r.K.Botan, "/asks/"+first+"/decision", map[string]any{"approve": true, "digest": n.digest(first)})

		n.prefer(url.Values{"mail": {"each"}, "quiet_from": {hour(-time.Hour)}, "quiet_until": {hour(3 * time.Hour)}, "digest_at": {"09:00"}, "urgent": {"no"}})
		n.ask(map[string]any{"break": true, "reason": "Everything is on fire"})
		n.settled("botan", 2, "an alarm in quiet hours, whatever is preferred")

		n.prefer(url.Values{"mail": {"digest"}, "digest_at": {hour(2 * time.Hour)}})
		n.ask(map[string]any{"reason": "One"})
		n.ask(map[string]any{"reason": "Two"})
		n.settled("botan", 2, "before the daily hour")
		n.pass(150*time.Minute, func() bool { return len(n.subjects("botan")) > 2 })
		n.settled("botan", 3, "one mail a day for two asks")
	}, housetest.WithMail())
}

// digest is of an ask as Botan is shown it.
func (n *nights) digest(ask string) string {
	n.Helper()
	var sheet struct{ Digest string }
	if got := n.Home.As(n, n.K.Botan, n.K.Org).Get("/api/v1/asks/" + ask); json.Unmarshal([]byte(got.Body), &sheet) != nil || sheet.Digest == "" {
		n.Fatalf("ask: %d %s", got.Status, got.Body)
	}
	return sheet.Digest
}
