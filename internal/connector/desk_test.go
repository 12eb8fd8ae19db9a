package connector_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

func TestASystemIsRefused(t *testing.T) {
	each(t, func(r *rig) {
		for name, c := range map[string]struct {
			change func(*connector.Wanted)
			field  string
			code   string
		}{
			"name":                     {func(w *connector.Wanted) { w.Name = "Service Now" }, "name", "name-malformed"},
			"title that turns around":  {func(w *connector.Wanted) { w.Title = "a\u202eb" }, "title", "text-has-controls"},
			"no base URL":              {func(w *connector.Wanted) { w.Settings = nil }, "base_url", "connector-setting-missing"},
			"plain HTTP":               {func(w *connector.Wanted) { w.Settings["base_url"] = "http://tickets.example" }, "base_url", "connector-not-https"},
			"unknown setting":          {func(w *connector.Wanted) { w.Settings["colour"] = "red" }, "colour", "connector-setting-unknown"},
			"no client":                {func(w *connector.Wanted) { w.ClientID = "" }, "auth.client_id", "field-required"},
			"unknown scheme":           {func(w *connector.Wanted) { w.Scheme = "mtls" }, "auth.scheme", "connector-scheme-unknown"},
			"a person as a service":    {func(w *connector.Wanted) { w.Scheme = connector.SchemeClient }, "auth.mode", "connector-mode-needs-person"},
			"unknown secret":           {func(w *connector.Wanted) { w.Secrets["pin"] = secret.Of("1234") }, "pin", "connector-secret-unknown"},
			"secret with a line break": {func(w *connector.Wanted) { w.Secrets[connector.ClientSecret] = secret.Of("a\nb") }, "auth.client_secret", "connector-secret-malformed"},
			"A146 endpoint elsewhere":  {func(w *connector.Wanted) { w.TokenEndpoint = "https://evil.example/token" }, "auth.token_endpoint", "connector-host-invalid"},
			"A139 everything":          {func(w *connector.Wanted) { w.Networks = []string{"0.0.0.0/0"} }, "networks", "connector-network-malformed"},
			"authorities":              {func(w *connector.Wanted) { w.Authorities = "none" }, "authorities", "connector-authorities-malformed"},
		} {
			_, err := r.desk.Put(t.Context(), by, r.wanted(c.change))
			f := fault.As(err)
			if f == nil || len(f.Fields) != 1 || f.Fields[0].Path != c.field || f.Fields[0].Code != c.code {
				t.Errorf("%s: got %v, want %s at %s", name, err, c.code, c.field)
			}
		}
		_, err := r.desk.Put(t.Context(), by, r.wanted(func(w *connector.Wanted) { w.Document = "id: stub" }))
		wantCode(t, err, "definition-invalid")
		_, err = r.desk.Put(t.Context(), by, r.wanted(func(w *connector.Wanted) { w.Document, w.Definition = "", "nothing" }))
		wantCode(t, err, "connector-definition-unknown")
		_, err = r.desk.Put(t.Context(), id.OfPerson(r.people["aoi"]), r.wanted(func(w *connector.Wanted) { w.Networks = []string{"10.0.0.0/8"} }))
		wantCode(t, err, "not-permitted")
		if all, err := r.desk.Systems(t.Context(), r.kaede); err != nil || len(all) != 0 {
			t.Errorf("there are %d systems, %v", len(all), err)
		}
		s := r.add()
		_, err = r.desk.Put(t.Context(), by, r.wanted())
		wantCode(t, err, "connector-name-taken")
		stale := connector.Wanted{System: s}
		stale.Revision = 9
		_, err = r.desk.Put(t.Context(), by, stale)
		wantCode(t, err, "connector-changed")
	})
}

