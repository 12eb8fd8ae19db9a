package fake

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/words"
)

//go:embed layout.html style.css
var pages embed.FS

// Words are the sentences that the pages of all simulators share.
//
//go:embed words
var Words embed.FS

// Link is one way in the head of a page.
type Link struct{ Key, Href string }

// Site is the web pages of a simulator.
type Site struct {
	Name   string // key of what the system calls itself
	Look   string // class of the page, which style.css knows
	Cookie string // name of the session's cookie
	Links  []Link
	// SignIn says whether a login and a password fit.
	SignIn func(login, password string) bool
	// Called is the name of a login.
	Called func(login string) string

	stage    *Stage
	book     *words.Book
	forms    *template.Template
	sessions map[string]string // login by token
}

// NewSite makes the pages of a simulator from its templates and words.
func NewSite(stage *Stage, s Site, templates, sentences fs.FS) (*Site, error) {
	var err error
	if s.book, err = words.Load(Words, sentences); err != nil {
		return nil, err
	}
	forms := template.New("").Funcs(s.means(words.English))
	if forms, err = forms.ParseFS(pages, "layout.html"); err != nil {
		return nil, err
	}
	if s.forms, err = forms.ParseFS(templates, "*.html"); err != nil {
		return nil, err
	}
	s.stage, s.sessions = stage, map[string]string{}
	return &s, nil
}

func (s *Site) means(lang words.Lang) template.FuncMap {
	return template.FuncMap{
		"say": func(key string, pairs ...any) string { return s.book.Say(lang, key, fault.Pairs(pairs...)) },
		// known is the sentence of a key, or the text that a system made up.
		"known": func(prefix, text string) string {
			key := prefix + strings.ReplaceAll(strings.ToLower(text), " ", "-")
			if !s.book.Has(key) {
				return text
			}
			return s.book.Say(lang, key, nil)
		},
	}
}

// Lang is the language of a reader: what they chose, else what their browser
// asks for.
func (s *Site) Lang(r *http.Request) words.Lang {
	for _, chosen := range []string{r.URL.Query().Get("lang"), cookie(r, "sekisho-lang")} {
		if slices.Contains(words.Langs, words.Lang(chosen)) {
			return words.Lang(chosen)
		}
	}
	return words.Pick(r.Header.Get("Accept-Language"))
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// Say is a sentence in the language of a reader.
func (s *Site) Say(r *http.Request, key string, pairs ...any) string {
	return s.book.Say(s.Lang(r), key, fault.Pairs(pairs...))
}

// Routes adds what every site has: its style, and the ways in and out.
func (s *Site) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /fake.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, pages, "style.css") })
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { s.login(w, r, http.StatusOK, false) })
	mux.Handle("POST /login", s.Form(s.signIn))
	mux.Handle("POST /logout", s.Form(s.signOut))
}

// Form guards what a form is sent to: from our own pages only, and small.
func (s *Site) Form(do http.HandlerFunc) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		do(w, r)
	}))
}

// Who is the login of whose browser asks, or "".
func (s *Site) Who(r *http.Request) (login string) {
	s.stage.Do(func() { login = s.sessions[cookie(r, s.Cookie)] })
	return login
}

// Inside shows a page to who is signed in, and asks others to.
func (s *Site) Inside(do func(w http.ResponseWriter, r *http.Request, login string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if login := s.Who(r); login != "" {
			do(w, r, login)
			return
		}
		to := "/"
		if r.Method == http.MethodGet {
			to = r.URL.RequestURI()
		}
		http.Redirect(w, r, "/login?to="+url.QueryEscape(to), http.StatusSeeOther)
	}
}

func (s *Site) login(w http.ResponseWriter, r *http.Request, status int, wrong bool) {
	s.Show(w, r, status, "login", "fake.sign-in", map[string]any{"To": r.FormValue("to"), "Login": r.PostFormValue("login"), "Wrong": wrong})
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	login := strings.TrimSpace(r.PostFormValue("login"))
	if !s.SignIn(login, r.PostFormValue("password")) {
		s.login(w, r, http.StatusUnauthorized, true)
		return
	}
	http.SetCookie(w, s.Session(login))
	to := r.PostFormValue("to")
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		to = "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// Session begins a browser's session of somebody.
func (s *Site) Session(login string) *http.Cookie {
	token := Token(18)
	s.stage.Do(func() { s.sessions[token] = login })
	return &http.Cookie{Name: s.Cookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode} //nolint:gosec // on loopback there is no TLS
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	s.stage.Do(func() { delete(s.sessions, cookie(r, s.Cookie)) })
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// frame is what the layout stands around.
type frame struct {
	Lang           words.Lang
	Title, Name    string
	Look           string
	Login, Called  string
	Links          []Link
	Path           string
	English, Nihon string // the same page in the other language
	Body           template.HTML
}

// Show writes a page whose template gets the values of v.
func (s *Site) Show(w http.ResponseWriter, r *http.Request, status int, name, title string, v any) {
	lang := s.Lang(r)
	forms, err := s.forms.Clone()
	var body bytes.Buffer
	if err == nil {
		err = forms.Funcs(s.means(lang)).ExecuteTemplate(&body, name, v)
	}
	f := frame{
		Lang: lang, Title: s.Say(r, title), Name: s.Say(r, s.Name), Look: s.Look, Login: s.Who(r), Links: s.Links, Path: r.URL.Path,
		Body: template.HTML(body.String()),
	} //nolint:gosec // the template escaped it
	f.English, f.Nihon = inLang(r, words.English), inLang(r, words.Japanese)
	if f.Login != "" {
		f.Called = s.Called(f.Login)
	}
	var page bytes.Buffer
	if err == nil {
		err = forms.ExecuteTemplate(&page, "layout", f)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if chosen := r.URL.Query().Get("lang"); chosen == string(lang) {
		http.SetCookie(w, &http.Cookie{Name: "sekisho-lang", Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // no TLS on loopback
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// No form-action: who consents is sent on to the client by an answer to a form.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the reader went away
}

// inLang is the address of a page in a language; of the answer to a form, the
// first page's.
func inLang(r *http.Request, lang words.Lang) string {
	if r.Method != http.MethodGet {
		return "/?lang=" + string(lang)
	}
	query := r.URL.Query()
	query.Set("lang", string(lang))
	return fmt.Sprintf("%s?%s", r.URL.EscapedPath(), query.Encode())
}

// Trouble shows a page that says only what is wrong.
func (s *Site) Trouble(w http.ResponseWriter, r *http.Request, status int, key string) {
	s.Show(w, r, status, "trouble", key, map[string]any{"Key": key})
}
