package mail

import (
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed page.html
var pages embed.FS

var page = template.Must(template.ParseFS(pages, "page.html"))

// Handler shows the mails below a path that ends in a slash, such as "/mail/".
// The HTML of a mail is shown in a sandbox of its own.
func (s *Server) Handler(below string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+below+"{$}", func(w http.ResponseWriter, _ *http.Request) {
		mails := s.Messages()
		slices.Reverse(mails)
		show(w, "list", view{Below: below, Mails: mails})
	})
	mux.HandleFunc("GET "+below+"{number}", s.one(func(w http.ResponseWriter, m Mail) {
		show(w, "mail", view{Below: below, Mail: m, Head: head(m), Body: linked(m.Text)})
	}))
	mux.HandleFunc("GET "+below+"{number}/html", s.one(func(w http.ResponseWriter, m Mail) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'")
		secure(w)
		_, _ = w.Write([]byte(m.HTML))
	}))
	mux.HandleFunc("GET "+below+"{number}/raw", s.one(func(w http.ResponseWriter, m Mail) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(m.Raw))
	}))
	return mux
}

// view is what a page shows.
type view struct {
	Below string
	Mails []Mail
	Mail  Mail
	Head  []string
	Body  []piece
}

// piece is a stretch of a mail's text; a link is one that begins with http.
type piece struct {
	Text string
	Link bool
}

// linked finds the links of a text.
func linked(text string) (pieces []piece) {
	for text != "" {
		start := strings.Index(text, "http")
		if start < 0 || !strings.HasPrefix(text[start:], "http://") && !strings.HasPrefix(text[start:], "https://") {
			end := len(text)
			if start >= 0 {
				end = start + len("http")
			}
			pieces, text = append(pieces, piece{Text: text[:end]}), text[end:]
			continue
		}
		end := strings.IndexAny(text[start:], " \t\r\n<>\"　")
		if end < 0 {
			end = len(text) - start
		}
		pieces = append(pieces, piece{Text: text[:start]}, piece{text[start : start+end], true})
		text = text[start+end:]
	}
	return pieces
}

// head is the header as it stands.
func head(m Mail) []string {
	text, _, _ := strings.Cut(m.Raw, "\r\n\r\n")
	return strings.Split(text, "\r\n")
}

func (s *Server) one(show func(http.ResponseWriter, Mail)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.PathValue("number"))
		mails := s.Messages()
		at := slices.IndexFunc(mails, func(m Mail) bool { return m.Number == number })
		if err != nil || at < 0 {
			http.NotFound(w, r)
			return
		}
		show(w, mails[at])
	}
}

func show(w http.ResponseWriter, name string, v view) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'")
	secure(w)
	_ = page.ExecuteTemplate(w, name, v) // the reader went away
}

func secure(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
}
