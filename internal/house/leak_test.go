package house_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// pen is a log that several goroutines write.
type pen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pen) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pen) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// TestNoSecretLeaves shows R9 and A161: canaries in the secrets of a house are
// in nothing that it logs at the finest level, answers, keeps or exports.
func TestNoSecretLeaves(t *testing.T) {
	const passphrase = "canary-passphrase-of-the-house"
	housetest.EachURL(t, func(t *testing.T, database string) {
		var log pen
		var data string
		h := housetest.House(t, housetest.On(database), func(o *house.Options) {
			o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.Config.Unseal = house.UnsealConfig{Passphrase: secret.Of(passphrase)}
			data = o.Config.Data
		})
		link, _ := url.Parse(h.Link)
		value := link.Query().Get("link")
		nobody, v := h.Nobody(t), h.AsSetup(t)
		seen := map[string]string{}
		note := func(what string, got housetest.Answer) { seen[what] = fmt.Sprint(got.Status, got.Header, got.Body) }
		for _, one := range []struct {
			who  string
			them *housetest.Visitor
		}{{"nobody", nobody}, {"setup", v}} {
			for _, path := range []string{
				"/", "/admin", "/admin/audit", "/nothing", "/readyz", "/api/v1/state", "/api/v1/audit/records?limit=500", "/api/v1/audit/checkpoint",
				"/api/v1/manifests/export", "/api/v1/notices", "/api/v1/effects", "/api/v1/openapi.json",
			} {
				note(one.who+" "+path, one.them.Get(path))
			}
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
		for name, canary := range map[string]string{"set-up link": value, "cookie": cookie, "passphrase": passphrase} {
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
