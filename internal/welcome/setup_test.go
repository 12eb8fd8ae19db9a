package welcome_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/welcome"
)

const setupOver = "This set-up link does not count any more"

func form(base url.Values, pairs ...string) url.Values {
	all := url.Values{}
	for key, values := range base {
		all[key] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		all.Set(pairs[i], pairs[i+1])
	}
	return all
}

func TestSetUpRefused(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		v, good := h.Nobody(t), housetest.SetupForm(h.Link)
		value := good.Get("link")
		for name, bad := range map[string]string{
			"nothing": "", "made up": secret.Random(32).Reveal(), "A021 cut": value[:len(value)-1], "A021 other case": strings.ToUpper(value),
			"much": strings.Repeat("a", 9000),
		} {
			if got := v.Get("/setup?link=" + bad); !factortest.Has(got, 422, setupOver) && len(bad) < 9000 {
				t.Errorf("%s: looking said %d %.200s", name, got.Status, got.Body)
			}
			if got := v.Post("/setup", form(good, "link", bad)); !factortest.Has(got, 422, setupOver) {
				t.Errorf("%s: completing said %d", name, got.Status)
			}
		}
		for name, c := range map[string]struct{ field, value string }{
			"no login":            {"login", ""},
			"login malformed":     {"login", "関所"},
			"name malformed":      {"org.name", "Our House"},
			"no organization":     {"org.name", ""},
			"A052 two signs":      {"email", "a@x.example@evil.example"},
			"bidi":                {"family_name", "evil\u202egnp"},
			"eighty-one":          {"given_name", strings.Repeat("あ", 81)},
			"short password":      {"password", "short"},
			"common password":     {"password", "passwordpassword"},
			"password names them": {"password", "founder-founder-founder"},
			"no password":         {"password", ""},
		} {
			bad := form(good, c.field, c.value)
			got := v.Post("/setup", bad)
			if got.Status != http.StatusBadRequest || len(got.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s: %d, cookies %v", name, got.Status, got.Header["Set-Cookie"])
			}
			if c.field != "password" && !strings.Contains(got.Body, `value="First House"`) {
				t.Errorf("%s: what was typed is gone: %.2000s", name, got.Body)
			}
		}
		two := v.Post("/setup", form(good, "login", "", "org.name", "No Good"))
		if strings.Count(two.Body, `class="error"`) != 2 {
			t.Errorf("both bad fields are said at once: %d", strings.Count(two.Body, `class="error"`))
		}
		if got := v.Post("/setup", form(good, "password", factortest.GoodPassword)); got.Status != http.StatusSeeOther {
			t.Errorf("A055 after all that the link does not count any more: %d", got.Status)
		}
	})
}

// A055 looking uses nothing up; completing makes organization, administrator,
// factor and session at once, and the link is over.
func TestSetUp(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		v, other, good := h.Nobody(t), h.Nobody(t), housetest.SetupForm(h.Link)
		path := strings.TrimPrefix(h.Link, h.URL())
		factortest.Looks(t, v, path)
		names := form(good)
		names.Del("password")
		if got := v.Post("/setup", names); got.Status != 200 || !strings.Contains(got.Body, `autocomplete="new-password"`) {
			t.Errorf("the second step is %d", got.Status)
		}
		got := v.Post("/setup", good)
		if got.Status != http.StatusSeeOther || got.Header.Get("Location") != "/admin" {
			t.Fatalf("completing: %d %s", got.Status, got.Header.Get("Location"))
		}
		if got := v.Get("/admin/state"); got.Status != 200 || !strings.Contains(got.Body, "First House") {
			t.Errorf("the first administrator reads %d", got.Status)
		}
		for _, got := range []housetest.Answer{other.Get(path), other.Post("/setup", form(good, "login", "second", "org.name", "second"))} {
			if !factortest.Has(got, 422, setupOver) || !strings.Contains(got.Body, "sign in") {
				t.Errorf("A055 used twice: %d %.300s", got.Status, got.Body)
			}
		}
		record := v.Get("/api/v1/audit/records?name=setup.link-redeemed")
		if !strings.Contains(record.Body, `"by":"person:`) {
			t.Errorf("the log says %s", record.Body)
		}
		if _, empty, err := h.Welcome().NewSetupLink(ctx); err != nil || empty {
			t.Errorf("CAP-A12 a house with people makes a set-up link: %v %v", empty, err)
		}
	})
}

