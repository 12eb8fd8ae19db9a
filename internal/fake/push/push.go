// Package push is a simulated push service and the browsers behind it: it takes
// messages as RFC 8030 says, holds senders to RFC 8292, opens what it took with
// the browser's keys, and answers with whatever trouble it is told to make.
package push

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/wire/webpush"
)

// Browser is a subscription of one browser.
type Browser struct {
	Endpoint     string
	P256DH, Auth string // base64url, as the browser gives them
	id           string
	receiver     webpush.Receiver
	sender       string // public key that it subscribed with
	gone         bool
}

// Message is what arrived at a browser.
type Message struct {
	Browser *Browser
	Text    []byte // decrypted
	Topic   string
	Urgency string
	TTL     time.Duration
}

// Trouble is what the service answers instead of taking messages; zero takes
// them.
type Trouble struct {
	Status     int
	RetryAfter string
	Redirect   string // the Location of a 3xx
}

// Server is the service.
type Server struct {
	clock  clock.Clock
	server *http.Server
	url    string

	mu       sync.Mutex
	browsers map[string]*Browser
	messages []Message
	calls    int
	trouble  Trouble
}

// Start listens on loopback.
func Start(c clock.Clock) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return nil, err
	}
	s := &Server{clock: c, url: "http://" + l.Addr().String(), browsers: map[string]*Browser{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /wpush/{browser}", s.take)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(l) }() // ends with Close
	return s, nil
}

// Close ends the service.
func (s *Server) Close() error { return s.server.Close() }

// URL is its origin.
func (s *Server) URL() string { return s.url }

// Subscribe is a browser's PushManager.subscribe with a house's public key.
func (s *Server) Subscribe(sender string) (*Browser, error) {
	receiver, err := webpush.NewReceiver()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strconv.Itoa(len(s.browsers) + 1)
	b := &Browser{
		Endpoint: s.url + "/wpush/" + name, id: name, receiver: receiver, sender: sender,
		P256DH: base64.RawURLEncoding.EncodeToString(receiver.Keys().P256DH),
		Auth:   base64.RawURLEncoding.EncodeToString(receiver.Auth),
	}
	s.browsers[name] = b
	return b, nil
}

// Forget is the browser's user who switched notifications off: 410 from now on.
func (s *Server) Forget(b *Browser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.gone = true
}

// Make has the service answer with trouble.
func (s *Server) Make(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = t
}

// Messages are those that were taken, in their order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Calls counts requests, refused ones too.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 5000))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	b := s.browsers[r.PathValue("browser")]
	ttl, errTTL := strconv.Atoi(r.Header.Get("TTL"))
	switch {
	case s.trouble.Redirect != "":
		w.Header().Set("Location", s.trouble.Redirect)
		w.WriteHeader(s.trouble.Status)
	case s.trouble.Status != 0:
		if s.trouble.RetryAfter != "" {
			w.Header().Set("Retry-After", s.trouble.RetryAfter)
		}
		w.WriteHeader(s.trouble.Status)
	case b == nil:
		w.WriteHeader(http.StatusNotFound)
	case b.gone:
		w.WriteHeader(http.StatusGone)
	case err != nil || len(body) > 4096:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case errTTL != nil || r.Header.Get("Content-Encoding") != webpush.Encoding:
		w.WriteHeader(http.StatusBadRequest)
	case webpush.Verify(r.Header.Get("Authorization"), b.sender, b.Endpoint, s.clock.Now()) != nil:
		w.WriteHeader(http.StatusForbidden)
	default:
		s.deliver(w, r, b, body, time.Duration(ttl)*time.Second)
	}
}

// deliver opens what was sent, which a real service cannot.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, b *Browser, body []byte, ttl time.Duration) {
	text, err := b.receiver.Decrypt(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest) // a real service cannot see it; a browser would drop it
		return
	}
	s.messages = append(s.messages, Message{b, text, r.Header.Get("Topic"), r.Header.Get("Urgency"), ttl})
	w.Header().Set("Location", s.url+"/message/"+strconv.Itoa(len(s.messages)))
	w.WriteHeader(http.StatusCreated)
}
