package mail

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sekisho/sekisho/internal/words"
)

//go:embed page.html
var pages embed.FS

// Words are the sentences of the page.
//
//go:embed words
var Words embed.FS

// Site says how the mails are shown; its zero value but for Below is enough.
type Site struct {
	Below string                                // path that ends in a slash, such as "/mail/"
	Lang  func(*http.Request) words.Lang        // nil: as the browser asks
	Zone  func(*http.Request) *time.Location    // nil: UTC
	Frame func(http.ResponseWriter, Page) error // nil: a plain page of its own
}

// Page is what the frame of a Site stands around.
type Page struct {
	Request *http.Request
	Lang    words.Lang
	Title   string
	Status  int
	Refresh int // seconds after which a browser without scripts looks again; 0 never
	Body    template.HTML
}

// Bounds of what a page shows; a mail is kept whole.
const (
	listMost  = 50
	shortMost = 200       // characters of a subject or an address
	textMost  = 128 << 10 // bytes
	headMost  = 32 << 10
	linksMost = 200
)

// shown is a Site with what it reads from.
type shown struct {
	Site
	server *Server
	book   *words.Book
	forms  *template.Template
}

// Handler shows the mails. The HTML of a mail is shown in a sandbox of its own.
func (s *Server) Handler(site Site) (http.Handler, error) {
	book, err := words.Load(Words)
	if err != nil {
		return nil, err
	}
	if site.Lang == nil {
		site.Lang = func(r *http.Request) words.Lang { return words.Pick(r.Header.Get("Accept-Language")) }
	}
	if site.Zone == nil {
		site.Zone = func(*http.Request) *time.Location { return time.UTC }
	}
	h := &shown{site, s, book, nil}
	if h.forms, err = template.New("").Funcs(h.means(words.English, time.UTC)).ParseFS(pages, "page.html"); err != nil {
		return nil, err
	}
	if h.Frame == nil {
		h.Frame = h.plain
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+site.Below+"{$}", h.list)
	mux.HandleFunc("GET "+site.Below+"{number}", h.one(h.mail))
	mux.HandleFunc("GET "+site.Below+"{number}/html", h.one(sandboxed))
	mux.HandleFunc("GET "+site.Below+"{number}/raw", h.one(raw))
	return mux, nil
}

// means are what the templates call, for one reader.
func (h *shown) means(lang words.Lang, zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"say":   func(key string) string { return h.book.Say(lang, key, nil) },
		"short": func(text string) string { return visible(shorten(text, shortMost)) },
		"time": func(at time.Time) template.HTML {
			at = at.In(zone)
			return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, at.Format(time.RFC3339), template.HTMLEscapeString(at.Format("2006-01-02 15:04:05 MST")))) //nolint:gosec // digits and an escaped zone
		},
	}
}

// write fills a template in; the one that was parsed is only ever copied.
func (h *shown) write(r *http.Request, name string, v any) (template.HTML, error) {
	forms, err := h.forms.Clone()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = forms.Funcs(h.means(h.Lang(r), h.Zone(r))).ExecuteTemplate(&out, name, v)
	return template.HTML(out.String()), err //nolint:gosec // the template escaped it
}

// view is what a template shows.
type view struct {
	Below  string
	Mails  []Mail
	New    map[int]bool // not looked at yet, by number
	Live   string       // address of the list alone, as it stands now
	Older  string
	Newest bool
	Mail   Mail
	Head   string
	Body   []piece
	Cut    string
}

// list shows the newest mails, or those before a number. With "seen" it is the
// list alone, and only if the newest mail is another one: the page asks for it
// again and again.
func (h *shown) list(w http.ResponseWriter, r *http.Request) {
	mails, opened := h.server.look()
	slices.Reverse(mails)
	state := strconv.Itoa(len(opened))
	if len(mails) > 0 {
		state = strconv.Itoa(mails[0].Number) + "-" + state
	}
	v := view{Below: h.Below, New: map[int]bool{}, Live: h.Below + "?seen=" + state}
	if before, err := strconv.Atoi(r.URL.Query().Get("before")); err == nil {
		mails = slices.DeleteFunc(mails, func(m Mail) bool { return m.Number >= before })
		v.Live, v.Newest = "", true
	}
	if len(mails) > listMost {
		mails = mails[:listMost]
		v.Older = h.Below + "?before=" + strconv.Itoa(mails[listMost-1].Number)
	}
	for _, m := range mails {
		v.New[m.Number] = opened[m.Number].IsZero()
	}
	v.Mails = mails
	switch seen := r.URL.Query().Get("seen"); {
	case seen == state:
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	case seen != "":
		part, err := h.write(r, "mails", v)
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		secure(w)
		_, _ = w.Write([]byte(part)) // the reader went away
	default:
		h.show(w, r, http.StatusOK, "list", "mail.title", v, 5)
	}
}

