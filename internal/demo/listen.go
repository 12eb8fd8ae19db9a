package demo

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// freePort is the port of an address on this machine, once nobody else has it;
// port 0 becomes a free one. It is a look ahead, so that who cannot listen is
// told before anything is made.
func freePort(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fault.New(fault.Invalid, "demo-listen", "listen", listen).Because(err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fault.New(fault.Invalid, "demo-listen", "listen", listen)
	}
	open, err := listenBoth(strconv.FormatUint(number, 10))
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", fault.New(fault.Conflict, "demo-port-taken", "port", port, "other", number+1).Because(err)
	}
	if err != nil {
		return "", fault.New(fault.Unmet, "demo-port-refused", "port", port, "reason", err.Error()).Because(err)
	}
	port = portOf(open)
	for _, l := range open {
		_ = l.Close()
	}
	return port, nil
}

func portOf(open []net.Listener) string {
	_, port, _ := net.SplitHostPort(open[0].Addr().String())
	return port
}

// listenBoth opens a port on 127.0.0.1 and, where the machine has it, on ::1:
// browsers ask either for localhost. Port 0 is the same on both.
func listenBoth(port string) ([]net.Listener, error) {
	four, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	six, err := net.Listen("tcp6", net.JoinHostPort("::1", portOf([]net.Listener{four})))
	if errors.Is(err, syscall.EADDRINUSE) {
		_ = four.Close() // somebody else would answer half of the browsers
		if port == "0" {
			return listenBoth(port)
		}
		return nil, err
	}
	if err != nil {
		return []net.Listener{four}, nil // no IPv6 here
	}
	return []net.Listener{four, six}, nil
}

// beside opens the port behind another, or any if that is taken.
func beside(port string) ([]net.Listener, error) {
	if n, err := strconv.Atoi(port); err == nil && n < 65535 {
		if open, err := listenBoth(strconv.Itoa(n + 1)); err == nil {
			return open, nil
		}
	}
	return listenBoth("0")
}

// site serves a handler on open listeners.
type site struct {
	server *http.Server
	open   []net.Listener
	failed chan error
}

func serve(h http.Handler, open []net.Listener) *site {
	s := &site{open: open, failed: make(chan error, len(open)), server: &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}}
	for _, l := range open {
		go func() {
			if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- err
			}
		}()
	}
	return s
}
