package web

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
)

// TLS says where the certificate comes from: files, which are read again when
// they change, or an ACME directory. The zero value is no TLS.
type TLS struct {
	Cert, Key string // PEM files; Cert holds the chain
	ClientCA  string // PEM file; certificates of clients are asked for and verified against it
	ACME      ACME
}

// ACME gets certificates by itself, by the TLS-ALPN-01 challenge on the same
// listener (RFC 8737).
type ACME struct {
	Directory string       // address of the directory, "" for no ACME
	Email     string       // where the authority writes to
	Cache     string       // folder for account key and certificates
	HTTP      *http.Client // the house's outbound client; nil is the library's own
}

func (t TLS) on() bool { return t.Cert != "" || t.ACME.Directory != "" }

const lookEvery = 2 * time.Second // at the files, and only when somebody connects

// certificates hands out the current certificate and the current client CAs.
type certificates struct {
	source TLS
	clock  clock.Clock
	log    *slog.Logger
	acme   *autocert.Manager

	mu     sync.Mutex
	looked time.Duration
	stamps string
	config *tls.Config
}

// newCertificates reads everything once, so that a mistake is said at start.
func newCertificates(source TLS, host string, c clock.Clock, log *slog.Logger) (*certificates, error) {
	if source.Cert != "" && source.ACME.Directory != "" {
		return nil, fault.New(fault.Invalid, "tls-two-sources")
	}
	k := &certificates{source: source, clock: c, log: log, looked: c.Mono()}
	if source.ACME.Directory != "" {
		k.acme = &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(host), Email: source.ACME.Email,
			Cache:  autocert.DirCache(source.ACME.Cache),
			Client: &acme.Client{DirectoryURL: source.ACME.Directory, HTTPClient: source.ACME.HTTP, UserAgent: "sekisho"},
		}
	}
	var err error
	k.stamps = k.stamp()
	k.config, err = k.load()
	return k, err
}

// server is the configuration of the listener; every handshake takes the
// current one.
func (k *certificates) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.current(), nil },
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.current().GetCertificate(hello)
		},
	}
}

func (k *certificates) load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if k.acme != nil {
		config.GetCertificate = k.acme.GetCertificate
		config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	} else {
		pair, err := tls.LoadX509KeyPair(k.source.Cert, k.source.Key)
		if err != nil {
			return nil, fault.New(fault.Invalid, "tls-unreadable", "cert", k.source.Cert).Because(err)
		}
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	if k.source.ClientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(k.source.ClientCA)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "tls-client-ca-unreadable", "file", k.source.ClientCA).Because(err)
	}
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, pool
	return config, nil
}

// current looks at the files now and then. A pair that cannot be read leaves
// the old one in place: half a renewal must not take the house down.
func (k *certificates) current() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock.Mono()
	if now-k.looked < lookEvery {
		return k.config
	}
	k.looked = now
	stamps := k.stamp()
	if stamps == k.stamps {
		return k.config
	}
	config, err := k.load()
	if err != nil {
		k.log.Error("certificate not reloaded; the old one stays", "cause", printable(err.Error()))
		return k.config
	}
	k.log.Info("certificate reloaded", "file", k.source.Cert)
	k.stamps, k.config = stamps, config
	return config
}

// stamp tells one state of the files from another.
func (k *certificates) stamp() string {
	var out string
	for _, name := range [...]string{k.source.Cert, k.source.Key, k.source.ClientCA} {
		if stat, err := os.Stat(name); name != "" && err == nil {
			out += fmt.Sprintf("%s %d %d\n", name, stat.Size(), stat.ModTime().UnixNano())
		}
	}
	return out
}