func (h *shown) mail(w http.ResponseWriter, r *http.Request, m Mail) {
	h.server.saw(m.Number)
	v := view{Below: h.Below, Mail: m, Head: visible(head(m))}
	text := m.Text
	if len(text) > textMost {
		text = strings.ToValidUTF8(text[:textMost], "")
		v.Cut = h.book.Say(h.Lang(r), "mail.text.cut", map[string]any{"bytes": textMost})
	}
	v.Body = linked(visible(text))
	h.show(w, r, http.StatusOK, "mail", "mail.title", v, 0)
}

// show writes a page in its frame.
func (h *shown) show(w http.ResponseWriter, r *http.Request, status int, name, title string, v view, refresh int) {
	body, err := h.write(r, name, v)
	if err == nil {
		lang := h.Lang(r)
		err = h.Frame(w, Page{Request: r, Lang: lang, Title: h.book.Say(lang, title, nil), Status: status, Refresh: refresh, Body: body})
	}
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
	}
}

// plain is the frame of a relay that nobody gave another.
func (h *shown) plain(w http.ResponseWriter, p Page) error {
	page, err := h.write(p.Request, "plain", p)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'")
	secure(w)
	w.WriteHeader(p.Status)
	_, err = w.Write([]byte(page))
	return err
}

func (h *shown) one(show func(http.ResponseWriter, *http.Request, Mail)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.PathValue("number"))
		mails, _ := h.server.look()
		at := slices.IndexFunc(mails, func(m Mail) bool { return m.Number == number })
		if err != nil || at < 0 {
			h.show(w, r, http.StatusNotFound, "missing", "mail.missing", view{Below: h.Below}, 0)
			return
		}
		show(w, r, mails[at])
	}
}

// sandboxed is the HTML of a mail, whose links open beside it.
func sandboxed(w http.ResponseWriter, _ *http.Request, m Mail) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'")
	secure(w)
	_, _ = w.Write([]byte(`<!doctype html><base target="_blank">` + m.HTML))
}

func raw(w http.ResponseWriter, _ *http.Request, m Mail) {
	secure(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(m.Raw))
}

func secure(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
}

// piece is a stretch of a mail's text; a link is one that begins with http.
type piece struct {
	Text string
	Link bool
}

// linked finds the first links of a text.
func linked(text string) (pieces []piece) {
	links := 0
	for text != "" {
		start := nextLink(text)
		if start < 0 || links == linksMost {
			return append(pieces, piece{Text: text})
		}
		end := strings.IndexAny(text[start:], " \t\r\n<>\"　")
		if end < 0 {
			end = len(text) - start
		}
		pieces = append(pieces, piece{Text: text[:start]}, piece{text[start : start+end], true})
		text, links = text[start+end:], links+1
	}
	return pieces
}

func nextLink(text string) int {
	plain, tls := strings.Index(text, "http://"), strings.Index(text, "https://")
	if plain < 0 || tls >= 0 && tls < plain {
		return tls
	}
	return plain
}

// head is the header as it stands.
func head(m Mail) string {
	text, _, _ := strings.Cut(m.Raw, "\r\n\r\n")
	if len(text) > headMost {
		text = text[:headMost] + "…"
	}
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "\ufffd")
}

// shorten cuts a text behind so many characters.
func shorten(text string, most int) string {
	n := 0
	for i := range text {
		if n++; n > most {
			return text[:i] + "…"
		}
	}
	return text
}

// visible shows what could turn a text around or hide in it, such as marks of
// direction, by its number.
func visible(text string) string {
	hidden := func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r))
	}
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if hidden(r) {
			fmt.Fprintf(&out, "⟨U+%04X⟩", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
