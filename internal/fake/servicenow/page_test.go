package servicenow_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browser is somebody at the pages, who follows where they lead within the
// instance.
type browser struct {
	d    *desk
	http *http.Client
	lang string
	last *url.URL // address of the last page, or the one outside that it led to
}

func (d *desk) browse(login, lang string) *browser {
	d.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	b := &browser{d: d, lang: lang}
	b.http = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		b.last = r.URL
		if !strings.HasPrefix(r.URL.String(), d.url) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	if login != "" {
		if status, page := b.post("/login", "login", login, "password", d.Password(login).Reveal()); status != 200 {
			d.t.Fatalf("%s cannot sign in: %d %s", login, status, page)
		}
	}
	return b
}

func (b *browser) get(path string) (int, string) { return b.visit(http.MethodGet, path, "") }

func (b *browser) post(path string, pairs ...string) (int, string) {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.visit(http.MethodPost, path, form.Encode())
}

func (b *browser) visit(method, path, body string) (int, string) {
	b.d.t.Helper()
	r, err := http.NewRequestWithContext(b.d.t.Context(), method, b.d.url+path, strings.NewReader(body))
	if err != nil {
		b.d.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", b.lang)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	back, err := b.http.Do(r)
	if err != nil {
		b.d.t.Fatal(err)
	}
	a := read(back)
	return a.status, a.text
}

// has says which of the texts a page lacks.
func (d *desk) has(page string, texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			d.t.Errorf("the page lacks %q: %s", text, page)
		}
	}
}

// What the story's requester and approver see over there.
func TestThePagesOfTheStory(t *testing.T) {
	d := open(t)
	aoi := d.browse("aoi", "en")
	_, page := aoi.get("/catalog/Hardware")
	d.has(page, "Self Service", "Service Catalog", "Hardware", "Macbook Pro", "$1,999.00")
	if strings.Contains(page, "VPN Access") {
		t.Error("another category shows")
	}
	_, page = aoi.get("/item/" + d.SysID("Macbook Pro"))
	d.has(page, "Order Now")
	_, page = aoi.post("/item/"+d.SysID("Macbook Pro"), "quantity", "1")
	q := d.Requests()[0]
	d.has(page, q.Number, "Approval", "Requested", "馬場 牡丹 (Botan Baba)", "Macbook Pro", "2026-04-04 09:30")
	d.decide("botan", q.Approvals[0].ID, "approved", "")
	_, page = aoi.get("/request/" + q.Number)
	d.has(page, `<span class="state approved">Approved</span>`, "馬場 牡丹 (Botan Baba)", "2026-04-01 09:30")
	if strings.Contains(page, `class="state requested"`) {
		t.Error("still requested")
	}
	_, page = aoi.get("/requests")
	d.has(page, q.Number)
	if at := d.Looked("aoi", q.Number); !at.Equal(d.clock.Now()) || !d.Looked("botan", q.Number).IsZero() {
		t.Errorf("she looked at %s", at)
	}
	t.Run("in Japanese", func(*testing.T) {
		_, page := d.browse("aoi", "ja,en;q=0.5").get("/request/" + q.Number)
		d.has(page, `lang="ja"`, "承認済み", q.Number)
		_, page = aoi.get("/?lang=ja")
		d.has(page, "ハードウェア", "開発用ノートPC")
		_, page = aoi.get("/requests") // remembered
		d.has(page, "自分の要求")
	})
	t.Run("the address of a row", func(*testing.T) {
		_, page := d.browse("botan", "en").get("/sysapproval_approver.do?sys_id=" + q.Approvals[0].ID)
		d.has(page, q.Number)
	})
	t.Run("two-step checkout", func(*testing.T) {
		d.turn("two-step")
		_, page := aoi.post("/item/"+d.SysID("iPhone"), "quantity", "2")
		d.has(page, "カート")
		if len(d.Requests()) != 1 {
			t.Error("ordered without the second step")
		}
		_, page = aoi.post("/cart")
		d.has(page, d.Requests()[1].Number)
	})
}

