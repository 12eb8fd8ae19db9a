package fake

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// Listener serves a simulator on this machine.
type Listener struct {
	URL    string     // http://127.0.0.1:PORT
	Failed chan error // receives why it ended, if Close did not end it
	server *http.Server
}

// Listen serves a handler on a loopback HOST:PORT; "" is any port of
// 127.0.0.1. Names other than this machine's are not answered: a page elsewhere
// that lets its own name point here reads nothing.
func Listen(addr string, h http.Handler) (*Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fault.New(fault.Invalid, "fake-listen", "listen", addr).Because(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fault.New(fault.Unmet, "fake-listen-refused", "listen", addr, "reason", err.Error()).Because(err)
	}
	f := &Listener{URL: "http://" + l.Addr().String(), Failed: make(chan error, 1), server: &http.Server{
		Handler: ours(h), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}}
	go func() {
		if err := f.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			f.Failed <- err
		}
	}()
	return f, nil
}

// Close ends it and its connections.
func (f *Listener) Close() error { return f.server.Close() }

func ours(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.Trim(r.Host, "[]")
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			host = name
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, http.StatusText(http.StatusMisdirectedRequest), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// URLOf is the address under which a request came, without a slash at its end.
func URLOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
