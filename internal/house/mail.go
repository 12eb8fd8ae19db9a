package house

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/notify/smtp"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// MailConfig is the mail server that mails leave by. A server in a private
// network also needs egress.allow.
type MailConfig struct {
	SMTP     smtp.Relay       `yaml:"smtp,omitempty"` // smtps://HOST:465, or smtp://HOST:587 with STARTTLS
	Username string           `yaml:"username,omitempty"`
	Password secret.Text      `yaml:"password,omitempty"`
	From     mailaddr.Mailbox `yaml:"from,omitempty"` // Sekisho <no-reply@example.com>
	CA       string           `yaml:"ca,omitempty"`   // PEM of authorities of the server's certificate, besides the machine's
}

// check says what no type can say.
func (c MailConfig) check(bad func(key, format string, args ...any)) {
	switch {
	case c.SMTP.IsZero() && c != (MailConfig{}):
		bad("mail.smtp", "say which server mails leave by: smtps://HOST:465 or smtp://HOST:587")
	case !c.SMTP.IsZero() && c.From.IsZero():
		bad("mail.from", "say who mails are from: Sekisho <no-reply@example.com>")
	}
	if (c.Username == "") != c.Password.Empty() {
		bad("mail", "username and password go together")
	}
}

// openMail makes the post; without a mail server it takes no messages.
func (h *House) openMail() error {
	o := notify.Options{
		Store: h.store, Clock: h.options.Clock, Book: h.book, Ring: h.ring, BaseURL: h.config.BaseURL, From: h.config.Mail.From,
	}
	if !h.config.Mail.SMTP.IsZero() {
		sender, err := h.sender()
		if err != nil {
			return err
		}
		o.Sender = sender
	}
	var err error
	if h.post, err = notify.New(o); err != nil || !h.post.Enabled() {
		return err
	}
	return h.desk.Register(h.post.Driver())
}

func (h *House) sender() (*smtp.Sender, error) {
	c := h.config.Mail
	roots, err := authorities(c.CA)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(h.config.BaseURL)
	if err != nil {
		return nil, err
	}
	return smtp.New(smtp.Options{
		Relay: c.SMTP, Username: c.Username, Password: c.Password, Roots: roots, Egress: h.egress, Name: greetingName(base.Hostname()),
	})
}

// greetingName is how we greet: a literal stands in brackets (RFC 5321 §4.1.3).
func greetingName(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return host
	case addr.Is6():
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// authorities reads the certificates of a PEM file; "" has none.
func authorities(path string) (all []*x509.Certificate, err error) {
	if path == "" {
		return nil, nil
	}
	unreadable := func(err error) error {
		return fault.New(fault.Unmet, "mail-ca-unreadable", "file", path).Because(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, unreadable(err)
		}
		all = append(all, cert)
	}
	if len(all) == 0 {
		return nil, unreadable(nil)
	}
	return all, nil
}

// mail looks at whether invitations and resets reach anybody.
func (d *doctor) mail(ctx context.Context) {
	c := d.config.Mail
	if c.SMTP.IsZero() {
		d.say(Warn, "mail.off")
		return
	}
	if _, err := authorities(c.CA); err != nil {
		d.broken("mail", err)
		return
	}
	host, err := netip.ParseAddr(c.SMTP.Address.Host())
	loopback := err == nil && host.IsLoopback() || c.SMTP.Address.Host() == "localhost"
	if loopback && !c.SMTP.Implicit && c.CA == "" && c.Username == "" {
		d.say(Warn, "mail.plain", "relay", c.SMTP.String())
	} else {
		d.say(Fine, "mail.set", "relay", c.SMTP.String())
	}
	d.relay(ctx)
}

// relayMost is how long doctor waits for the mail server.
const relayMost = 5 * time.Second

// relay looks whether the mail server lets us in, by the way that mails take. It
// says nothing to it.
func (d *doctor) relay(ctx context.Context) {
	out, err := d.config.Egress.client()
	if err != nil {
		d.broken("mail", err)
		return
	}
	within, cancel := context.WithTimeout(ctx, relayMost)
	defer cancel()
	conn, err := out.Dial(within, "tcp", d.config.Mail.SMTP.Address.String())
	if err != nil {
		d.say(Bad, "mail.away", "relay", d.config.Mail.SMTP.String())
		return
	}
	_ = conn.Close() // it was only knocked at
	d.say(Fine, "mail.reached", "relay", d.config.Mail.SMTP.String())
}
