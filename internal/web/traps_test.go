package web_test

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
)

// What pieces of the library let through is pinned beside what we refuse: when
// a new version changes one of them, this says so.

func TestAMemberIsReadOnce(t *testing.T) {
	type claim struct {
		Sub string `json:"sub"`
	}
	for name, body := range map[string]string{
		"the last of two":        `{"sub":"aoi","sub":"evil"}`,
		"another case":           `{"sub":"aoi","SUB":"evil"}`,
		"another letter, folded": `{"sub":"aoi","\u017fub":"evil"}`,
	} {
		t.Run("TRAP-GO2 "+name, func(t *testing.T) {
			var theirs, ours claim
			if err := json.Unmarshal([]byte(body), &theirs); err != nil || theirs.Sub != "evil" {
				t.Errorf("encoding/json reads %+v (%v) now: is the strict decoder needed as it is?", theirs, err)
			}
			if err := web.Decode([]byte(body), &ours); fault.As(err) == nil || fault.As(err).Kind != fault.Invalid {
				t.Errorf("read as %+v (%v)", ours, err)
			}
		})
	}
}

func TestALinkStaysHereThoughTheTemplateLetsIt(t *testing.T) {
	page := template.Must(template.New("").Parse(`<a href="{{.}}">back</a>`))
	for _, there := range []string{"//evil.example", "https://evil.example/"} {
		t.Run("TRAP-GO8 "+there, func(t *testing.T) {
			var out strings.Builder
			if err := page.Execute(&out, there); err != nil || !strings.Contains(out.String(), "evil.example") {
				t.Errorf("html/template writes %q (%v) now", out.String(), err)
			}
			s := newSite(t)
			got := s.ask("POST", "/things", "back="+there, signedIn(form()...)...)
			if at := got.Header().Get("Location"); at != "/" || got.Code != http.StatusSeeOther {
				t.Errorf("we lead to %q (%d)", at, got.Code)
			}
		})
	}
}

func TestAPostThatSaysNothingOfItsOrigin(t *testing.T) {
	theirs := http.NewCrossOriginProtection()
	for name, headers := range map[string][]string{
		"no header at all":     nil,
		"our host, and no TLS": {"Origin", "http://" + host},
	} {
		t.Run("TRAP-GO9 "+name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, base+"/things", nil)
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			if err := theirs.Check(r); err != nil {
				t.Errorf("http.CrossOriginProtection refuses it now: %v", err)
			}
			s := newSite(t)
			if got := s.ask("POST", "/things", "back=/", signedIn(append(headers, "Content-Type", "application/x-www-form-urlencoded")...)...); got.Code != http.StatusForbidden {
				t.Errorf("we answer %d", got.Code)
			}
		})
	}
}

// A file is taken where a form asks for one: no other door reads one, whatever
// it says that it is.
func TestNoDoorTakesAPicture(t *testing.T) {
	const boundary = "b"
	part := func(kind, text string) string {
		return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"back\"; filename=\"x\"\r\nContent-Type: " + kind + "\r\n\r\n" + text + "\r\n--" + boundary + "--\r\n"
	}
	for name, row := range map[string]struct{ kind, body string }{
		"A134 SVG":                 {"image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`},
		"A134 a GIF that is HTML":  {"image/gif", "GIF89a<script>alert(1)</script>"},
		"A134 HTML as a picture":   {"image/png", "<!doctype html><script>alert(1)</script>"},
		"A134 SVG inside a form":   {"multipart/form-data; boundary=" + boundary, part("image/svg+xml", `<svg onload="alert(1)"/>`)},
		"A134 HTML inside a form":  {"multipart/form-data; boundary=" + boundary, part("text/html", `<script>alert(1)</script>`)},
		"A134 a picture of a type": {"image/svg+xml; charset=utf-8", `<svg/>`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for path, headers := range map[string][]string{
				"/things":        signedIn("Origin", base, "Content-Type", row.kind),
				"/api/v1/things": {"Authorization", "Bearer " + bearer, "Content-Type", row.kind},
			} {
				got := s.ask(http.MethodPost, path, row.body, headers...)
				if got.Code != http.StatusUnsupportedMediaType && got.Code != http.StatusBadRequest || strings.Contains(got.Body.String(), "alert(1)") {
					t.Errorf("%s answers %d: %.200s", path, got.Code, got.Body)
				}
			}
		})
	}
}
