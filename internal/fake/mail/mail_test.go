package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/sekisho/sekisho/internal/fake/mail"
)

func start(t *testing.T, o mail.Options) *mail.Server {
	t.Helper()
	s, err := mail.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// client is connected as the relay wants it.
func client(t *testing.T, s *mail.Server, security mail.Security) *smtp.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA())
	config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	var c *smtp.Client
	var err error
	switch security {
	case mail.Plain:
		c, err = smtp.Dial(s.Addr())
	case mail.STARTTLS:
		c, err = smtp.DialStartTLS(s.Addr(), config)
	case mail.Implicit:
		c, err = smtp.DialTLS(s.Addr(), config)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const text = "Subject: =?utf-8?q?=E6=8B=9B=E5=BE=85?=\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSee https://house.example/x?a=3Db <now>\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>See<script>alert(1)</script>\r\n--b--\r\n"

func send(c *smtp.Client, to, body string) error {
	return c.SendMail("house@house.example", []string{to}, strings.NewReader(body))
}

func code(err error) int {
	var reply *smtp.SMTPError
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}

func TestRefusesAndMisbehaves(t *testing.T) {
	s := start(t, mail.Options{})
	c := client(t, s, mail.Plain)
	if err := send(c, "bounce+x@kaede.example", text); code(err) != 550 {
		t.Errorf("bounce: %v", err)
	}
	for _, one := range []struct {
		name   string
		change func(*mail.Behaviour)
		want   int
	}{
		{"defer", func(b *mail.Behaviour) { b.Defer = 1 }, 451},
		{"content", func(b *mail.Behaviour) { b.Refuse = "house" }, 554},
		{"sender", func(b *mail.Behaviour) { b.Refuse, b.Sender = "", 553 }, 553},
	} {
		s.Set(one.change)
		_ = c.Reset()
		if err := send(c, "aoi@kaede.example", text); code(err) != one.want {
			t.Errorf("%s: %v, want %d", one.name, err, one.want)
		}
	}
	s.Set(func(b *mail.Behaviour) { *b = mail.Behaviour{Greet: 421} })
	if fresh, err := smtp.Dial(s.Addr()); err == nil && fresh.Hello("x") == nil {
		t.Error("greeted")
	}
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d mails were taken", n)
	}
	s.Set(func(b *mail.Behaviour) { *b = mail.Behaviour{Cut: 1} })
	_ = c.Reset()
	if err := send(c, "aoi@kaede.example", text); err == nil || code(err) != 0 || len(s.Messages()) != 1 {
		t.Errorf("cut: %v, %d mails", err, len(s.Messages()))
	}
}

func TestWantsProtection(t *testing.T) {
	o := mail.Options{Security: mail.STARTTLS, Username: "house", Password: "right"}
	s := start(t, o)
	if err := send(client(t, s, mail.Plain), "aoi@kaede.example", text); code(err) != 530 {
		t.Errorf("in the clear: %v", err)
	}
	c := client(t, s, mail.STARTTLS)
	if err := send(c, "aoi@kaede.example", text); code(err) != 530 {
		t.Errorf("without a password: %v", err)
	}
	if err := c.Auth(sasl.NewPlainClient("", "house", "wrong")); code(err) != 535 {
		t.Errorf("wrong password: %v", err)
	}
	if err := errors.Join(c.Auth(sasl.NewPlainClient("", "house", "right")), send(c, "aoi@kaede.example", text)); err != nil {
		t.Errorf("right: %v", err)
	}
	if all := s.Messages(); len(all) != 1 || !all[0].TLS || all[0].User != "house PLAIN" {
		t.Errorf("got %+v", all)
	}
	if _, err := mail.Start(mail.Options{Addr: "192.0.2.1:25"}); err == nil {
		t.Error("not on loopback, and it listens")
	}
}

func TestKeeps(t *testing.T) {
	s := start(t, mail.Options{Keep: 3, Security: mail.Implicit})
	c := client(t, s, mail.Implicit)
	for i := range 5 {
		if err := send(c, fmt.Sprintf("p%d@kaede.example", i), text); err != nil {
			t.Fatal(err)
		}
	}
	all := s.Messages()
	if len(all) != 3 || all[0].To[0] != "p2@kaede.example" || all[2].Number != 5 {
		t.Fatalf("got %+v", all)
	}
	m, err := s.WaitFor(t.Context(), "P4@kaede.example", "招")
	if err != nil || m.Subject != "招待" || m.Text != "See https://house.example/x?a=b <now>" || !strings.Contains(m.HTML, "<script>") {
		t.Errorf("%+v, %v", m, err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.WaitFor(soon, "p4@kaede.example", "other"); err == nil {
		t.Error("found what is not there")
	}
	go func() { _ = send(c, "later@kaede.example", text) }()
	if _, err := s.WaitFor(t.Context(), "later@kaede.example", ""); err != nil {
		t.Error(err)
	}
}
