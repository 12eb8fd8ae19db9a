package connector

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// way is how a system gives tokens, as its definition and its settings say
// together.
type way struct {
	scheme    string
	authorize string // URL of the authorization endpoint
	token     string
	revoke    string // "" for none (RFC 7009)
	clientID  string
	secret    secret.Text
	scope     string
	pkce      bool // S256, else none
	basic     bool // the client says who it is by Basic, else in the body
	json      bool // the body is JSON, else a form
	extra     map[string]string
	life      time.Duration // of an access token whose life is not said
	lifetime  time.Duration // after which no refreshing helps; 0 for none
}

// refreshes reports whether tokens can be fetched anew without a person.
func (w way) refreshes(t tokens) bool {
	return w.scheme == SchemeClient || w.scheme == SchemeCode && !t.refresh.Empty()
}

// consentURL is where a person is sent to consent (RFC 6749 §4.1.1). The
// verifier is proven by its hash alone (RFC 7636).
func (w way) consentURL(redirect, state string, verifier secret.Text) (string, error) {
	u, err := url.Parse(w.authorize)
	if err != nil {
		return "", err
	}
	q := u.Query()
	for name, value := range w.extra {
		q.Set(name, value)
	}
	q.Set("response_type", "code")
	q.Set("client_id", w.clientID)
	q.Set("redirect_uri", redirect)
	q.Set("state", state)
	if w.scope != "" {
		q.Set("scope", w.scope)
	}
	if w.pkce {
		sum := sha256.Sum256(verifier.RevealBytes())
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// byCode redeems a code (RFC 6749 §4.1.3).
func (w way) byCode(ctx context.Context, out *egress.Client, now time.Time, code secret.Text, redirect string, verifier secret.Text) (tokens, error) {
	form := map[string]string{"grant_type": "authorization_code", "code": code.Reveal(), "redirect_uri": redirect}
	if w.pkce {
		form["code_verifier"] = verifier.Reveal()
	}
	t, err := w.ask(ctx, out, now, form)
	if err == nil && w.lifetime > 0 {
		t.ends = now.Add(w.lifetime)
	}
	return t, err
}

// anew fetches the next tokens. A system that gives the same access token again
// with another end, or no new refresh token, has done nothing wrong; the end of
// all refreshing moves only with a new refresh token that starts it anew, which
// no system here does.
func (w way) anew(ctx context.Context, out *egress.Client, now time.Time, t tokens) (tokens, error) {
	form := map[string]string{"grant_type": "client_credentials"}
	if w.scheme == SchemeCode {
		form = map[string]string{"grant_type": "refresh_token", "refresh_token": t.refresh.Reveal()}
	} else if w.scope != "" {
		form["scope"] = w.scope
	}
	fresh, err := w.ask(ctx, out, now, form)
	if fresh.refresh.Empty() {
		fresh.refresh = t.refresh
	}
	fresh.ends = t.ends
	return fresh, err
}

// tokenAnswer is what a token endpoint says, either way (RFC 6749 §5).
type tokenAnswer struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken string          `json:"refresh_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in"`
	Error        json.RawMessage `json:"error"`
	Description  string          `json:"error_description"`
}

func (w way) ask(ctx context.Context, out *egress.Client, now time.Time, form map[string]string) (tokens, error) {
	got, sent, err := w.post(ctx, out, w.token, form)
	if err != nil {
		return tokens{}, &Problem{Kind: Unavailable, Step: "token", Sent: sent, Err: err, Message: saidOf(err)}
	}
	var a tokenAnswer
	if jsonErr := json.Unmarshal(got.Body, &a); jsonErr != nil {
		return tokens{}, refusedToken(got, tokenAnswer{}, jsonErr)
	}
	if got.Status/100 != 2 || a.AccessToken == "" {
		return tokens{}, refusedToken(got, a, nil)
	}
	if a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer") {
		return tokens{}, &Problem{Kind: Invalid, Step: "token", Message: "token_type " + clip(a.TokenType)}
	}
	t := tokens{access: secret.Of(a.AccessToken), refresh: secret.Of(a.RefreshToken), life: lifeOf(a.ExpiresIn, w.life)}
	if t.life > 0 {
		t.expires = now.Add(t.life)
	}
	return t, nil
}