func TestASystemBelongsToItsOrganization(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add()
		t.Run("TRAP-C25 system", func(t *testing.T) {
			_, err := r.desk.System(t.Context(), r.momiji, s.ID)
			wantCode(t, err, "connector-unknown")
			_, err = r.desk.As(t.Context(), r.momiji, s.ID, r.people["aoi"])
			wantCode(t, err, "connector-unknown")
			wantCode(t, r.desk.Drop(t.Context(), by, r.momiji, s.ID), "connector-unknown")
			theirs := connector.Wanted{System: s}
			theirs.Org = r.momiji
			_, err = r.desk.Put(t.Context(), by, theirs)
			wantCode(t, err, "connector-unknown")
			theirs.Revision = 0
			theirs.Name = "mine"
			_, err = r.desk.Put(t.Context(), by, theirs)
			wantCode(t, err, "connector-changed")
		})
		t.Run("TRAP-C25 connection", func(t *testing.T) {
			w := r.wish(s, "aoi")
			w.Org = r.momiji
			_, err := r.desk.Start(t.Context(), w)
			wantCode(t, err, "connector-unknown")
			if _, err := r.connect(s, "aoi", "aoi"); err != nil {
				t.Fatal(err)
			}
			if all, err := r.desk.Connected(t.Context(), r.momiji, s.ID); err != nil || len(all) != 0 {
				t.Errorf("momiji sees %d connections, %v", len(all), err)
			}
		})
	})
}

func TestADeletedOrganizationLeavesNothing(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add(func(w *connector.Wanted) { w.Org = r.momiji })
		if n, err := r.desk.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		r.must(r.register.DropOrganization(t.Context(), by, r.momiji))
		if n, err := r.desk.Sweep(t.Context()); n != 1 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		_, err := r.desk.Find(t.Context(), s.ID)
		wantCode(t, err, "connector-unknown")
	})
}

func TestAConsentIsRefused(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add()
		begin := func(login, account string) (connector.Intent, connector.Back) {
			w := r.wish(s, login)
			at, err := r.desk.Start(t.Context(), w)
			r.must(err)
			state, code := r.p.consent(t, at, account)
			return w, back(w, state, code)
		}
		finish := func(b connector.Back) error {
			_, _, err := r.desk.Finish(t.Context(), b)
			return err
		}
		t.Run("TRAP-H3 foreign state", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			b.State = secret.Of("made-up")
			wantCode(t, finish(b), "connection-state-refused")
		})
		t.Run("TRAP-H3 other session", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			b.Session = "another"
			wantCode(t, finish(b), "connection-state-refused")
		})
		t.Run("TRAP-H3 other person", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			b.By = id.OfPerson(r.people["botan"])
			wantCode(t, finish(b), "connection-state-refused")
		})
		t.Run("TRAP-H3 other system", func(t *testing.T) {
			other := r.add(func(w *connector.Wanted) { w.Name = "other" })
			_, b := begin("aoi", "aoi")
			b.System = other.ID
			wantCode(t, finish(b), "connection-state-refused")
		})
		t.Run("TRAP-H3 whoami of another person", func(t *testing.T) {
			_, b := begin("aoi", "botan")
			wantCode(t, finish(b), "connection-of-another")
		})
		t.Run("no account", func(t *testing.T) {
			_, b := begin("aoi", "ghost")
			wantCode(t, finish(b), "connector-no-such-user")
		})
		t.Run("two accounts", func(t *testing.T) {
			_, b := begin("aoi", "twin")
			wantCode(t, finish(b), "connector-ambiguous-user")
		})
		t.Run("consent refused", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			b.Error = "access_denied"
			wantCode(t, finish(b), "connection-consent-refused")
		})
		t.Run("no code", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			b.Code = secret.Text{}
			wantCode(t, finish(b), "connection-code-missing")
		})
		t.Run("foreign code", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			b.Code = secret.Of("made-up")
			wantCode(t, finish(b), "connector-grant-refused")
		})
		t.Run("code of another's consent, proof key", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			_, other := begin("botan", "botan")
			b.Code = other.Code
			wantCode(t, finish(b), "connector-grant-refused")
		})
		if got := r.state(s, "aoi"); got != connector.Off && got != connector.Connecting {
			t.Errorf("aoi is %s", got)
		}
		t.Run("TRAP-H3 second use", func(t *testing.T) {
			_, b := begin("aoi", "aoi")
			if err := finish(b); err != nil {
				t.Fatal(err)
			}
			wantCode(t, finish(b), "connection-state-refused")
			if got := r.state(s, "aoi"); got != connector.On {
				t.Errorf("aoi is %s after the code came twice", got)
			}
		})
		t.Run("TRAP-C5 the same account twice", func(t *testing.T) {
			r.p.mu.Lock()
			r.p.accounts["botan"] = [2]string{"n-aoi", "elsewhere@kaede.example"}
			r.p.mu.Unlock()
			_, b := begin("botan", "botan")
			wantCode(t, finish(b), "connection-of-another")
			if got := r.state(s, "botan"); got == connector.On {
				t.Error("botan is connected as aoi")
			}
		})
	})
}

