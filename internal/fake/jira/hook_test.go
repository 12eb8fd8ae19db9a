package jira_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/secret"
)

// ring is a webhook that came.
type ring struct {
	header http.Header
	raw    []byte
	body   any
}

func bell(t *testing.T) (string, chan ring) {
	t.Helper()
	rings := make(chan ring, 20)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		one := ring{header: r.Header, raw: raw}
		if err == nil {
			err = json.Unmarshal(raw, &one.body)
		}
		if err != nil {
			t.Error(err)
		}
		rings <- one
	}))
	t.Cleanup(server.Close)
	return server.URL, rings
}

func sum(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

// ours says whether an administrator's webhook is signed with the key.
func (r ring) ours(key string) bool {
	return r.header.Get("X-Hub-Signature") == "sha256="+hex.EncodeToString(sum([]byte(key), r.raw))
}

func TestWebhooksOfAnAdministrator(t *testing.T) {
	url, rings := bell(t)
	c := open(t)
	key := "tring"
	c.AddHook("kaede", url, secret.Of(key), "jira:issue_created", "jira:issue_updated")
	c.AddHook("momiji", url, secret.Of(key))
	q := c.raise()
	first := <-rings
	if !first.ours(key) || text(first.body, "webhookEvent") != "jira:issue_created" || text(first.body, "issue", "key") != q.Key || text(first.body, "user", "accountId") != c.Account("aoi") {
		t.Errorf("%v %s", first.header, first.raw)
	}
	t.Run("C18 no event of its own for approvals", func(t *testing.T) {
		c.decide("botan", q.Key, q.Approvals[0].ID, "approve")
		one, other := <-rings, <-rings
		if text(one.body, "webhookEvent") != "jira:issue_updated" || text(other.body, "webhookEvent") != "jira:issue_updated" || !one.ours(key) {
			t.Errorf("%s %s", one.raw, other.raw)
		}
	})
	t.Run("C18 forged", func(t *testing.T) {
		c.turn("hook-forged")
		c.raise()
		if one := <-rings; one.ours(key) || one.header.Get("X-Hub-Signature") == "" {
			t.Errorf("%v", one.header)
		}
	})
	t.Run("C18 replayed", func(t *testing.T) {
		c.turn("hook-replayed")
		c.raise()
		one, again := <-rings, <-rings
		const id = "X-Atlassian-Webhook-Identifier"
		if string(one.raw) != string(again.raw) || one.header.Get(id) == "" || one.header.Get(id) != again.header.Get(id) || !again.ours(key) {
			t.Errorf("%v %v", one.header, again.header)
		}
	})
	t.Run("delayed", func(t *testing.T) {
		c.turn("hook-delay=1h")
		q := c.raise()
		select {
		case early := <-rings:
			t.Errorf("%s", early.raw)
		default:
		}
		c.clock.Advance(time.Hour)
		if one := <-rings; text(one.body, "issue", "key") != q.Key || at(one.body, "timestamp") != float64(q.Created.UnixMilli()) {
			t.Errorf("%s", one.raw)
		}
		c.turn("hook-delay=0s")
	})
	t.Run("comments are another event", func(t *testing.T) {
		if err := c.Say(q.Key, "botan", "Hello", true); err != nil {
			t.Fatal(err)
		}
		c.raise()
		if one := <-rings; text(one.body, "webhookEvent") != "jira:issue_created" {
			t.Errorf("%s", one.raw)
		}
	})
}

func TestWebhooksOfAnApp(t *testing.T) {
	url, rings := bell(t)
	c := open(t)
	a := c.call("botan", "POST", platform+"webhook", `{"url":"`+url+`","webhooks":[{"events":["jira:issue_created"],"jqlFilter":"project = OPS"}]}`)
	id := at(a.body, "webhookRegistrationResult", 0, "createdWebhookId")
	if a.status != 200 || id == nil {
		t.Fatalf("%d %s", a.status, a.text)
	}
	// valid says whether a ring carries a token that the app's secret signed.
	valid := func(one ring) bool {
		parts := strings.Split(strings.TrimPrefix(one.header.Get("Authorization"), "Bearer "), ".")
		if len(parts) != 3 || one.header.Get("X-Hub-Signature") != "" {
			return false
		}
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || !strings.Contains(string(claims), c.app.ID) {
			return false
		}
		return parts[2] == base64.RawURLEncoding.EncodeToString(sum(c.app.Secret.RevealBytes(), []byte(parts[0]+"."+parts[1])))
	}
	c.raise()
	if one := <-rings; !valid(one) || at(one.body, "matchedWebhookIds", 0) != id {
		t.Errorf("%v %s", one.header, one.raw)
	}
	c.turn("hook-forged")
	c.raise()
	if one := <-rings; valid(one) {
		t.Error("C18 forged, and valid")
	}
	t.Run("30 days, unless it is refreshed", func(t *testing.T) {
		c.clock.Advance(29 * 24 * time.Hour)
		access, _ := c.Grant("botan", c.app.ID, scopes)
		c.tokens["botan"] = access.Reveal()
		a := c.call("botan", "PUT", platform+"webhook/refresh", `{"webhookIds":[1]}`)
		if text(a.body, "expirationDate") != "2026-05-30T09:30:00.000+0900" {
			t.Errorf("%s", a.text)
		}
		c.clock.Advance(29 * 24 * time.Hour)
		c.raise()
		<-rings
		c.clock.Advance(24 * time.Hour)
		c.raise()
		access, _ = c.Grant("botan", c.app.ID, scopes)
		c.tokens["botan"] = access.Reveal()
		if list := c.call("botan", "GET", platform+"webhook", "").values(); len(list) != 0 {
			t.Errorf("%v", list)
		}
		c.AddAppHook("kaede", url, c.app.ID)
		q := c.raise()
		if one := <-rings; text(one.body, "issue", "key") != q.Key {
			t.Errorf("an old one rang: %s", one.raw)
		}
	})
}
