package smtp_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/notify/smtp"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

func relay(t *testing.T, o mail.Options) *mail.Server {
	t.Helper()
	s, err := mail.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// sender knows the relay's authority; change spoils it.
func sender(t *testing.T, url string, ca []byte, change func(*smtp.Options)) *smtp.Sender {
	t.Helper()
	out, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	o := smtp.Options{Egress: out, Name: "house.example", Roots: roots(t, ca)}
	if o.Relay, err = smtp.ParseRelay(url); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	s, err := smtp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func roots(t *testing.T, text []byte) []*x509.Certificate {
	t.Helper()
	if text == nil {
		return nil
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return []*x509.Certificate{cert}
}

func letter(t *testing.T, to string) notify.Letter {
	t.Helper()
	address, err := mailaddr.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	from, err := mailaddr.ParseMailbox("関所, Inc. <no-reply@kaede.example>")
	if err != nil {
		t.Fatal(err)
	}
	return notify.Letter{
		ID: "1@house.example", From: from, To: address, At: housetest.Epoch, Lang: words.Japanese,
		Subject: "楓商事への招待" + strings.Repeat("長", 80), Text: secret.Of("一行目\n.\n..二行目\nFrom here\n"), HTML: secret.Of("<p>一行目</p>\n"),
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestNothingGoesInTheClear(t *testing.T) {
	const password = "canary-password"
	login := func(o *smtp.Options) { o.Username, o.Password = "house", secret.Of(password) }
	for _, c := range []struct {
		name    string
		options mail.Options
		change  func(*smtp.Options)
		spoil   func(*mail.Behaviour)
		noCA    bool
		want    string
	}{
		{"A182 STARTTLS taken out on the way", mail.Options{Security: mail.STARTTLS}, nil, func(b *mail.Behaviour) { b.Hide = true }, false, "mail-starttls-missing"},
		{"A182 taken out before the password", mail.Options{Security: mail.STARTTLS, Username: "house", Password: password}, login, func(b *mail.Behaviour) { b.Hide = true }, true, "mail-starttls-missing"},
		{"A182 password and no TLS on this machine", mail.Options{Username: "house", Password: password}, login, nil, true, "mail-starttls-missing"},
		{"A145 STARTTLS with a certificate of nobody", mail.Options{Security: mail.STARTTLS}, login, nil, true, "egress-certificate-refused"},
		{"A145 TLS with a certificate of nobody", mail.Options{Security: mail.Implicit}, nil, nil, true, "egress-certificate-refused"},
		{"A145 STARTTLS with another's certificate", mail.Options{Security: mail.STARTTLS, Names: []string{"other.example"}}, nil, nil, false, "egress-certificate-refused"},
		{"A145 TLS with another's certificate", mail.Options{Security: mail.Implicit, Names: []string{"other.example", "127.0.0.2"}}, nil, nil, false, "egress-certificate-refused"},
		{"smtps to a relay without TLS", mail.Options{}, func(o *smtp.Options) { o.Relay.Implicit = true }, nil, false, "egress-tls-failed"},
		{"no way to sign in", mail.Options{Security: mail.STARTTLS, Username: "house", Password: password, Mechanisms: []string{"CRAM-MD5"}}, login, nil, false, "mail-login-none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := relay(t, c.options)
			if c.spoil != nil {
				r.Set(c.spoil)
			}
			ca := r.CA()
			if c.noCA {
				ca = nil
			}
			_, err := sender(t, r.URL(), ca, c.change).Send(within(t), letter(t, "aoi@kaede.example"))
			if fault.Code(err) != c.want || len(r.Messages()) != 0 {
				t.Errorf("%v, %d mails; want %s and none", err, len(r.Messages()), c.want)
			}
			if err != nil && strings.Contains(fmt.Sprintf("%+v", err), password) {
				t.Errorf("R9: %v", err)
			}
		})
	}
}

// Whoever sits on the way sees nothing of a password or a mail, whatever he
// says: the transcript of each is what they got in the clear.
func TestWhoSitsOnTheWayGetsNothing(t *testing.T) {
	for _, c := range []struct {
		name, ehlo, starttls string
	}{
		{"A182 nothing offered", "250 x\r\n", ""},
		{"A182 a password asked for in the clear", "250-x\r\n250 AUTH PLAIN LOGIN\r\n", ""},
		{"A182 STARTTLS refused", "250-x\r\n250 STARTTLS\r\n", "454 4.7.0 not now\r\n"},
		{"A182 an answer slipped in behind STARTTLS", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"},
		{"A182 STARTTLS that is none", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var heard strings.Builder
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close() //nolint:errcheck // a test's
				_, _ = io.WriteString(conn, "220 x\r\n")
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					mu.Lock()
					heard.WriteString(lines.Text() + "\n")
					mu.Unlock()
					switch verb, _, _ := strings.Cut(lines.Text(), " "); verb {
					case "EHLO":
						_, _ = io.WriteString(conn, c.ehlo)
					case "STARTTLS":
						_, _ = io.WriteString(conn, c.starttls)
					case "QUIT":
						return
					default:
						if c.starttls != "220 go\r\n" {
							_, _ = io.WriteString(conn, "250 ok\r\n")
						} else {
							return
						}
					}
				}
			}()
			s := sender(t, "smtp://"+listener.Addr().String(), nil, func(o *smtp.Options) {
				o.Username, o.Password = "house", secret.Of("canary-password")
			})
			_, err = s.Send(within(t), letter(t, "aoi@kaede.example"))
			_ = listener.Close()
			<-done
			mu.Lock()
			defer mu.Unlock()
			for _, word := range []string{"AUTH", "MAIL", "RCPT", "DATA", "canary", "aoi"} {
				if strings.Contains(heard.String(), word) {
					t.Errorf("heard %s in %q", word, heard.String())
				}
			}
			if err == nil {
				t.Error("sent")
			}
			if strings.Contains(c.name, "slipped") && fault.Code(err) != "mail-starttls-mixed" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRelaySaysNo(t *testing.T) {
	login := func(password string) func(*smtp.Options) {
		return func(o *smtp.Options) { o.Username, o.Password = "house", secret.Of(password) }
	}
	locked := mail.Options{Security: mail.STARTTLS, Username: "house", Password: "right"}
	for _, c := range []struct {
		name, to string
		options  mail.Options
		change   func(*smtp.Options)
		spoil    func(*mail.Behaviour)
		want     notify.Refusal
	}{
		{"bad address", "bounce@kaede.example", mail.Options{}, nil, nil, notify.Refusal{Stage: notify.Addressee, Answer: notify.Answer{Code: 550, Enhanced: "5.1.1", Text: "<bounce@kaede.example>: no such user here"}}},
		{"come back later", "aoi@kaede.example", mail.Options{}, nil, func(b *mail.Behaviour) { b.Defer = 1 }, notify.Refusal{Stage: notify.Addressee, Answer: notify.Answer{Code: 451, Enhanced: "4.7.1", Text: "greylisted, come back later"}}},
		{"content", "aoi@kaede.example", mail.Options{}, nil, func(b *mail.Behaviour) { b.Refuse = "Subject" }, notify.Refusal{Stage: notify.Content, Answer: notify.Answer{Code: 554, Enhanced: "5.7.1", Text: "this content is not welcome"}}},
		{"sender", "aoi@kaede.example", mail.Options{}, nil, func(b *mail.Behaviour) { b.Sender = 553 }, notify.Refusal{Stage: notify.From, Answer: notify.Answer{Code: 553, Enhanced: "5.1.8", Text: "sender not welcome"}}},
		{"no password", "aoi@kaede.example", locked, nil, nil, notify.Refusal{Stage: notify.From, Answer: notify.Answer{Code: 530, Enhanced: "5.7.0", Text: "authentication required"}}},
		{"wrong password", "aoi@kaede.example", locked, login("wrong"), nil, notify.Refusal{Stage: notify.Login, Answer: notify.Answer{Code: 535, Enhanced: "5.7.8", Text: "Authentication failed"}}},
		{"greeting", "aoi@kaede.example", mail.Options{}, nil, func(b *mail.Behaviour) { b.Greet = 554 }, notify.Refusal{Stage: notify.Greeting, Answer: notify.Answer{Code: 554, Enhanced: "5.3.2", Text: "not now"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := relay(t, c.options)
			if c.spoil != nil {
				r.Set(c.spoil)
			}
			_, err := sender(t, r.URL(), r.CA(), c.change).Send(within(t), letter(t, c.to))
			var got *notify.Refusal
			if !errors.As(err, &got) || *got != c.want || len(r.Messages()) != 0 {
				t.Errorf("got %v and %d mails, want %v", err, len(r.Messages()), &c.want)
			}
		})
	}
}

// Before the last dot nothing was handed over; behind it nobody knows.
func TestCutConnections(t *testing.T) {
	r := relay(t, mail.Options{})
	s := sender(t, r.URL(), nil, nil)
	var unsure *notify.Unsure
	r.Set(func(b *mail.Behaviour) { b.CutEarly = 1 })
	if _, err := s.Send(within(t), letter(t, "aoi@kaede.example")); err == nil || len(r.Messages()) != 0 {
		t.Errorf("cut inside: %v, %d mails", err, len(r.Messages()))
	}
	r.Set(func(b *mail.Behaviour) { b.Cut = 1 })
	if _, err := s.Send(within(t), letter(t, "aoi@kaede.example")); !errors.As(err, &unsure) || len(r.Messages()) != 1 {
		t.Errorf("cut behind: %v, %d mails", err, len(r.Messages()))
	}
	slow, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r.Set(func(b *mail.Behaviour) { b.Slow = 2 * time.Second })
	if _, err := s.Send(slow, letter(t, "aoi@kaede.example")); fault.Code(err) != "egress-timeout" {
		t.Errorf("slow: %v", err)
	}
	mute, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.Set(func(b *mail.Behaviour) { b.Slow, b.Mute = 0, time.Minute })
	go func() {
		_, _ = r.WaitFor(mute, "botan@kaede.example", "")
		cancel()
	}()
	if _, err := s.Send(mute, letter(t, "botan@kaede.example")); !errors.As(err, &unsure) {
		t.Errorf("mute: %v", err)
	}
	_ = r.Close()
	if _, err := s.Send(within(t), letter(t, "aoi@kaede.example")); fault.Code(err) != "egress-unreachable" {
		t.Errorf("gone: %v", err)
	}
}

func TestSend(t *testing.T) {
	for _, c := range []struct {
		name    string
		options mail.Options
		ways    []string
		user    string
	}{
		{"plain on this machine", mail.Options{}, nil, ""},
		{"STARTTLS", mail.Options{Security: mail.STARTTLS}, nil, ""},
		{"TLS", mail.Options{Security: mail.Implicit}, nil, ""},
		{"SCRAM", mail.Options{Security: mail.STARTTLS}, nil, "house SCRAM-SHA-256"},
		{"PLAIN", mail.Options{Security: mail.Implicit, Mechanisms: []string{"LOGIN", "PLAIN"}}, nil, "house PLAIN"},
		{"LOGIN", mail.Options{Security: mail.STARTTLS, Mechanisms: []string{"LOGIN"}}, nil, "house LOGIN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := func(*smtp.Options) {}
			if c.user != "" {
				c.options.Username, c.options.Password = "house", "a password, and ü"
				change = func(o *smtp.Options) { o.Username, o.Password = c.options.Username, secret.Of(c.options.Password) }
			}
			r := relay(t, c.options)
			s := sender(t, r.URL(), r.CA(), change)
			for range 3 {
				got, err := s.Send(within(t), letter(t, "aoi@楓商事.example"))
				if err != nil || got.Code != 250 || got.Enhanced != "2.0.0" {
					t.Fatalf("%+v, %v", got, err)
				}
			}
			if n := r.Connections(); n != 1 {
				t.Errorf("%d connections for three letters", n)
			}
			m := r.Messages()[0]
			if m.TLS != (c.options.Security == mail.STARTTLS || c.options.Security == mail.Implicit) || m.User != c.user {
				t.Errorf("TLS %v, user %q", m.TLS, m.User)
			}
			if m.From != "no-reply@kaede.example" || m.To[0] != "aoi@xn--3kqw7n7zs.example" {
				t.Errorf("envelope %s → %s", m.From, m.To)
			}
			want := letter(t, "aoi@kaede.example")
			if m.Subject != want.Subject || m.Text != want.Text.Reveal() || m.HTML != want.HTML.Reveal() {
				t.Errorf("got %q\n%q\n%q", m.Subject, m.Text, m.HTML)
			}
			checkHeader(t, m)
		})
	}
}

func checkHeader(t *testing.T, m mail.Mail) {
	t.Helper()
	for name, want := range map[string]string{
		"Date": "Sun, 22 Nov 2026 09:00:00 +0000", "Message-Id": "<1@house.example>", "Auto-Submitted": "auto-generated",
		"Content-Language": "ja", "Mime-Version": "1.0", "To": "<aoi@xn--3kqw7n7zs.example>",
	} {
		if got := m.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != "関所, Inc." {
		t.Errorf("From: %v, %v", from, err)
	}
	if kind := m.Header.Get("Content-Type"); !strings.HasPrefix(kind, "multipart/alternative;") {
		t.Errorf("Content-Type: %s", kind)
	}
	for name := range m.Header {
		if strings.HasPrefix(name, "List-") || name == "X-Mailer" || name == "User-Agent" {
			t.Errorf("%s: %s", name, m.Header.Get(name))
		}
	}
	for line := range strings.SplitSeq(m.Raw, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x7f }) {
			t.Errorf("line %.80q", line)
		}
	}
}

// A kept connection that the relay has ended is replaced.
func TestKeptConnectionEnds(t *testing.T) {
	r := relay(t, mail.Options{})
	s := sender(t, r.URL(), nil, nil)
	if _, err := s.Send(within(t), letter(t, "aoi@kaede.example")); err != nil {
		t.Fatal(err)
	}
	r.Drop()
	if _, err := s.Send(within(t), letter(t, "aoi@kaede.example")); err != nil || r.Connections() != 2 || len(r.Messages()) != 2 {
		t.Errorf("%v, %d connections, %d mails", err, r.Connections(), len(r.Messages()))
	}
}

func TestEgressDecides(t *testing.T) {
	r := relay(t, mail.Options{})
	out, err := egress.New(egress.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := sender(t, r.URL(), nil, func(o *smtp.Options) { o.Egress = out })
	_, err = s.Send(within(t), letter(t, "aoi@kaede.example"))
	if fault.Code(err) != "egress-target-refused" || r.Connections() != 0 {
		t.Errorf("R6 A139: %v, %d connections", err, r.Connections())
	}
}

func TestParseRelay(t *testing.T) {
	for text, want := range map[string]string{
		"smtps://mail.example:465": "smtps://mail.example:465", "smtps://mail.example": "smtps://mail.example:465",
		"smtp://mail.example": "smtp://mail.example:587", "smtp://127.0.0.1:2525": "smtp://127.0.0.1:2525", "smtp://[::1]": "smtp://[::1]:587",
	} {
		if got, err := smtp.ParseRelay(text); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"http://mail.example": "mail-relay-malformed", "mail.example:25": "mail-relay-malformed", "smtp://": "mail-relay-malformed",
		"smtp://house:canary@mail.example": "mail-relay-malformed", "smtp://mail.example/x": "mail-relay-malformed", "smtp://mail.example?tls=off": "mail-relay-malformed",
		"smtp://mail.example\r\nX: y": "mail-relay-malformed", "smtp://mail.example:x": "egress-address-malformed", "smtp://2130706433": "egress-url-address-spelling",
		"smtp://::1": "egress-address-malformed", "smtp://2001:db8::1:25": "egress-address-malformed", "smtp://[mail.example": "egress-address-malformed", "smtp://mail.example]": "egress-address-malformed",
		"SMTP://mail.example": "mail-relay-malformed", "smtp://メール.example": "mail-relay-malformed", "smtp+plain://mail.example": "mail-relay-malformed",
	} {
		_, err := smtp.ParseRelay(text)
		if fault.Code(err) != want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestNoValueBecomesAHeader pins that the library encodes what would be a header
// of its own, and that the driver hands every value to it: a letter that nobody
// cleaned goes out with the headers of any other.
func TestNoValueBecomesAHeader(t *testing.T) {
	names := func(m mail.Mail) []string { return slices.Sorted(maps.Keys(m.Header)) }
	r := relay(t, mail.Options{})
	s := sender(t, r.URL(), nil, nil)
	send := func(change func(*notify.Letter)) mail.Mail {
		t.Helper()
		l := letter(t, "aoi@kaede.example")
		change(&l)
		if _, err := s.Send(within(t), l); err != nil {
			t.Fatal(err)
		}
		all := r.Messages()
		return all[len(all)-1]
	}
	plain := send(func(*notify.Letter) {})
	for _, evil := range []string{"x\r\nBcc: evil@x.example", "x\nBcc: evil@x.example", "x\rBcc: evil@x.example", "x\r\n\r\n<b>body</b>"} {
		t.Run(fmt.Sprintf("TRAP-GO7 %q", evil), func(t *testing.T) {
			if got := mime.QEncoding.Encode("utf-8", evil); strings.ContainsAny(got, "\r\n") {
				t.Errorf("mime.QEncoding writes %q now", got)
			}
			for field, change := range map[string]func(*notify.Letter){
				"subject": func(l *notify.Letter) { l.Subject = evil },
				"name":    func(l *notify.Letter) { l.From.Name = evil },
			} {
				got := send(change)
				if diff := cmp.Diff(names(plain), names(got)); diff != "" || len(got.To) != 1 || got.Text != plain.Text {
					t.Errorf("A181 %s: to %v, %s\n%.600s", field, got.To, diff, got.Raw)
				}
			}
		})
	}
}
