package mail

import (
	"bytes"
	"crypto/subtle"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is one that the relay took.
type Mail struct {
	Number  int
	At      time.Time
	From    string   // of the envelope
	To      []string // of the envelope
	Raw     string
	Header  netmail.Header
	Subject string // decoded
	Text    string // the plain part, decoded
	HTML    string // the HTML part, decoded
	TLS     bool
	User    string // who signed in, and by what: "aoi PLAIN"
}

// session is one connection's talk.
type session struct {
	server *Server
	conn   *smtp.Conn
	tls    bool
	user   string
	from   string
	to     []string
}

func (s *Server) session(c *smtp.Conn) *session {
	_, secure := c.TLSConnectionState()
	return &session{server: s, conn: c, tls: secure}
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

func no(code, class, subject, detail int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	code := 0
	s.server.take(func(b *Behaviour) bool { code = b.Sender; return true })
	s.server.pause(func(b *Behaviour) time.Duration { return b.Slow })
	switch {
	case s.server.options.Security == STARTTLS && !s.tls:
		return no(530, 5, 7, 0, "must issue a STARTTLS command first")
	case s.server.options.Username != "" && s.user == "":
		return no(530, 5, 7, 0, "authentication required")
	case code != 0:
		return no(code, code/100, 1, 8, "sender not welcome")
	}
	s.from = from
	return nil
}

func (s *Server) pause(how func(*Behaviour) time.Duration) {
	var long time.Duration
	s.take(func(b *Behaviour) bool { long = how(b); return true })
	if long <= 0 {
		return
	}
	select {
	case <-s.options.Clock.After(long):
	case <-s.closing:
	}
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "bounce"):
		return no(550, 5, 1, 1, "<"+to+">: no such user here")
	case s.server.take(func(b *Behaviour) bool { return countDown(&b.Defer) }):
		return no(451, 4, 7, 1, "greylisted, come back later")
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	if s.server.take(func(b *Behaviour) bool { return countDown(&b.CutEarly) }) {
		_, _ = io.CopyN(io.Discard, r, 100)
		_ = s.conn.Conn().Close()
		return no(421, 4, 3, 0, "gone")
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.take(func(b *Behaviour) bool { return b.Refuse != "" && bytes.Contains(raw, []byte(b.Refuse)) }) {
		return no(554, 5, 7, 1, "this content is not welcome")
	}
	m := Mail{At: s.server.options.Clock.Now(), From: s.from, To: slices.Clone(s.to), Raw: string(raw), TLS: s.tls, User: s.user}
	m.parse()
	s.server.keep(m)
	s.server.pause(func(b *Behaviour) time.Duration { return b.Mute })
	if s.server.take(func(b *Behaviour) bool { return countDown(&b.Cut) }) {
		_ = s.conn.Conn().Close()
	}
	return nil
}

// parse fills in what a reader wants to see; what is broken stays empty.
func (m *Mail) parse() {
	parsed, err := netmail.ReadMessage(strings.NewReader(m.Raw))
	if err != nil {
		return
	}
	m.Header = parsed.Header
	var words mime.WordDecoder
	if m.Subject, err = words.DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		m.Subject = parsed.Header.Get("Subject")
	}
	m.part(parsed.Header.Get("Content-Type"), parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body)
}

func (m *Mail) part(contentType, encoding string, body io.Reader) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return
			}
			m.part(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return
	}
	switch plain := strings.ReplaceAll(string(text), "\r\n", "\n"); kind {
	case "text/plain":
		m.Text += plain
	case "text/html":
		m.HTML += plain
	}
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.server.options.Username == "" {
		return nil
	}
	return s.server.options.Mechanisms
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	done := func(username, password string) error {
		o := s.server.options
		if subtle.ConstantTimeCompare([]byte(username+"\x00"+password), []byte(o.Username+"\x00"+o.Password)) != 1 {
			return smtp.ErrAuthFailed
		}
		s.user = username + " " + mechanism
		return nil
	}
	if !slices.Contains(s.AuthMechanisms(), mechanism) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, username, password string) error { return done(username, password) }), nil
	case "LOGIN":
		return &login{done: done}, nil
	}
	return &scram{username: s.server.options.Username, password: s.server.options.Password, done: done}, nil
}

// login is AUTH LOGIN, which no RFC describes: two questions.
type login struct {
	username string
	asked    int
	done     func(username, password string) error
}

// Next implements sasl.Server.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil && l.asked == 0 {
		l.asked = 1
		return []byte("Username:"), false, nil
	}
	if l.asked < 2 {
		l.username, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	}
	return nil, true, l.done(l.username, string(response))
}
