package mail_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/sekisho/sekisho/internal/fake/mail"
)

// site asks the pages of a relay.
type site struct {
	t *testing.T
	h http.Handler
}

func siteOf(t *testing.T, s *mail.Server) site {
	t.Helper()
	h, err := s.Handler(mail.Site{Below: "/mail/"})
	if err != nil {
		t.Fatal(err)
	}
	return site{t, h}
}

func (s site) get(path string, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	s.h.ServeHTTP(w, r)
	return w
}

// nodes are all of a page.
func (s site) nodes(path string) []*html.Node {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get(path).Body.String()))
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.Collect(page.Descendants())
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// hostile is a mail that tries to break out of every place it is shown in.
var hostile = strings.NewReplacer(
	"=?utf-8?q?=E6=8B=9B=E5=BE=85?=", "=?utf-8?q?</bdi><script>alert(1)</script>_=E2=80=AEgpj.exe?=",
	"https:", "javascript:alert(1) data:text/html,x https:",
	"<p>See", "</iframe><base href=//evil.example><p onclick=alert(1)>See",
).Replace(text)

func TestHostileMails(t *testing.T) {
	relay := start(t, mail.Options{})
	s := siteOf(t, relay)
	if err := send(client(t, relay, mail.Plain), "o'b&lt@kaede.example", hostile); err != nil {
		t.Fatal(err)
	}
	t.Run("A133 nothing runs on the page", func(t *testing.T) {
		for _, path := range []string{"/mail/", "/mail/1"} {
			for _, n := range s.nodes(path) {
				if n.Data == "script" || n.Data == "img" || n.Data == "base" || attribute(n, "onclick") != "" {
					t.Errorf("%s: <%s> came from the mail", path, n.Data)
				}
				href := attribute(n, "href")
				if n.Data == "a" && !strings.HasPrefix(href, "/mail/") && href != "https://house.example/x?a=b" {
					t.Errorf("%s: link to %s", path, href)
				}
			}
		}
	})
	t.Run("A133 its HTML is shut away", func(t *testing.T) {
		policy := s.get("/mail/1/html").Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "sandbox", "frame-ancestors 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy %s lacks %s", policy, want)
			}
		}
		if strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") || strings.Contains(policy, "http") {
			t.Errorf("policy %s", policy)
		}
		frames := 0
		for _, n := range s.nodes("/mail/1") {
			if n.Data == "iframe" {
				frames++
				if box := attribute(n, "sandbox"); box == "" || strings.Contains(box, "script") || strings.Contains(box, "same-origin") {
					t.Errorf("sandbox %q", box)
				}
			}
		}
		if frames != 1 {
			t.Errorf("%d frames", frames)
		}
	})
	t.Run("marks of direction show", func(t *testing.T) {
		for _, path := range []string{"/mail/", "/mail/1"} {
			if page := s.get(path).Body.String(); strings.ContainsRune(page, '\u202e') || !strings.Contains(page, "202E⟩") {
				t.Errorf("%s hides what turns its subject around: %s", path, page)
			}
		}
	})
	for _, path := range []string{"/mail/", "/mail/1", "/mail/1/html", "/mail/1/raw", "/mail/2"} {
		h := s.get(path).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if kind := s.get("/mail/1/raw").Header().Get("Content-Type"); kind != "text/plain; charset=utf-8" {
		t.Errorf("raw is %s", kind)
	}
}

func TestHugeMails(t *testing.T) {
	relay := start(t, mail.Options{})
	s, c := siteOf(t, relay), client(t, relay, mail.Plain)
	body := "Subject: " + strings.Repeat("a long subject\r\n ", 700) + "\r\nX-More: " + strings.Repeat("more\r\n ", 15_000) + "x\r\n\r\n" +
		strings.Repeat("https://house.example/a\r\n", 100_000)
	if err := send(c, "aoi@kaede.example", body); err != nil {
		t.Fatal(err)
	}
	page := s.get("/mail/1").Body.String()
	if n := strings.Count(page, "<a href=\"https://"); len(page) > 400<<10 || n != 200 || !strings.Contains(page, "Only the first") {
		t.Errorf("%d bytes, %d links", len(page), n)
	}
	if list := s.get("/mail/").Body.Len(); list > 4<<10 {
		t.Errorf("the list of one mail has %d bytes", list)
	}
	if got := s.get("/mail/1/raw").Body.Len(); got < 2_000_000 {
		t.Errorf("raw is cut: %d bytes", got)
	}
}

func TestListsAndLooksAgain(t *testing.T) {
	relay := start(t, mail.Options{})
	s, c := siteOf(t, relay), client(t, relay, mail.Plain)
	empty := s.get("/mail/").Body.String()
	if !strings.Contains(empty, "No mail yet") || !strings.Contains(empty, `http-equiv="refresh"`) {
		t.Errorf("empty: %s", empty)
	}
	if ja := s.get("/mail/", "Accept-Language", "ja").Body.String(); !strings.Contains(ja, "メールはまだありません") || !strings.Contains(ja, `<html lang="ja">`) {
		t.Errorf("in Japanese: %s", ja)
	}
	if got := s.get("/mail/?seen=0"); got.Code != http.StatusNoContent {
		t.Errorf("nothing new: %d", got.Code)
	}
	for i := range 60 {
		if err := send(c, fmt.Sprintf("p%02d@kaede.example", i), text); err != nil {
			t.Fatal(err)
		}
	}
	fresh := s.get("/mail/?seen=0")
	if page := fresh.Body.String(); fresh.Code != 200 || strings.Contains(page, "<html") || strings.Count(page, "<tr>") != 51 || !strings.Contains(page, "p59@") || strings.Contains(page, "p09@") {
		t.Errorf("the list alone: %d %s", fresh.Code, page)
	}
	if page := s.get("/mail/?before=11").Body.String(); !strings.Contains(page, "p09@") || strings.Contains(page, "p10@") {
		t.Errorf("older: %s", page)
	}
	if !relay.Opened(60).IsZero() {
		t.Error("opened unseen")
	}
	if page := s.get("/mail/60").Body.String(); !strings.Contains(page, "招待") || relay.Opened(60).IsZero() {
		t.Errorf("one: %s", page)
	}
	if again := s.get("/mail/?seen=60-0"); again.Code != 200 || strings.Count(again.Body.String(), "badge") != 49 {
		t.Errorf("after a mail was opened: %d", again.Code)
	}
	for path, want := range map[string]int{"/mail/61": 404, "/mail/x": 404, "/mail/1/x": 404, "/mail/0": 404, "/mail/99999999999999999999": 404} {
		if got := s.get(path).Code; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
