package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// MaxBody is how many bytes of a body are read, on every edge (A147).
const MaxBody = 1 << 20

// MaxLarge is how many bytes of a body are read on a Large route.
const MaxLarge = 32 << 20

// Visit is one request to a page or a protocol endpoint.
type Visit struct {
	mux      *Mux
	w        http.ResponseWriter
	r        *http.Request
	rec      *record
	form     url.Values
	topics   []string // with the version that the reader has
	followed []string
	crumbs   []ui.Link
	below    templ.Component
	failWith func(*Visit, Problem) error
}

// Context returns the request's context; it carries actor and circumstances.
func (v *Visit) Context() context.Context { return v.r.Context() }

// Request returns the request itself, for protocols. Forwarding headers are gone.
func (v *Visit) Request() *http.Request { return v.r }

// Writer returns the response, for protocols and downloads.
func (v *Visit) Writer() http.ResponseWriter { return v.w }

// Actor returns who acts.
func (v *Visit) Actor() Actor { return v.rec.actor }

// Lang returns the reader's language.
func (v *Visit) Lang() words.Lang { return v.rec.lang }

// Zone returns the reader's time zone: as they chose, as the browser said, or
// UTC.
func (v *Visit) Zone() *time.Location {
	if v.rec.actor.Zone != "" {
		return loadZone(v.rec.actor.Zone)
	}
	return zoneOf(v.r)
}

// Now returns the time of the house's clock.
func (v *Visit) Now() time.Time { return v.mux.options.Clock.Now() }

// Say returns the sentence of key in the reader's language.
func (v *Visit) Say(key string, pairs ...any) string {
	return v.mux.options.Book.Say(v.rec.lang, key, fault.Pairs(pairs...))
}

// Path returns the value of a wildcard of the route.
func (v *Visit) Path(name string) string { return v.r.PathValue(name) }

// Query returns the first value of a query parameter.
func (v *Visit) Query(name string) string { return v.r.URL.Query().Get(name) }

// May asks for a permission on a target; nil is yes.
func (v *Visit) May(permission, target string) error {
	if v.mux.options.May == nil {
		return fault.New(fault.Forbidden, "not-permitted", "permission", permission)
	}
	return v.mux.options.May(v.Context(), v.rec.actor, permission, target)
}

// Form returns the fields of a posted form (application/x-www-form-urlencoded,
// at most MaxBody bytes of UTF-8).
func (v *Visit) Form() (url.Values, error) {
	if v.form != nil {
		return v.form, nil
	}
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, fault.New(fault.Invalid, "media-type-unsupported", "want", "application/x-www-form-urlencoded")
	}
	body, err := v.Body()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "form-malformed").Because(err)
	}
	for name, values := range form {
		if all := name + strings.Join(values, ""); !utf8.ValidString(all) || strings.IndexByte(all, 0) >= 0 {
			return nil, fault.New(fault.Invalid, "text-not-utf8")
		}
	}
	v.form = form
	return form, nil
}

// Parts reads a form with files. Invalid media-type-unsupported for any other
// body, and what Body refuses.
func (v *Visit) Parts() (*multipart.Reader, error) {
	const want = "multipart/form-data"
	kind, params, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err != nil || kind != want {
		return nil, fault.New(fault.Invalid, "media-type-unsupported", "want", want)
	}
	body, err := v.Body()
	if err != nil {
		return nil, err
	}
	return multipart.NewReader(bytes.NewReader(body), params["boundary"]), nil
}

// Body reads the whole body, at most MaxBody bytes.
func (v *Visit) Body() ([]byte, error) {
	if v.rec.route != nil && v.rec.route.Large {
		return readBody(v.w, v.r, MaxLarge)
	}
	return readBody(v.w, v.r, MaxBody)
}

func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, fault.New(fault.Invalid, "body-too-large", "limit", most)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.New(fault.Invalid, "body-too-large", "limit", most)
	case err != nil:
		return nil, fault.New(fault.Invalid, "body-cut-short").Because(err)
	}
	return body, nil
}

// Follow makes the page wait for changes of the topics. Call it before reading
// what the page shows: a change in between is then told at once.
func (v *Visit) Follow(topics ...string) {
	for _, topic := range topics {
		v.topics, v.followed = append(v.topics, v.mux.hub.mark(topic)), append(v.followed, topic)
	}
}

// Crumb adds a step to the way back from a page about one thing. The page of
// the section's rail that the thing is listed on is there already.
func (v *Visit) Crumb(text, href string) {
	v.crumbs = append(v.crumbs, ui.Link{Text: text, Href: href})
}

// Show answers 200 with a page of the house's layout around body.
func (v *Visit) Show(title string, body templ.Component) error {
	return v.ShowStatus(http.StatusOK, title, body)
}

// ShowStatus is Show with another status, for a form that came back with errors.
func (v *Visit) ShowStatus(status int, title string, body templ.Component) error {
	frame := v.frame(title)
	return v.render(status, frame, ui.Layout(frame, body))
}

// Fragment answers with a component alone, for a part of a page that htmx
// fetches again.
func (v *Visit) Fragment(status int, part templ.Component) error {
	return v.render(status, v.frame(""), part)
}

