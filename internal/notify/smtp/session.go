package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/notify"
)

// session is one connection. go-mail's own client would do for it, but it tells
// neither at which step the relay said no, nor whether the last dot was sent.
type session struct {
	conn   net.Conn // below TLS, to end everything at once
	client *smtp.Client
}

// hangUp ends the connection without a word: QUIT would end the dot that is
// missing in a half-sent letter.
func (c *session) hangUp() {
	if over, ok := c.conn.(*tls.Conn); ok {
		_ = over.NetConn().Close()
		return
	}
	_ = c.conn.Close()
}

// The most that may pass.
const (
	greeting = 30 * time.Second // until letters can be sent
	sending  = 90 * time.Second // for one letter
	goodbye  = time.Second
)

func (c *session) quit() {
	defer time.AfterFunc(goodbye, c.hangUp).Stop()
	_ = c.client.Quit()
	c.hangUp()
}

// connect makes a connection that is protected and signed in.
func (s *Sender) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &session{conn: conn}
	defer context.AfterFunc(ctx, c.hangUp)()
	if err := s.greet(c); err != nil {
		c.hangUp()
		if refusal := (*notify.Refusal)(nil); errors.As(err, &refusal) {
			return nil, refusal
		}
		return nil, s.out.Explain(ctx, s.Relay.Address.String(), err)
	}
	return c, nil
}

func (s *Sender) dial(ctx context.Context) (net.Conn, error) {
	address := s.Relay.Address.String()
	if !s.Relay.Implicit {
		return s.out.Dial(ctx, "tcp", address)
	}
	conn, err := s.out.DialTLS(ctx, "tcp", address)
	if err != nil {
		return nil, err // and no interface around a nil pointer
	}
	return conn, nil
}

func (s *Sender) greet(c *session) (err error) {
	if c.client, err = smtp.NewClient(c.conn, s.Relay.Address.Host()); err != nil {
		return refused(notify.Greeting, err)
	}
	c.client.SkipSMTPUTF8(true) // addresses are ASCII
	if err := c.client.Hello(s.Name); err != nil {
		return refused(notify.Greeting, err)
	}
	if err := s.protect(c); err != nil {
		return err
	}
	return s.signIn(c)
}

// protect upgrades a connection that began in the clear (RFC 3207). A relay on
// this machine may do without, unless the settings say that it has a
// certificate or wants a password.
func (s *Sender) protect(c *session) error {
	if s.Relay.Implicit || here(c.conn) && s.Username == "" && len(s.Roots) == 0 {
		return nil
	}
	if offered, _ := c.client.Extension("STARTTLS"); !offered {
		return fault.New(fault.Unmet, "mail-starttls-missing", "host", s.Relay.Address.String()) // A182
	}
	plain := c.client.Text
	err := c.client.StartTLS(s.out.TLS(s.Relay.Address.Host()))
	// What stands in the buffer was put there by somebody on the way, to be
	// taken for what comes over TLS (A182).
	if plain.R.Buffered() > 0 {
		return fault.New(fault.Unmet, "mail-starttls-mixed", "host", s.Relay.Address.String()).Because(err)
	}
	return refused(notify.Greeting, err)
}

// signIn proves who we are, never in the clear, by the best way offered.
func (s *Sender) signIn(c *session) error {
	if s.Username == "" {
		return nil
	}
	if _, err := c.client.GetTLSConnectionState(); err != nil {
		return fault.New(fault.Unmet, "mail-login-unsafe", "host", s.Relay.Address.String()).Because(err)
	}
	host := s.Relay.Address.Host()
	_, offered := c.client.Extension("AUTH")
	switch best(offered) {
	case "SCRAM-SHA-256":
		return refused(notify.Login, c.client.Auth(smtp.ScramSHA256Auth(s.Username, s.Password.Reveal())))
	case "PLAIN":
		return refused(notify.Login, c.client.Auth(smtp.PlainAuth("", s.Username, s.Password.Reveal(), host, false)))
	case "LOGIN":
		return refused(notify.Login, c.client.Auth(smtp.LoginAuth(s.Username, s.Password.Reveal(), host, false)))
	}
	return fault.New(fault.Unmet, "mail-login-none", "host", s.Relay.Address.String())
}

// best is the first of our ways that is among the offered ones.
func best(offered string) string {
	for _, way := range []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"} {
		if slices.Contains(strings.Fields(strings.ToUpper(offered)), way) {
			return way
		}
	}
	return ""
}

// send hands one letter over. Until the last dot is sent the relay has nothing.
func (c *session) send(ctx context.Context, l notify.Letter, message []byte) (notify.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, sending)
	defer cancel()
	defer context.AfterFunc(ctx, c.hangUp)()
	if err := c.client.Mail("<" + l.From.Address.String() + ">"); err != nil {
		return notify.Answer{}, refused(notify.From, err)
	}
	if err := c.client.Rcpt("<" + l.To.String() + ">"); err != nil {
		return notify.Answer{}, refused(notify.Addressee, err)
	}
	w, err := c.client.Data()
	if err != nil {
		return notify.Answer{}, refused(notify.Content, err)
	}
	if _, err := w.Write(message); err != nil {
		return notify.Answer{}, err
	}
	return c.dot(w)
}

// dot ends the letter and waits for the answer that makes it the relay's.
func (c *session) dot(w io.Closer) (notify.Answer, error) {
	if err := w.Close(); err != nil {
		if refusal := (*notify.Refusal)(nil); errors.As(refused(notify.Content, err), &refusal) {
			return notify.Answer{}, refusal
		}
		return notify.Answer{}, &notify.Unsure{Err: err}
	}
	a := notify.Answer{Code: 250}
	if closed, ok := w.(*smtp.DataCloser); ok {
		a = answer(250, closed.ServerResponse())
	}
	return a, nil
}

// compose writes the letter (RFC 5322, RFC 2045 ff.). Values of headers are
// encoded by go-mail; none holds a control (A181).
func compose(l notify.Letter) ([]byte, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP))
	m.SetAddrHeaderFromMailAddress(mail.HeaderFrom, &netmail.Address{Name: l.From.Name, Address: l.From.Address.String()})
	m.SetAddrHeaderFromMailAddress(mail.HeaderTo, &netmail.Address{Address: l.To.String()})
	m.Subject(l.Subject)
	m.SetDateWithValue(l.At)
	m.SetMessageIDWithValue(l.ID)
	m.SetGenHeader(mail.HeaderContentLang, string(l.Lang))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's machine answers (A183)
	m.SetBodyString(mail.TypeTextPlain, l.Text.Reveal())
	m.AddAlternativeString(mail.TypeTextHTML, l.HTML.Reveal())
	var out bytes.Buffer
	_, err := m.WriteTo(&out)
	return out.Bytes(), err
}
