package definition

import (
	"encoding/base64"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/secret"
)

// Exchange is one request as the test screen shows it, with secrets masked.
type Exchange struct {
	Step   string `json:"step"`
	Method string `json:"method"`
	URL    string `json:"url"`
	Status int    `json:"status,omitempty"` // 0: no answer
	Millis int64  `json:"ms"`
	Sent   string `json:"sent,omitempty"` // the body, cut
	Got    string `json:"got,omitempty"`  // the answer's, cut
	Fault  string `json:"fault,omitempty"`
	Ahead  int64  `json:"ahead,omitempty"` // seconds of its clock before ours, from Skewed on
}

// Trace gathers what a call said and heard. The zero value is ready, and safe for
// use at once.
type Trace struct {
	mu  sync.Mutex
	all []Exchange
}

// Exchanges returns what was gathered so far.
func (t *Trace) Exchanges() []Exchange {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Exchange(nil), t.all...)
}

// mostExchanges and longestShown bound a trace, whatever the definition does.
const (
	mostExchanges = 300
	longestShown  = 2000
)

func (t *Trace) add(e Exchange, mask *strings.Replacer) {
	if t == nil {
		return
	}
	for _, text := range []*string{&e.URL, &e.Sent, &e.Got, &e.Fault} {
		*text = shorten(mask.Replace(*text))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) < mostExchanges {
		t.all = append(t.all, e)
	}
}

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= longestShown {
		return s
	}
	cut := longestShown
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Secrets are masked from so many bytes on: in words about what went wrong, and in
// what a system answers. There a short password could be part of a name or a
// number by which somebody is known.
const (
	shortestInWords  = 4
	shortestInAnswer = 16
)

// masker replaces every secret of the credential that is no shorter wherever it
// shows up, also encoded: an answer may repeat what was sent.
func masker(c Credential, shortest int) *strings.Replacer {
	var swaps []string
	hide := func(text string) {
		if len(text) < shortest {
			return // masking a letter or two would say more than it hides
		}
		for _, form := range []string{text, url.QueryEscape(text), url.PathEscape(text), base64.StdEncoding.EncodeToString([]byte(text))} {
			swaps = append(swaps, form, secret.Redacted)
		}
	}
	user := c.Username.Reveal()
	if password := c.Password.Reveal(); password != "" {
		hide(user + ":" + password)
		hide(password)
	}
	hide(c.AccessToken.Reveal())
	hide(c.Token.Reveal())
	return strings.NewReplacer(swaps...)
}

// masked is what a system answered without the credential.
func (r *run) masked(value any) any {
	switch v := value.(type) {
	case string:
		return r.echo.Replace(v)
	case []any:
		for i := range v {
			v[i] = r.masked(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = r.masked(v[name])
		}
	}
	return value
}
