package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

const (
	headerTime  = 10 * time.Second
	readTime    = 30 * time.Second
	writeTime   = 60 * time.Second // streams move their own deadline
	idleTime    = 2 * time.Minute
	headerBytes = 32 << 10
	h2Streams   = 100
)

// Listening says where the house is reached.
type Listening struct {
	// Listen is HOST:PORT. "localhost" opens 127.0.0.1 and, where the machine
	// has it, ::1.
	Listen  string
	TLS     TLS
	Metrics string       // a listener of its own for /metrics, "" for none
	Scrape  http.Handler // what answers there
}

// Server is the open listeners of one house.
type Server struct {
	mux     *Mux
	http    *http.Server
	local   *http.Server
	metrics *http.Server
	open    []net.Listener // public ones
	secure  bool           // they begin with a handshake; http.Server sets its TLSConfig by itself
	scraped []net.Listener
	socket  net.Listener
	wg      sync.WaitGroup
	failed  chan error
}

// Listen opens the listeners without answering yet. It refuses one that is
// reachable from outside without TLS or a trusted proxy.
func Listen(m *Mux, l Listening) (*Server, error) {
	host, port, err := net.SplitHostPort(l.Listen)
	if err != nil {
		return nil, fault.New(fault.Invalid, "listen-malformed", "listen", l.Listen).Because(err)
	}
	if !isLoopbackName(host) && !l.TLS.on() && len(m.proxies) == 0 {
		return nil, fault.New(fault.Invalid, "listen-public-plain", "listen", l.Listen)
	}
	s := &Server{mux: m, failed: make(chan error, 4), http: m.server(m)}
	if l.TLS.on() {
		keys, err := newCertificates(l.TLS, m.base.Hostname(), m.options.Clock, m.options.Log)
		if err != nil {
			return nil, err
		}
		s.http.TLSConfig, s.secure = keys.server(), true
	}
	if s.open, err = openAll(host, port); err != nil {
		return nil, fault.New(fault.Invalid, "listen-taken", "listen", l.Listen).Because(err)
	}
	if l.Metrics != "" {
		return s, s.openMetrics(l.Metrics, l.Scrape)
	}
	return s, nil
}

func (s *Server) openMetrics(listen string, scrape http.Handler) error {
	host, port, err := net.SplitHostPort(listen)
	if err == nil {
		s.scraped, err = openAll(host, port)
	}
	if err != nil {
		closeAll(s.open)
		return fault.New(fault.Invalid, "listen-taken", "listen", listen).Because(err)
	}
	only := http.NewServeMux()
	only.Handle("GET /metrics", scrape)
	s.metrics = s.mux.server(only)
	return nil
}

// openAll opens host:port; for localhost both families, the second on the port
// that the first got.
func openAll(host, port string) ([]net.Listener, error) {
	if !strings.EqualFold(host, "localhost") {
		one, err := net.Listen("tcp", net.JoinHostPort(host, port))
		return []net.Listener{one}, err
	}
	four, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	_, port, _ = net.SplitHostPort(four.Addr().String())
	six, err := net.Listen("tcp6", net.JoinHostPort("::1", port))
	if err == nil {
		return []net.Listener{four, six}, nil
	}
	if hasLoopback6() {
		_ = four.Close() // somebody else would answer half of the browsers
		return nil, err
	}
	return []net.Listener{four}, nil
}

func hasLoopback6() bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil && prefix.Addr() == netip.IPv6Loopback() {
			return true
		}
	}
	return false
}

func (m *Mux) server(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime,
		IdleTimeout: idleTime, MaxHeaderBytes: headerBytes, Protocols: protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: h2Streams},
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(quiet{m.options.Log.Handler()}, slog.LevelDebug),
	}
}

// quiet escapes what net/http writes about malformed requests (A162).
type quiet struct{ slog.Handler }

// Handle escapes and passes on.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Message = printable(r.Message)
	return q.Handler.Handle(ctx, r)
}

// Addrs returns where the public listener is open.
func (s *Server) Addrs() []string {
	var out []string
	for _, l := range s.open {
		out = append(out, l.Addr().String())
	}
	return out
}

// MetricsAddr returns where metrics are served, "" if nowhere.
func (s *Server) MetricsAddr() string {
	if len(s.scraped) == 0 {
		return ""
	}
	return s.scraped[0].Addr().String()
}

// Start answers on every open listener until Stop.
func (s *Server) Start() {
	for _, l := range s.open {
		if s.secure {
			l = tlsListener{l}
		}
		s.serve(s.http, l)
	}
	for _, l := range s.scraped {
		s.serve(s.metrics, l)
	}
}

// tlsListener marks a listener whose connections begin with a handshake.
type tlsListener struct{ net.Listener }

func (s *Server) serve(server *http.Server, l net.Listener) {
	s.wg.Go(func() {
		var err error
		if _, secure := l.(tlsListener); secure {
			err = server.ServeTLS(l, "", "")
		} else {
			err = server.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("listener %s: %w", l.Addr(), err)
		}
	})
}

// StartLocal answers on the control socket: the same mux, with the peer's user
// as its credential. Only root and the process's own user get in.
func (s *Server) StartLocal(socket *net.UnixListener) {
	s.socket = socket
	s.local = s.mux.server(s.mux)
	s.local.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		uid, err := peerUID(c)
		if err != nil || !localUserAllowed(uid) {
			_ = c.Close()
			return ctx
		}
		return WithLocalPeer(ctx, uid)
	}
	s.serve(s.local, socket)
}

// Failed receives when a listener died by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Leave makes the process unready while everything goes on answering. Stop
// follows once nobody sends requests here any more.
func (s *Server) Leave() { s.mux.Leave() }

// Stop lets no new request in, ends the streams, waits for what runs until ctx
// ends, and then cuts it.
func (s *Server) Stop(ctx context.Context) error {
	s.mux.Drain()
	var errs []error
	for _, server := range []*http.Server{s.http, s.local, s.metrics} {
		if server == nil {
			continue
		}
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, err, server.Close())
		}
	}
	closeAll(s.open)
	closeAll(s.scraped)
	s.wg.Wait()
	return errors.Join(errs...)
}

func closeAll(list []net.Listener) {
	for _, l := range list {
		_ = l.Close()
	}
}