func TestWrongSettingsSaySo(t *testing.T) {
	each(t, func(r *rig) {
		wrong := r.add(func(w *connector.Wanted) { w.Secrets[connector.ClientSecret] = secret.Of("wrong") })
		_, err := r.connect(wrong, "aoi", "aoi")
		wantCode(t, err, "connector-client-refused")
		lost := r.add(func(w *connector.Wanted) { w.Name = "lost"; w.Settings["base_url"] = r.p.URL + "/nowhere" })
		_, err = r.connect(lost, "aoi", "aoi")
		wantCode(t, err, "connector-endpoint-wrong")
		inside := r.add(func(w *connector.Wanted) { w.Name = "inside"; w.Settings["base_url"] = "https://10.1.2.3" })
		_, err = r.connect(inside, "aoi", "aoi")
		wantCode(t, err, "egress-target-refused") // A139
		for _, s := range []connector.System{wrong, lost, inside} {
			if got := r.state(s, "aoi"); got != connector.Off {
				t.Errorf("%s: aoi is %s", s.Name, got)
			}
		}
	})
}

func TestAConnectionIsMadeUsedAndEnded(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add()
		c, err := r.connect(s, "aoi", "aoi")
		if err != nil || c.NativeID != "n-aoi" || c.State != connector.On {
			t.Fatalf("connected as %+v, %v", c, err)
		}
		if left := c.EndsAt.Sub(r.clock.Now()); left < 364*24*time.Hour || left > 365*24*time.Hour {
			t.Errorf("it ends in %v", left)
		}
		x, err := r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
		r.must(err)
		if got, err := x.Ticket(t.Context(), "REQ1"); err != nil || got.Title != "a laptop" {
			t.Errorf("got %+v, %v", got, err)
		}
		_, err = r.desk.As(t.Context(), r.kaede, s.ID, r.people["botan"])
		wantCode(t, err, "connection-off")
		r.must(r.desk.Disconnect(t.Context(), c.By, r.kaede, s.ID, r.people["aoi"]))
		if got := r.state(s, "aoi"); got != connector.Off || len(r.p.revoked) != 1 {
			t.Errorf("aoi is %s, revoked there: %d", got, len(r.p.revoked))
		}
		_, err = r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
		wantCode(t, err, "connection-off")
		r.must(r.desk.Disconnect(t.Context(), c.By, r.kaede, s.ID, r.people["aoi"]))
	})
}