// longestLife is more than any access token lives: what is said beyond it is a
// time of day of some clock, or a mistake.
const longestLife = 400 * 24 * time.Hour

// lifeOf reads expires_in, seconds as a number or as text (RFC 6749 §5.1). What is
// no credible life is not said: then the definition's counts, and without one a
// token is used until it is refused. A time of the other side's clock, within a
// token or beside it, counts for nothing.
func lifeOf(said json.RawMessage, otherwise time.Duration) time.Duration {
	n, err := strconv.ParseFloat(strings.Trim(string(said), `"`), 64)
	if err != nil || !(n >= 1 && n <= longestLife.Seconds()) {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

// post sends a form to an endpoint of the authorization server, as the client.
func (w way) post(ctx context.Context, out *egress.Client, endpoint string, form map[string]string) (got *egress.Answer, sent bool, err error) {
	to, err := egress.ParseURL(endpoint)
	if err != nil {
		return nil, false, err
	}
	if err := definition.CheckAddress(endpoint); err != nil {
		return nil, false, err
	}
	header := http.Header{"Accept": {"application/json"}}
	if w.basic {
		pair := url.QueryEscape(w.clientID) + ":" + url.QueryEscape(w.secret.Reveal()) // RFC 6749 §2.3.1
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	} else {
		form["client_id"] = w.clientID
		if !w.secret.Empty() {
			form["client_secret"] = w.secret.Reveal()
		}
	}
	var body []byte
	if w.json {
		header.Set("Content-Type", "application/json")
		if body, err = json.Marshal(form); err != nil {
			return nil, false, err
		}
	} else {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		values := url.Values{}
		for name, value := range form {
			values.Set(name, value)
		}
		body = []byte(values.Encode())
	}
	defer clear(body)
	got, err = out.Do(ctx, egress.Request{Method: http.MethodPost, URL: to, Header: header, Body: body})
	return got, true, err
}

// refusedToken makes a problem of an answer without a token. Which credential
// was refused decides what follows: a grant that is dead is its person's to
// make again, a client that is not known the administrator's.
func refusedToken(got *egress.Answer, a tokenAnswer, cause error) *Problem {
	p := &Problem{Kind: Failed, Step: "token", Sent: true, Err: cause, Message: clip(a.Description)}
	code := strings.Trim(string(a.Error), `"`)
	switch {
	case got.Status == http.StatusTooManyRequests:
		p.Kind = Throttled
	case got.Status >= 500:
		p.Kind = Unavailable
	case code == "invalid_client" || code == "unauthorized_client":
		p.Kind = Forbidden
	case cause != nil && got.Status == http.StatusForbidden:
		p.Kind = Invalid // the page of whoever stands before it: no word about the grant
	case code == "invalid_grant" || code == "access_denied" || got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden:
		p.Kind = Unauthorized // ServiceNow says no more of a client that is wrong than of a code that is
	case got.Status == http.StatusNotFound:
		p.Kind = NotFound
	case cause != nil || got.Status/100 == 2:
		p.Kind = Invalid
	}
	if p.Message == "" && json.Valid(a.Error) && strings.HasPrefix(string(a.Error), `"`) {
		p.Message = clip(code)
	}
	if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err == nil && seconds > 0 && seconds < 86400 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// saidOf is what a fault of the way out tells about where it did not lead.
func saidOf(err error) string {
	if f := fault.As(err); f != nil {
		return f.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return ""
}

// clip shortens what the other side says, to one line of text.
func clip(text string) string {
	const most = 200
	runes := []rune(unshown.ReplaceAllString(strings.ToValidUTF8(text, "�"), " "))
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	return string(runes)
}