func TestThePagesRefuse(t *testing.T) {
	d := open(t)
	q := d.ask()
	if status, page := d.browse("", "en").post("/login", "login", "aoi", "password", "x"); status != 401 || !strings.Contains(page, "do not fit") {
		t.Errorf("%d", status)
	}
	if _, page := d.browse("", "en").get("/request/" + q.Number); strings.Contains(page, q.Number+"</h1>") {
		t.Error("shown to nobody")
	}
	lena := d.browse("lena", "en")
	for _, path := range []string{"/request/" + q.Number, "/request/REQ1", "/catalog/Weapons", "/item/0", "/nothing", "/sc_request.do?sys_id=0"} {
		if status, _ := lena.get(path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := lena.post("/approval/"+q.Approvals[0].ID, "state", "approved"); status != 404 {
		t.Errorf("%d", status)
	}
	botan := d.browse("botan", "en")
	if status, page := botan.post("/approval/"+q.Approvals[0].ID, "state", "rejected"); status != 400 || !strings.Contains(page, "write in the comments why") {
		t.Errorf("%d", status)
	}
	if status, page := botan.post("/item/"+d.SysID("iPhone"), "quantity", "0"); status != 400 || !strings.Contains(page, "Nothing was ordered") {
		t.Errorf("%d", status)
	}
	d.wants(q, "requested", "botan requested")
	if status, _ := botan.post("/approval/"+q.Approvals[0].ID, "state", "rejected", "comments", "No"); status != 200 {
		t.Errorf("%d", status)
	}
	d.wants(q, "rejected", "botan rejected")
	if len(d.Requests()) != 1 {
		t.Error("something was ordered")
	}
}

func TestConsent(t *testing.T) {
	d := open(t)
	asks := func(pairs ...string) string {
		v := url.Values{"response_type": {"code"}, "client_id": {d.client.ID}, "redirect_uri": {callback}, "state": {"s1"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return "/oauth_auth.do?" + v.Encode()
	}
	t.Run("who asks wrongly is not answered to", func(t *testing.T) {
		botan := d.browse("botan", "en")
		for _, path := range []string{asks("client_id", "x"), asks("redirect_uri", "https://evil.example/"), asks("redirect_uri", callback+"?x=1")} {
			if status, _ := botan.get(path); status != 400 || !strings.HasPrefix(botan.last.String(), d.url) {
				t.Errorf("%s: %d %s", path, status, botan.last)
			}
		}
		botan.get(asks("response_type", "token"))
		if botan.last.Query().Get("error") != "unsupported_response_type" {
			t.Errorf("%s", botan.last)
		}
	})
	t.Run("first one signs in", func(*testing.T) {
		_, page := d.browse("", "en").get(asks())
		d.has(page, `name="password"`, "oauth_auth.do")
	})
	form := []string{"client_id", d.client.ID, "redirect_uri", callback, "state", "s1"}
	t.Run("denied", func(t *testing.T) {
		botan := d.browse("botan", "en")
		_, page := botan.get(asks())
		d.has(page, `<span class="endpoint">Sekisho</span>`, "Allow")
		botan.post("/oauth_auth.do", append(form, "answer", "deny")...)
		if botan.last.Query().Get("error") != "access_denied" || botan.last.Query().Get("state") != "s1" {
			t.Errorf("%s", botan.last)
		}
	})
	t.Run("allowed", func(t *testing.T) {
		botan := d.browse("botan", "ja")
		botan.post("/oauth_auth.do", append(form, "answer", "allow")...)
		if !strings.HasPrefix(botan.last.String(), callback+"?") || botan.last.Query().Get("state") != "s1" {
			t.Fatalf("%s", botan.last)
		}
		a := d.token(d.client, "grant_type", "authorization_code", "code", botan.last.Query().Get("code"), "redirect_uri", callback)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/api/now/table/sys_user?sysparm_query=user_name%3Djavascript:gs.getUserName()", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+at(a.body, "access_token"))
		if rows := d.send(r).result(); len(rows) != 1 || at(rows[0], "user_name") != "botan" {
			t.Errorf("%v", rows)
		}
	})
	t.Run("nobody consents", func(t *testing.T) {
		if status, _ := d.browse("", "en").post("/oauth_auth.do", append(form, "answer", "allow")...); status != 400 {
			t.Errorf("%d", status)
		}
	})
}

// Somebody writes a page into every place that people can write into.
func TestThePagesShowTextOnly(t *testing.T) {
	d := open(t)
	q := d.ask()
	const evil = `<script>alert(1)</script>`
	d.call("aoi", "PATCH", "/api/now/table/sc_request/"+q.ID, `{"comments":"`+evil+`","short_description":"`+evil+`"}`)
	d.decide("botan", q.Approvals[0].ID, "rejected", evil)
	_, page := d.browse("aoi", "en").get("/request/" + q.Number)
	if strings.Contains(page, "<script") || strings.Count(page, "&lt;script&gt;") != 3 {
		t.Error(page)
	}
}