// TestTokensDoNotMoveToAnotherHost: who may write systems is not who may act as
// everybody: tokens that people got from one host are never shown to another.
func TestTokensDoNotMoveToAnotherHost(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add()
		_, err := r.connect(s, "aoi", "aoi")
		r.must(err)
		title := connector.Wanted{System: s}
		title.Title = "Another name"
		s, err = r.desk.Put(t.Context(), by, title)
		r.must(err)
		if got := r.state(s, "aoi"); got != connector.On {
			t.Fatalf("another title makes it %s", got)
		}
		there := newProvider(t)
		there.access["canary-access-0"] = "aoi"
		moved := connector.Wanted{System: s}
		moved.Settings = map[string]any{"base_url": there.URL}
		_, err = r.desk.Put(t.Context(), by, moved)
		wantCode(t, err, "connector-invalid")
		if f := fault.As(err); len(f.Fields) != 1 || f.Fields[0].Path != "auth.client_secret" || f.Fields[0].Code != "connector-secret-elsewhere" {
			t.Errorf("without the secret: %v", f.Fields)
		}
		if now, err := r.desk.System(t.Context(), r.kaede, s.ID); err != nil || now.Settings["base_url"] != s.Settings["base_url"] || r.state(s, "aoi") != connector.On {
			t.Errorf("a refused move leaves %v, aoi %s, %v", now.Settings, r.state(s, "aoi"), err)
		}
		moved.Secrets = map[string]secret.Text{connector.ClientSecret: secret.Of(clientSecret)}
		s, err = r.desk.Put(t.Context(), by, moved)
		r.must(err)
		_, err = r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
		wantCode(t, err, "connection-reconnect")
		if r.state(s, "aoi") != connector.Reconnect || there.asked != 0 {
			t.Errorf("aoi is %s; the other host was asked %d times", r.state(s, "aoi"), there.asked)
		}
		r.p = there
		if c, err := r.connect(s, "aoi", "aoi"); err != nil || c.State != connector.On {
			t.Errorf("connected there: %s, %v", c.State, err)
		}
	})
}

// C3: an expired token and 64 who need one, in two processes.
func TestRefreshIsSingleFlight(t *testing.T) {
	each(t, func(r *rig) {
		r.p.rotates = true
		s := r.add()
		_, err := r.connect(s, "aoi", "aoi")
		r.must(err)
		processes := []*rig{r}
		if strings.HasPrefix(r.url, "postgres") {
			processes = append(processes, r.beside())
		}
		r.p.kill()
		var wg sync.WaitGroup
		errs := make(chan error, 64)
		for i := range 64 {
			who := processes[i%len(processes)]
			wg.Go(func() {
				x, err := who.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
				if err == nil {
					_, err = x.Ticket(t.Context(), "REQ1")
				}
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Errorf("TRAP-C3: %v", err)
			}
		}
		if n := r.p.count(); n != 1 {
			t.Errorf("TRAP-C3: refreshed %d times, want once", n)
		}
	})
}

func TestWhatEndsIsRenewedBeforeItIsUsed(t *testing.T) {
	c := clock.NewMoved(housetest.Epoch)
	r := newRig(t, housetest.SQLite(t), c)
	s := r.add()
	_, err := r.connect(s, "aoi", "aoi")
	r.must(err)
	read := func() error {
		x, err := r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
		if err == nil {
			_, err = x.Ticket(t.Context(), "REQ1")
		}
		return err
	}
	r.must(read())
	c.Step(28 * time.Minute)
	r.must(read())
	if n := r.p.count(); n != 0 {
		t.Errorf("renewed %d times two minutes before the end", n)
	}
	c.Step(90 * time.Second)
	r.p.sameAgain = true
	r.must(read())
	if n := r.p.count(); n != 1 {
		t.Errorf("TRAP-C4: renewed %d times, want once", n)
	}
	if got := r.state(s, "aoi"); got != connector.On {
		t.Errorf("TRAP-C4: the same token again made it %s", got)
	}
	c.Step(30 * time.Minute)
	r.p.down = true
	wantKind(t, read(), connector.Unavailable)
	r.p.down = false
	r.must(read())
	c.Step(340 * 24 * time.Hour)
	if n, err := r.desk.Warn(t.Context()); n != 0 || err != nil {
		t.Errorf("warned %d, %v, long before the end", n, err)
	}
	c.Step(12 * 24 * time.Hour)
	for want := 1; want >= 0; want-- {
		if n, err := r.desk.Warn(t.Context()); n != want || err != nil {
			t.Errorf("warned %d, %v, want %d", n, err, want)
		}
	}
}

func TestWhatIsDeadIsMadeAgain(t *testing.T) {
	each(t, func(r *rig) {
		r.p.rotates = true
		s := r.add()
		_, err := r.connect(s, "aoi", "aoi")
		r.must(err)
		r.p.kill()
		r.p.mu.Lock()
		clear(r.p.refresh)
		r.p.mu.Unlock()
		for range 3 {
			x, err := r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
			if err == nil {
				_, err = x.Ticket(t.Context(), "REQ1")
				wantKind(t, err, connector.Unauthorized)
				continue
			}
			wantCode(t, err, "connection-reconnect")
		}
		if got := r.state(s, "aoi"); got != connector.Reconnect || r.told.count() != 1 {
			t.Errorf("aoi is %s and was told %d times", got, r.told.count())
		}
		_, err = r.connect(s, "aoi", "aoi")
		if err != nil || r.state(s, "aoi") != connector.On {
			t.Errorf("made again: %v, %s", err, r.state(s, "aoi"))
		}
	})
}

// C3: a process that dies between the answer and the write has lost the rotated
// token: the next one finds a dead connection, never a wrong one.
func TestAProcessThatDiesLosesAtMostTheConnection(t *testing.T) {
	c := clock.NewMoved(housetest.Epoch)
	r := newRig(t, housetest.SQLite(t), c)
	r.p.rotates = true
	s := r.add()
	_, err := r.connect(s, "aoi", "aoi")
	r.must(err)
	c.Step(time.Hour)
	r.must(r.store.Org(r.kaede).Write(t.Context(), func(tx *store.Tx) store.End {
		if _, err := tx.Exec("UPDATE connector_connection SET claim = 'of one who died', claim_until = $2 WHERE org = $1", store.Micros(tx.Now().Add(time.Minute))); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	}))
	r.p.mu.Lock()
	clear(r.p.refresh) // it had answered
	r.p.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		_, err := r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"])
		done <- err
	}()
	for waiting := true; waiting; {
		select {
		case err := <-done:
			wantCode(t, err, "connection-reconnect")
			waiting = false
		case <-time.After(5 * time.Millisecond):
			c.Advance(5 * time.Second)
		}
	}
	if got := r.state(s, "aoi"); got != connector.Reconnect {
		t.Errorf("aoi is %s", got)
	}
}

