package mail

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sekisho/sekisho/internal/clock"
)

// Security is how a relay protects its connections.
type Security string

// The ways.
const (
	Plain    Security = "plain"    // nothing
	STARTTLS Security = "starttls" // offered, and wanted before a mail
	Implicit Security = "implicit" // TLS from the first byte
)

// Options says how a relay is; the zero value is plain, on a free port.
type Options struct {
	Addr     string // loopback HOST:PORT; "" is 127.0.0.1:0
	Security Security
	// Names are what the certificate is for; none means 127.0.0.1 and localhost.
	Names []string
	// Username and Password are wanted if set.
	Username, Password string
	// Mechanisms are offered for that; nil is SCRAM-SHA-256, PLAIN and LOGIN.
	Mechanisms []string
	// Keep is how many mails are kept; 0 is 1000. The oldest goes first.
	Keep  int
	Clock clock.Clock // nil is the machine's
}

// Behaviour is how a relay misbehaves. It can be changed at any time.
type Behaviour struct {
	Defer    int           // the next addressees get 451 4.7.1
	Refuse   string        // content that is refused after DATA: 554 5.7.1
	Slow     time.Duration // before each answer to MAIL
	Mute     time.Duration // behind each mail that was kept, before the answer
	Cut      int           // the next mails are kept, and the connection ends without an answer
	CutEarly int           // the next mails are not kept, and the connection ends inside DATA
	Greet    int           // code of the greeting in place of 220
	Sender   int           // code of the answer to MAIL in place of 250
	Hide     bool          // STARTTLS is not offered
}

// Server is a relay that runs.
type Server struct {
	options  Options
	listener net.Listener
	smtp     *smtp.Server
	ca       authority

	mu        sync.Mutex
	behaviour Behaviour
	mails     []Mail
	opened    map[int]time.Time // when a mail was first looked at on the page, by number
	changed   chan struct{}     // closed and made anew with each mail
	conns     int
	next      int
	closing   chan struct{}
	done      chan struct{}
	open      map[net.Conn]struct{}
}

// Start listens. Close ends it.
func Start(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Keep == 0 {
		o.Keep = 1000
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Security == "" {
		o.Security = Plain
	}
	if o.Mechanisms == nil {
		o.Mechanisms = []string{scramName, "PLAIN", "LOGIN"}
	}
	s := &Server{options: o, changed: make(chan struct{}), opened: map[int]time.Time{}, closing: make(chan struct{}), done: make(chan struct{}), open: map[net.Conn]struct{}{}}
	if err := s.listen(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.done)
		_ = s.smtp.Serve(&gate{s.listener, s}) // ends with Close
	}()
	return s, nil
}

func (s *Server) listen() (err error) {
	host, _, err := net.SplitHostPort(s.options.Addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("fake mail: %s is not loopback", s.options.Addr)
	}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return s.session(c), nil }))
	s.smtp.Domain = "relay.fake.example"
	s.smtp.MaxMessageBytes, s.smtp.MaxRecipients = 4<<20, 100
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = time.Minute, time.Minute
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	if s.options.Security != Plain {
		if s.ca, err = newAuthority(s.options.Clock.Now(), s.options.Names); err != nil {
			return err
		}
		s.smtp.TLSConfig = &tls.Config{Certificates: []tls.Certificate{s.ca.pair}, MinVersion: tls.VersionTLS12}
	}
	s.listener, err = net.Listen("tcp", s.options.Addr)
	return err
}

// Close ends the relay and its connections.
func (s *Server) Close() error {
	err := s.smtp.Close()
	_ = s.listener.Close() // of a server that has not begun to serve, Close knows no listener
	s.mu.Lock()
	select {
	case <-s.closing:
	default:
		close(s.closing)
	}
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	<-s.done
	return err
}

// Addr is HOST:PORT.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is how a house is told about the relay: smtp://… or smtps://….
func (s *Server) URL() string {
	scheme := "smtp"
	if s.options.Security == Implicit {
		scheme = "smtps"
	}
	return scheme + "://" + s.Addr()
}

// CA is the authority of the relay's certificate, in PEM; nil without TLS.
func (s *Server) CA() []byte { return s.ca.pem }

// Set changes how the relay misbehaves.
func (s *Server) Set(change func(*Behaviour)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.behaviour)
}

// take reads the behaviour and lets it count down.
func (s *Server) take(read func(*Behaviour) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read(&s.behaviour)
}

func countDown(n *int) bool {
	if *n <= 0 {
		return false
	}
	*n--
	return true
}

// Connections is how many connections were made so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// Messages are the kept mails, the oldest first.
func (s *Server) Messages() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Opened is when the mail of a number was first looked at on the page; the zero
// time if never.
func (s *Server) Opened(number int) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened[number]
}

// look is what the page shows: the mails, the oldest first, and which of them
// were looked at.
func (s *Server) look() ([]Mail, map[int]time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails), maps.Clone(s.opened)
}

func (s *Server) saw(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened[number].IsZero() {
		s.opened[number] = s.options.Clock.Now()
	}
}

// WaitFor returns the newest mail to an address whose subject contains a text,
// once there is one.
func (s *Server) WaitFor(ctx context.Context, to, subject string) (Mail, error) {
	for {
		s.mu.Lock()
		changed, mails := s.changed, slices.Clone(s.mails)
		s.mu.Unlock()
		for _, m := range slices.Backward(mails) {
			if slices.ContainsFunc(m.To, func(one string) bool { return strings.EqualFold(one, to) }) && strings.Contains(m.Subject, subject) {
				return m, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Mail{}, fmt.Errorf("no mail to %s with %q among %d: %w", to, subject, len(mails), ctx.Err())
		}
	}
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	m.Number = s.next
	s.mails = append(s.mails, m)
	if over := len(s.mails) - s.options.Keep; over > 0 {
		for _, gone := range s.mails[:over] {
			delete(s.opened, gone.Number)
		}
		s.mails = slices.Delete(s.mails, 0, over)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Drop ends all connections, and listens on.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}