// JSON answers a script of one of our own pages; it asked with Accept:
// application/json, and reads refusals as problems.
func (v *Visit) JSON(value any) error { return v.jsonAs(http.StatusOK, value) }

func (v *Visit) jsonAs(status int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(text) // a reader who left is no error of ours
	return nil
}

// script reports whether a script of a page asked, not somebody who reads.
func (v *Visit) script() bool { return v.r.Header.Get("Accept") == "application/json" }

// Partial reports whether htmx asked for a part rather than for a page.
func (v *Visit) Partial() bool {
	return v.r.Header.Get("HX-Request") == "true" && v.r.Header.Get("HX-Request-Type") == "partial"
}

// See answers 303 to a path of this site; anything else leads to "/" (A009).
func (v *Visit) See(path string) error {
	v.w.Header().Set("Location", Local(path))
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// OpenSession sets the session cookie for at most d.
func (v *Visit) OpenSession(value secret.Text, d time.Duration) {
	http.SetCookie(v.w, v.mux.cookie(value.Reveal(), int(d/time.Second)))
}

// CloseSession takes the session cookie back.
func (v *Visit) CloseSession() { http.SetCookie(v.w, v.mux.cookie("", -1)) }

// cookie is Lax: Strict would lose the session on the way back from an OAuth
// provider and on links in mails.
func (m *Mux) cookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: m.CookieName(), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: m.secure, SameSite: http.SameSiteLaxMode,
	}
}

func (v *Visit) frame(title string) *ui.Frame {
	m := v.mux
	frame := &ui.Frame{
		Lang: v.rec.lang, Title: title, Path: Local(v.r.URL.RequestURI()), Request: v.rec.id,
		Zone: v.Zone(), Now: v.Now(), Asset: m.assets.Path, Book: m.options.Book,
		Known: v.rec.actor.Known(), Stream: streamPath(v.topics),
	}
	if v.r.Method != http.MethodGet {
		frame.Path = "/"
	}
	if frame.Known {
		frame.SignOut, frame.Search = m.options.SignOut, m.options.Search
	}
	if slices.Contains(v.followed, m.options.BannerTopic) {
		frame.BannerTopic = m.options.BannerTopic
	}
	if m.options.Banners != nil {
		frame.Banners = m.options.Banners(v.Context(), v.rec.lang)
	}
	if m.options.Links != nil {
		frame.Links = markCurrent(m.options.Links(v.Context(), v.rec.actor, v.rec.lang), v.r.URL.Path)
	}
	if m.options.Account != nil && frame.Known {
		frame.Account = m.options.Account(v.Context(), v.rec.actor, v.rec.lang)
	}
	if m.options.Rail != nil && frame.Known {
		frame.Rail = markCurrent(m.options.Rail(v.Context(), v.rec.actor, v.r.URL.Path, v.rec.lang), v.r.URL.Path)
	}
	frame.Crumbs, frame.Below = append(v.listed(frame.Rail), v.crumbs...), v.below
	return frame
}

// listed is the page of the rail that a deeper one belongs to.
func (v *Visit) listed(rail []ui.Link) []ui.Link {
	for _, link := range rail {
		if link.Current && link.Href != v.r.URL.Path {
			return []ui.Link{{Text: link.Text, Href: link.Href}}
		}
	}
	return nil
}

// markCurrent marks the link that leads nearest to where the reader is.
func markCurrent(links []ui.Link, path string) []ui.Link {
	nearest := -1
	for i, link := range links {
		inside := path == link.Href || strings.HasPrefix(path, link.Href+"/")
		if inside && (nearest < 0 || len(link.Href) > len(links[nearest].Href)) {
			nearest = i
		}
	}
	if nearest >= 0 {
		links[nearest].Current = true
	}
	return links
}

// TypedZone is the zone in which the form showed the time of a field: the
// browser may have told its zone only since.
func TypedZone(form url.Values, field string) *time.Location {
	return loadZone(form.Get(ui.ZoneField(field)))
}

// render writes a component only once it is whole: an error on the way can
// still become an error page.
func (v *Visit) render(status int, frame *ui.Frame, c templ.Component) error {
	buffer, _ := v.mux.buffers.Get().(*bytes.Buffer)
	if buffer == nil {
		buffer = new(bytes.Buffer)
	}
	defer func() { v.mux.buffers.Put(buffer) }()
	buffer.Reset()
	if err := c.Render(ui.With(v.Context(), frame), buffer); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.rec.lang))
	h.Set("Content-Security-Policy", pagePolicy)
	h.Add("Vary", "Accept-Language, Cookie, HX-Request, HX-Request-Type")
	if postsToUs(buffer.Bytes()) {
		h.Set("Referrer-Policy", "same-origin")
	}
	v.w.WriteHeader(status)
	_, _ = v.w.Write(buffer.Bytes()) // a reader who left is no error of ours
	return nil
}

// postsToUs reports whether the page can send an unsafe request: with
// no-referrer Chromium would send "Origin: null" with it.
func postsToUs(page []byte) bool {
	for _, mark := range [...]string{`method="post"`, "hx-post=", "hx-put=", "hx-patch=", "hx-delete="} {
		if bytes.Contains(page, []byte(mark)) {
			return true
		}
	}
	return false
}