func TestSetUpByPasskey(t *testing.T) {
	h := housetest.House(t)
	v, key := h.Nobody(t), factortest.New(h.URL())
	good := housetest.SetupForm(h.Link)
	good.Del("password")
	if got := v.Post("/setup/passkey", form(good, "login", "")); got.Status != 400 || !strings.Contains(got.Body, "title") {
		t.Errorf("a ceremony with a bad form: %d %s", got.Status, got.Body)
	}
	options, ticket := factortest.OptionsOf(t, v.Post("/setup/passkey", good))
	answer, err := key.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string]string{
		"A049 no ticket": "", "A049 cut": ticket[:len(ticket)-2], "A049 another person": id.New[string](clock.System().Now()) + ticket[id.Len:],
	} {
		if got := v.Post("/setup", form(good, "answer", string(answer), "ticket", forged)); got.Status != 422 || len(got.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	if got := v.Post("/setup", form(good, "answer", string(answer), "ticket", ticket)); got.Status != http.StatusSeeOther {
		t.Fatalf("completing: %d %.400s", got.Status, got.Body)
	}
	if got := v.Get("/admin/state"); got.Status != 200 {
		t.Errorf("the first administrator reads %d", got.Status)
	}
}

// Of 64 who complete the set-up at once one becomes administrator, and there is
// one organization.
func TestSetUpAtOnce(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		value := secret.Of(housetest.SetupForm(h.Link).Get("link"))
		var won atomic.Int64
		codes := make(chan string, 64)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				name := "house" + strings.Repeat("x", i%50)
				_, err := h.Welcome().SetUp(ctx, value, welcome.Founding{
					Org: org.Organization{Name: name, Title: name}, Person: org.Person{Login: "founder-" + strings.Repeat("x", i%40) + "y"},
				}, factor.First{Password: secret.Of(factortest.GoodPassword)}, welcome.Where{})
				if err == nil {
					won.Add(1)
				} else {
					codes <- fault.Code(err)
				}
			})
		}
		wg.Wait()
		close(codes)
		for code := range codes {
			// PostgreSQL may give up serialising 64 of them; the mill lets so
			// many wait.
			if code != "setup-link-invalid" && code != "store-busy" && code != "password-busy" {
				t.Errorf("one was refused as %q", code)
			}
		}
		orgs, _, err := h.Register().Organizations(ctx, id.Local(0), "", "", 50)
		if err != nil || len(orgs) != 1 || won.Load() != 1 {
			t.Errorf("%d of 64 won, %d organizations (%v)", won.Load(), len(orgs), err)
		}
	})
}

// A link ends after its hour, and when a restart makes another.
func TestSetUpLinkEnds(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		c := &factortest.PutForward{Clock: clock.System()}
		h := housetest.House(t, housetest.On(database), func(o *housetest.Options) { o.Clock = c })
		again, empty, err := h.Welcome().NewSetupLink(ctx)
		if err != nil || !empty {
			t.Fatal(err, empty)
		}
		v := h.Nobody(t)
		if got := v.Post("/setup", housetest.SetupForm(h.Link)); !factortest.Has(got, 422, setupOver) {
			t.Errorf("a link made before the last one: %d", got.Status)
		}
		c.Pass(welcome.SetupLife)
		if got := v.Post("/setup", housetest.SetupForm(again.Reveal())); !factortest.Has(got, 422, setupOver) {
			t.Errorf("a link after its hour: %d", got.Status)
		}
	})
}