func TestServicesAndPastedTokens(t *testing.T) {
	each(t, func(r *rig) {
		service := r.add(func(w *connector.Wanted) { w.Mode, w.Scheme = connector.ModeService, connector.SchemeClient })
		if _, err := r.desk.Serve(t.Context(), by, r.kaede, service.ID); err != nil {
			t.Fatal(err)
		}
		x, err := r.desk.As(t.Context(), r.kaede, service.ID, r.people["botan"])
		r.must(err)
		if _, err := x.Ticket(t.Context(), "REQ1"); err != nil {
			t.Error(err)
		}
		r.p.kill()
		if _, err := x.Ticket(t.Context(), "REQ1"); err != nil {
			t.Errorf("a client fetches its own token again: %v", err)
		}
		pasted := r.add(func(w *connector.Wanted) {
			w.Name, w.Scheme, w.ClientID, w.Secrets = "pasted", connector.SchemeHeaderToken, "", nil
		})
		_, err = r.desk.Paste(t.Context(), r.wish(pasted, "aoi"), connector.Pasted{Token: secret.Of("wrong")})
		wantCode(t, err, "connector-unauthorized")
		r.p.mu.Lock()
		r.p.access["canary-pasted"] = "aoi"
		r.p.mu.Unlock()
		if c, err := r.desk.Paste(t.Context(), r.wish(pasted, "aoi"), connector.Pasted{Token: secret.Of("canary-pasted")}); err != nil || c.NativeID != "n-aoi" {
			t.Errorf("pasted: %+v, %v", c, err)
		}
		_, err = r.desk.Start(t.Context(), r.wish(pasted, "aoi"))
		wantCode(t, err, "connector-not-connected-so")
	})
}

