package house_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
)

// TestNoDatabaseTextLeaves shows A164: whatever a list is asked for, on either
// engine, is answered or refused, and nobody learns what the database said.
func TestNoDatabaseTextLeaves(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		h.AsSetup(t)
		for _, path := range []string{"/api/v1/audit/records", "/api/v1/effects", "/api/v1/notices", "/admin/audit"} {
			t.Run("A164 "+path, func(t *testing.T) {
				v := h.AsSetup(t)
				for _, name := range []string{"name", "by", "target", "text", "driver", "state", "cursor", "after", "limit", "from", "until"} {
					for _, value := range []string{"%00", "%ff", "'", "')--", "%25", "$1", strings.Repeat("a", 5000), "%f0%9f%92%a9", "-1", "9223372036854775808"} {
						got := v.Get(path + "?" + name + "=" + value)
						if got.Status >= 500 || says(got.Body) {
							t.Errorf("%s=%.20s: %d %.300s", name, value, got.Status, got.Body)
						}
					}
				}
			})
		}
		v := h.AsSetup(t)
		for _, id := range []string{"x", "%F0%9F%92%A9", "'", strings.Repeat("a", 5000)} {
			for _, path := range []string{"/api/v1/audit/records/" + id, "/api/v1/audit/records/" + id + "/proof", "/api/v1/notices/" + id} {
				if got := v.Get(path); got.Status >= 500 || says(got.Body) {
					t.Errorf("A164 %.40s: %d %.300s", path, got.Status, got.Body)
				}
			}
			for _, act := range []string{"retry", "skip"} {
				if got := v.Call(http.MethodPost, "/api/v1/effects/"+id+"/"+act, nil); got.Status >= 500 || says(got.Body) {
					t.Errorf("A164 %s %.40s: %d %.300s", act, id, got.Status, got.Body)
				}
			}
		}
	})
}

func says(body string) bool {
	for _, mark := range []string{"SQLSTATE", "sqlite:", "pgconn", "SELECT ", "constraint", "syntax error", ".go:"} {
		if strings.Contains(body, mark) {
			return true
		}
	}
	return false
}

// TestNoSecretLeaves shows R9 and A161: canaries in the secrets of a house, its
// people and its systems are
// in nothing that it logs at the finest level, answers, keeps or exports.
func TestNoSecretLeaves(t *testing.T) {
	const passphrase, outside, guess, relay = "canary-passphrase-of-the-house", "canary-secret-of-a-system", "canary-that-nobody-has", "canary-of-the-relay"
	housetest.EachURL(t, func(t *testing.T, database string) {
		var log housetest.Pen
		var data string
		h := housetest.House(t, housetest.On(database), func(o *house.Options) {
			o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.Config.Unseal = house.UnsealConfig{Passphrase: secret.Of(passphrase)}
			o.Config.Mail.Username, o.Config.Mail.Password = "sekisho", secret.Of(relay)
			data = o.Config.Data
		})
		link, _ := url.Parse(h.Link)
		value := link.Query().Get("link")
		nobody, v := h.Nobody(t), h.AsSetup(t)
		token := secretsOf(t, h, v, outside)
		seen := map[string]string{}
		note := func(what string, got housetest.Answer) { seen[what] = fmt.Sprint(got.Status, got.Header, got.Body) }
		for _, one := range []struct {
			who  string
			them *housetest.Visitor
		}{{"nobody", nobody}, {"setup", v}} {
			for _, path := range []string{
				"/", "/admin", "/admin/audit", "/nothing", "/readyz", "/api/v1/state", "/api/v1/audit/records?limit=500", "/api/v1/audit/checkpoint",
				"/api/v1/manifests/export", "/api/v1/me/tokens", "/settings/tokens", "/settings/security", "/admin/systems", "/admin/audit?text=canary", "/api/v1/notices", "/api/v1/effects", "/api/v1/openapi.json",
			} {
				note(one.who+" "+path, one.them.Get(path))
			}
			note(one.who+" guess", one.them.Post("/signin/password", url.Values{"login": {"founder"}, "password": {guess}}))
			note(one.who+" password", h.Nobody(t).Post("/signin/password", url.Values{"login": {"founder"}, "password": {housetest.SetupPassword}, "back": {"/nowhere"}}))
			note(one.who+" program", one.them.Send(http.MethodGet, "/api/v1/people", "", http.Header{"Authorization": {"Bearer " + token}}))
			note(one.who+" replay", one.them.Post("/setup", url.Values{"link": {value}}))
			note(one.who+" unseal", one.them.Call(http.MethodPost, "/api/v1/seal/unseal", map[string]string{"passphrase": passphrase}))
			note(one.who+" odd", one.them.Call(http.MethodPost, "/api/v1/seal/unseal", map[string]any{"passphrase": []string{passphrase}}))
			note(one.who+" rotate", one.them.Call(http.MethodPost, "/api/v1/seal/rotate", nil))
			note(one.who+" bearer", one.them.Send(http.MethodGet, "/api/v1/state", "", http.Header{"Authorization": {"Bearer " + value}}))
		}
		cookie := v.Cookies()[0].Value
		note("sign-out", v.Post("/signout", url.Values{}))
		seen["log"] = log.String()
		files, _ := filepath.Glob(filepath.Join(data, "*"))
		if path, file := strings.CutPrefix(database, "sqlite:"); file {
			more, _ := filepath.Glob(path + "*")
			files = append(files, more...)
		}
		for _, path := range files {
			if text, err := os.ReadFile(path); err == nil {
				seen[path] = string(text)
			}
		}
		for name, canary := range map[string]string{
			"set-up link": value, "cookie": cookie, "passphrase": passphrase, "password": housetest.SetupPassword, "wrong password": guess,
			"token": token, "secret of a system": outside, "password of the mail server": relay,
		} {
			t.Run("R9 "+name, func(t *testing.T) {
				for where, text := range seen {
					if strings.Contains(text, canary) {
						t.Errorf("it stands in %s", where)
					}
				}
			})
		}
		t.Run("A161 the rig sees", func(t *testing.T) {
			if !strings.Contains(seen["log"], "setup-link-invalid") {
				t.Error("the log did not even say that a link was refused: it proves nothing")
			}
		})
	})
}

// secretsOf gives the house a token of a person, which it returns, and a system
// with a secret.
func secretsOf(t *testing.T, h *housetest.Home, v *housetest.Visitor, outside string) (token string) {
	t.Helper()
	first, err := h.Register().OrganizationNamed(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Value string }
	got := v.Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "nightly", "org": first.ID, "scopes": []string{"people.read"}, "days": 30})
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
		t.Fatalf("token: %d %s", got.Status, got.Body)
	}
	got = v.Call(http.MethodPost, "/api/v1/organizations/"+string(first.ID)+"/systems", map[string]any{
		"definition": "servicenow", "name": "servicenow", "title": "ServiceNow", "settings": map[string]string{"base_url": "https://kaede.service-now.example"},
		"mode": "user", "scheme": "oauth2_code", "client_id": "sekisho", "set_secrets": map[string]string{"client_secret": outside}, "enabled": true,
	})
	if got.Status != http.StatusCreated || strings.Contains(got.Body, outside) {
		t.Fatalf("system: %d %s", got.Status, got.Body)
	}
	return made.Value
}
