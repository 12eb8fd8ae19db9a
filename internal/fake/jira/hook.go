package jira

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/secret"
)

// Hook is a webhook. With an app it is a dynamic one: it ends after 30 days, and
// carries a JWT signed with the app's secret. Else an administrator made it, and
// its secret signs the body.
type Hook struct {
	ID     int
	URL    string
	Events []string // none is all
	Secret secret.Text
	App    string // client id
	Until  time.Time
	site   string
}

const hookLifespan = 30 * 24 * time.Hour

// AddHook registers a webhook of an administrator for the events of a site.
func (s *System) AddHook(site, url string, secret secret.Text, events ...string) {
	s.stage.Do(func() {
		s.announced++
		s.hooks = append(s.hooks, &Hook{ID: s.announced, URL: url, Secret: secret, Events: events, site: site})
	})
}

// AddAppHook registers a webhook of an app.
func (s *System) AddAppHook(site, url, app string, events ...string) (id int) {
	s.stage.Do(func() { id = s.appHook(site, url, app, events).ID })
	return id
}

func (s *System) appHook(site, url, app string, events []string) *Hook {
	s.announced++
	h := &Hook{ID: s.announced, URL: url, App: app, Events: events, Until: s.stage.Clock.Now().Add(hookLifespan), site: site}
	s.hooks = append(s.hooks, h)
	return h
}

// announce tells the webhooks of a site what happened to a request.
func (s *System) announce(one *site, q *request, event, kind, login string) {
	for _, h := range s.hooks {
		if h.site != one.Key || len(h.Events) > 0 && !slices.Contains(h.Events, event) || h.App != "" && !s.stage.Clock.Now().Before(h.Until) {
			continue
		}
		now, by := s.stage.Clock.Now(), s.people[login]
		v := visit{site: one, user: by}
		payload := map[string]any{
			"timestamp": now.UnixMilli(), "webhookEvent": event, "user": map[string]any{"accountId": by.Account, "displayName": by.Name},
			"issue": s.issueOf(q, v, "summary,status,project,issuetype,created,updated"),
		}
		if kind != "" {
			payload["issue_event_type_name"] = kind
		}
		if h.App != "" {
			payload["matchedWebhookIds"] = []int{h.ID}
		}
		body, err := json.Marshal(payload)
		if err != nil {
			continue
		}
		s.ring(h, body)
	}
}

// ring sends a webhook, as the switches say: later, forged or twice.
func (s *System) ring(h *Hook, body []byte) {
	bell := fake.Ring{URL: h.URL, Body: body, Header: http.Header{"X-Atlassian-Webhook-Identifier": {fake.Hex(16)}}}
	key := h.Secret.RevealBytes()
	if app := s.apps[h.App]; app != nil {
		key = app.Secret.RevealBytes()
	}
	if fake.Struck(&s.switches.HookForged) {
		key = []byte(fake.Token(16))
	}
	switch {
	case h.App != "":
		bell.Header.Set("Authorization", "Bearer "+signed(key, h.App, s.stage.Clock.Now()))
	case !h.Secret.Empty():
		bell.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac(key, body)))
	}
	times := 1
	if fake.Struck(&s.switches.HookReplayed) {
		times = 2
	}
	s.stage.In(s.switches.HookDelay, func() {
		s.stage.Beside(func(ctx context.Context) {
			for range times {
				bell.Send(ctx)
			}
		})
	})
}

func mac(key, text []byte) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write(text)
	return sum.Sum(nil)
}

// signed is a JWT in HS256 (RFC 7515, 7519) of three minutes.
func signed(key []byte, issuer string, now time.Time) string {
	encode := func(v any) string {
		text, _ := json.Marshal(v) // of maps of text and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := encode(map[string]string{"typ": "JWT", "alg": "HS256"}) + "." + encode(map[string]any{"iss": issuer, "iat": now.Unix(), "exp": now.Add(3 * time.Minute).Unix()})
	return text + "." + base64.RawURLEncoding.EncodeToString(mac(key, []byte(text)))
}

func (s *System) listHooks(r *http.Request, v visit) fake.Answer {
	g := s.bearer(r)
	values := []map[string]any{}
	for _, h := range s.hooks {
		if g != nil && h.App == g.app && h.site == v.site.Key && s.stage.Clock.Now().Before(h.Until) {
			values = append(values, map[string]any{"id": h.ID, "events": h.Events, "url": h.URL, "expirationDate": v.user.stamp(h.Until)})
		}
	}
	return fake.Answer{Body: map[string]any{"startAt": 0, "maxResults": 100, "total": len(values), "isLast": true, "values": values}}
}

func (s *System) addHooks(w http.ResponseWriter, r *http.Request, v visit) {
	var ask struct {
		URL      string `json:"url"`
		Webhooks []struct {
			Events []string `json:"events"`
		} `json:"webhooks"`
	}
	if err := fake.ReadJSON(r, &ask); err != nil || ask.URL == "" || len(ask.Webhooks) == 0 {
		refuseIssue(http.StatusBadRequest, "The list of webhooks is empty.").Write(w)
		return
	}
	s.read(func(r *http.Request, v visit) fake.Answer {
		g := s.bearer(r)
		if g == nil {
			return refuseIssue(http.StatusForbidden, "The caller is not an app.")
		}
		results := []map[string]any{}
		for _, one := range ask.Webhooks {
			results = append(results, map[string]any{"createdWebhookId": s.appHook(v.site.Key, ask.URL, g.app, one.Events).ID})
		}
		return fake.Answer{Body: map[string]any{"webhookRegistrationResult": results}}
	})(w, r, v)
}

func (s *System) refreshHooks(w http.ResponseWriter, r *http.Request, v visit) {
	var ask struct {
		IDs []json.Number `json:"webhookIds"`
	}
	if err := fake.ReadJSON(r, &ask); err != nil {
		refuseIssue(http.StatusBadRequest, "The list of webhooks is empty.").Write(w)
		return
	}
	s.read(func(r *http.Request, v visit) fake.Answer {
		g, until := s.bearer(r), s.stage.Clock.Now().Add(hookLifespan)
		for _, h := range s.hooks {
			if g != nil && h.App == g.app && slices.Contains(ask.IDs, json.Number(strconv.Itoa(h.ID))) && s.stage.Clock.Now().Before(h.Until) {
				h.Until = until
			}
		}
		return fake.Answer{Body: map[string]any{"expirationDate": v.user.stamp(until)}}
	})(w, r, v)
}