func TestARingIsProven(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add(func(w *connector.Wanted) { w.Secrets["webhook_secret"] = secret.Of("canary-bell") })
		raw := []byte(`{"issue":{"key":"OPS-7"},"status":"approved"}`)
		mac := hmac.New(sha256.New, []byte("canary-bell"))
		mac.Write(raw)
		right := "sha256=" + hex.EncodeToString(mac.Sum(nil))
		for name, header := range map[string]string{"none": "", "wrong": "sha256=00", "no prefix": strings.TrimPrefix(right, "sha256=")} {
			_, ids, err := r.desk.Ring(t.Context(), s.ID, connector.Bell{Header: http.Header{"X-Hub-Signature": {header}}, Raw: raw})
			wantCode(t, err, "connector-ring-unproved")
			if len(ids) > 0 {
				t.Errorf("A118 %s: heard %v", name, ids)
			}
		}
		_, ids, err := r.desk.Ring(t.Context(), s.ID, connector.Bell{Header: http.Header{"X-Hub-Signature": {right}}, Raw: raw})
		if err != nil || len(ids) != 1 || ids[0] != "OPS-7" {
			t.Errorf("heard %v, %v", ids, err)
		}
		_, _, err = r.desk.Ring(t.Context(), id.New[id.Connector](r.clock.Now()), connector.Bell{Raw: raw})
		wantCode(t, err, "connector-unknown")
	})
}

// A ring by token counts once, whichever node hears it, and is forgotten with its
// token.
func TestARingByTokenCountsOnce(t *testing.T) {
	each(t, func(r *rig) {
		key, err := jws.Make(jws.ES256)
		r.must(err)
		pem, _ := key.Public().PEM()
		text := strings.NewReplacer("id: stub", "id: token-stub", "  webhook_secret: {type: secret}\n", "  webhook_key: {type: text}\n",
			`{type: hmac-sha256, header: X-Hub-Signature, prefix: "sha256=", secretRef: webhook_secret}`, "{type: jwt-es256, keyRef: webhook_key}").Replace(document)
		s := r.add(func(w *connector.Wanted) {
			w.Definition, w.Document = "", text
			w.Settings["webhook_key"] = string(pem)
		})
		raw := []byte(`{"issue":{"key":"OPS-7"}}`)
		now := r.clock.Now()
		ring := func(jti, aud string) ([]string, error) {
			token, err := key.Sign("JWT", map[string]any{"aud": aud, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": jti})
			r.must(err)
			_, ids, err := r.desk.Ring(t.Context(), s.ID, connector.Bell{Header: http.Header{"Authorization": {"Bearer " + token}}, Raw: raw})
			return ids, err
		}
		address := r.desk.DoorbellURL(s.ID)
		_, err = ring("one", address+"x")
		wantCode(t, err, "connector-ring-unproved")
		if ids, err := ring("one", address); err != nil || len(ids) != 1 {
			t.Errorf("heard %v, %v", ids, err)
		}
		ids, err := ring("one", address)
		if wantCode(t, err, "connector-ring-unproved"); ids != nil {
			t.Errorf("TRAP-C18 heard twice: %v", ids)
		}
		if ids, err := ring("two", address); err != nil || len(ids) != 1 {
			t.Errorf("another ring: %v, %v", ids, err)
		}
	})
}

// C24: nothing that the store keeps, outside of what is sealed, has a secret.
func TestNoSecretStandsInClear(t *testing.T) {
	each(t, func(r *rig) {
		s := r.add()
		_, err := r.connect(s, "aoi", "aoi")
		r.must(err)
		for _, text := range []string{fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", r.wanted())} {
			if strings.Contains(text, "canary") {
				t.Errorf("TRAP-C24: %s", text)
			}
		}
		r.must(r.store.House().Read(t.Context(), func(v *store.View) error {
			tables, err := r.store.Tables(v)
			if err != nil {
				return err
			}
			for _, table := range tables {
				for _, column := range table.Columns {
					if column.Kind == store.KindInteger {
						continue
					}
					rows, err := v.Query("SELECT " + column.Name + " FROM " + table.Name)
					values, err := store.Collect(rows, err, func(scan func(...any) error) (b []byte, err error) {
						err = scan(&b)
						return b, err
					})
					if err != nil {
						return err
					}
					for _, value := range values {
						if strings.Contains(string(value), "canary") {
							t.Errorf("TRAP-C24: %s.%s holds a secret", table.Name, column.Name)
						}
					}
				}
			}
			return nil
		}))
	})
}
