// Package smtp hands letters to a mail server over SMTP (RFC 5321). See
// README.md for the settings.
//
// Everything is protected: TLS from the first byte, or STARTTLS that is
// compulsory, with the certificate checked; only a relay on this very machine
// may be spoken to in the clear, and never with a password.
package smtp

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/secret"
)

// Options says which relay, and as whom.
type Options struct {
	Relay    Relay
	Username string
	Password secret.Text
	// Roots are trusted besides the machine's, for this relay alone.
	Roots []*x509.Certificate
	// Egress is the one way out.
	Egress *egress.Client
	// Name is how we greet: the host of base_url.
	Name string
	// Idle is how long a connection is kept for the next letter; 0 means 15 s.
	Idle time.Duration
}

// Sender is a notify.Sender.
type Sender struct {
	Options
	out *egress.Client

	mu     sync.Mutex
	idle   []*session
	closed bool
}

var _ notify.Sender = (*Sender)(nil)

// idleMost is how many connections are kept.
const idleMost = 2

// New makes the sender; it connects when there is something to send.
func New(o Options) (*Sender, error) {
	if o.Relay.IsZero() {
		return nil, errors.New("smtp: no relay")
	}
	if o.Idle == 0 {
		o.Idle = 15 * time.Second
	}
	if o.Name == "" {
		o.Name = "localhost"
	}
	out, err := o.Egress.For(egress.Use{Name: "mail", Roots: o.Roots})
	if err != nil {
		return nil, err
	}
	return &Sender{Options: o, out: out}, nil
}

// Send implements notify.Sender.
func (s *Sender) Send(ctx context.Context, l notify.Letter) (notify.Answer, error) {
	message, err := compose(l)
	if err != nil {
		return notify.Answer{}, err
	}
	for {
		c, fresh, err := s.session(ctx)
		if err != nil {
			return notify.Answer{}, err
		}
		answer, err := c.send(ctx, l, message)
		if err == nil {
			s.keep(c)
			return answer, nil
		}
		c.hangUp()
		var refusal *notify.Refusal
		var unsure *notify.Unsure
		switch {
		case !fresh && errors.As(err, &refusal) && refusal.Answer.Code == 421: // it had enough of waiting
		case errors.As(err, &refusal), errors.As(err, &unsure):
			return notify.Answer{}, err
		case fresh, ctx.Err() != nil:
			return notify.Answer{}, s.out.Explain(ctx, s.Relay.Address.String(), err)
		}
		// A kept connection was ended by the relay, before it had anything of
		// this letter.
	}
}

// session is a connection to send on, and whether it was made for this.
func (s *Sender) session(ctx context.Context) (*session, bool, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return c, false, nil
	}
	s.mu.Unlock()
	c, err := s.connect(ctx)
	return c, true, err
}

// keep holds a connection for the next letter, for a while.
func (s *Sender) keep(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= idleMost {
		go c.quit()
		return
	}
	s.idle = append(s.idle, c)
	time.AfterFunc(s.Idle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, one := range s.idle {
			if one == c {
				s.idle = append(s.idle[:i], s.idle[i+1:]...)
				go c.quit()
				return
			}
		}
	})
}

// Close implements notify.Sender.
func (s *Sender) Close() {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, c := range idle {
		c.quit()
	}
	s.out.Close()
}

// refused makes a Refusal of a reply, and leaves everything else as it is: a
// connection that ended.
func refused(stage notify.Stage, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code/100 != 4 && reply.Code/100 != 5 {
		return err
	}
	return &notify.Refusal{Stage: stage, Answer: answer(reply.Code, reply.Msg)}
}

var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// answer takes the enhanced code (RFC 3463) out of each line of a reply.
func answer(code int, text string) notify.Answer {
	a := notify.Answer{Code: code}
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if status := enhanced.FindString(line); status != "" {
			a.Enhanced, line = status, strings.TrimSpace(line[len(status):])
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	a.Text = strings.Join(lines, " ")
	return a
}

// here reports whether a connection leads to this very machine.
func here(conn net.Conn) bool {
	address, ok := conn.RemoteAddr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}
