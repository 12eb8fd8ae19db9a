package house_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
)

// ask sends JSON to a node, with more headers, and returns status and body.
func (n node) ask(t *testing.T, client *http.Client, method, path string, body any, header http.Header) (int, []byte) {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, n.URL()+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", n.URL())
	request.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, got
}

// tomorrow is the machine's clock, a day on.
type tomorrow struct{ clock.Clock }

func (c tomorrow) Now() time.Time { return c.Clock.Now().Add(24 * time.Hour) }

// lend lets the caller into a group for an hour, and returns what they hold.
func (n node) lend(t *testing.T, client *http.Client, in id.Org, group id.Group) id.Lease {
	t.Helper()
	policy := map[string]any{"name": "open", "kinds": []string{"group"}, "rules": []map[string]string{{"name": "everybody", "when": "true"}}}
	if status, body := n.ask(t, client, http.MethodPost, "/api/v1/organizations/"+string(in)+"/approval-policies", policy, nil); status != http.StatusCreated {
		t.Fatalf("policy: %d %s", status, body)
	}
	var made struct{ Lease id.Lease }
	status, body := n.ask(t, client, http.MethodPost, "/api/v1/asks", map[string]any{"org": in, "kind": "group", "target": group, "reason": "Report", "length": 3600}, nil)
	if err := json.Unmarshal(body, &made); err != nil || made.Lease == "" {
		t.Fatalf("ask: %d %s", status, body)
	}
	return made.Lease
}

// takenBack waits until a lease is back and nobody is in the group any more.
func (n node) takenBack(t *testing.T, in id.Org, group id.Group, which id.Lease) {
	t.Helper()
	var held lease.Lease
	var members []id.Person
	for range 1500 {
		var err error
		if held, err = n.Ledger().Get(ctx, in, which); err != nil {
			t.Fatal(err)
		}
		if members, err = n.Register().MembersOf(ctx, in, group); err != nil {
			t.Fatal(err)
		}
		if held.State == lease.Back && len(members) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%+v, and in the group are %v", held, members)
}

// What had ended since yesterday does not come back with yesterday's backup:
// session, token and links of then are presented to the restored house, and
// each is refused; what was held until this morning is taken back.
func TestA160WhatHadEndedStaysSo(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		c := config(t, database)
		n := start(t, c)
		client := n.signIn(t)
		founder, err := n.Register().OrganizationNamed(ctx, "first")
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ ID, Value string }
		status, body := n.ask(t, client, http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "nightly", "org": founder.ID, "scopes": []string{"people.read"}, "days": 30}, nil)
		if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
			t.Fatalf("make a token: %d %s", status, body)
		}
		link, err := n.Welcome().MakeRecoverLink(ctx, id.Local(0), "founder")
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link.Link.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		value := secret.Of(u.Query().Get("link"))
		group, err := n.Register().PutGroup(ctx, id.Local(0), org.Group{Org: founder.ID, Name: "night-shift"})
		if err != nil {
			t.Fatal(err)
		}
		held := n.lend(t, client, founder.ID, group.ID)
		bearer := http.Header{"Authorization": {"Bearer " + made.Value}}
		members := "/api/v1/organizations/" + string(founder.ID) + "/members"
		counts := func(n node) map[string]bool {
			page, _ := n.send(t, client, http.MethodGet, "/admin", "")
			program, _ := n.ask(t, &http.Client{}, http.MethodGet, members, nil, bearer)
			_, opened := n.Welcome().RecoverOpen(ctx, value)
			if opened != nil && fault.Code(opened) != "recover-link-invalid" {
				t.Errorf("the link: %v", opened)
			}
			return map[string]bool{"session": page == http.StatusOK, "token": program == http.StatusOK, "link": opened == nil}
		}
		for what, yes := range counts(n) {
			if !yes {
				t.Fatalf("the %s does not count before: the test proves nothing", what)
			}
		}
		saved, kit := filepath.Join(t.TempDir(), "yesterday"), filepath.Join(c.Data, house.KitFile)
		if _, err := house.SaveBackup(saved, func(w io.Writer) (house.Backup, error) { return overSocket(t, c.Data, w) }); err != nil {
			t.Fatal(err)
		}
		n.stop(t)

		to := config(t, housetest.SQLite(t))
		report, err := house.Restore(ctx, optionsOf(t, to), saved, kit, "", false, nil)
		if err != nil || report.Epoch < 2 {
			t.Fatalf("epoch %d, %v", report.Epoch, err)
		}
		n = start(t, to)
		for what, yes := range counts(n) {
			if yes {
				t.Errorf("the %s of before the restore counts", what)
			}
		}
		if linkForm.MatchString(n.said.String()) {
			t.Error("a restored house with people prints a set-up link")
		}
		again, err := n.Welcome().MakeRecoverLink(ctx, id.Local(0), "founder")
		if err != nil {
			t.Fatal(err)
		}
		if u, err = url.Parse(again.Link.Reveal()); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Welcome().RecoverOpen(ctx, secret.Of(u.Query().Get("link"))); err != nil {
			t.Errorf("a link of now: %v", err)
		}
		if members, err := n.Register().MembersOf(ctx, founder.ID, group.ID); err != nil || len(members) != 1 {
			t.Fatalf("what was held for an hour: %v %v", members, err)
		}
		n.stop(t)
		o := optionsOf(t, to)
		o.Clock = tomorrow{o.Clock}
		if n.House, err = house.New(ctx, o); err == nil {
			err = n.Start(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		n.takenBack(t, founder.ID, group.ID, held)
		n.stop(t)
	})
}
