// Package egress is the one way out of the house (R6): every request and every
// connection to another machine goes through a Client. It looks at the address
// that is really connected to, at every hop, after the name was resolved: what
// is not public must be listed in egress.allow or by the use itself. Time,
// size, redirects, headers and decompression are capped; TLS is verified
// always; proxies named in the environment are ignored.
//
// With a proxy configured, HTTP goes through it. The house then cannot see
// which address is connected to, so targets need to be on a list of hosts, and
// literal addresses are refused. Raw connections (syslog, SMTP, LDAP) stay
// direct, and then reach only what egress.allow lists.
//
// Fields of configuration that name a target have the type URL or Address, so
// that a test can find every one of them.
package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// Words are the sentences of this package's problems.
//
//go:embed words
var Words embed.FS

// Resolver turns a host name into addresses; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Limits cap one request or the making of one connection. A zero field stands
// for its default.
type Limits struct {
	Total     time.Duration // from the first look-up to the last byte; 10 s
	Body      int64         // bytes of an answer, after decompression; 1 MiB
	Header    int64         // bytes of an answer's header; 64 KiB
	Ratio     int64         // decompressed to compressed bytes, beyond the first 64 KiB; 100
	Redirects int           // followed; 10, negative for none
}

func (l Limits) or(d Limits) Limits {
	return Limits{
		Total:     cmp.Or(l.Total, d.Total),
		Body:      cmp.Or(l.Body, d.Body),
		Header:    cmp.Or(l.Header, d.Header),
		Ratio:     cmp.Or(l.Ratio, d.Ratio),
		Redirects: cmp.Or(l.Redirects, d.Redirects),
	}
}

var defaults = Limits{Total: 10 * time.Second, Body: 1 << 20, Header: 64 << 10, Ratio: 100, Redirects: 10}

// Config is what the process configuration says under egress.
type Config struct {
	Allow    []netip.Prefix      // not public, and permitted for every use
	Proxy    URL                 // of all HTTP; none if zero
	Hosts    []string            // permitted behind Proxy: "jira.example", or "*.example" for all below
	Roots    []*x509.Certificate // trusted besides the system's
	Resolver Resolver            // nil: the machine's
	Limits   Limits
}

// Use narrows or widens a client for one purpose.
type Use struct {
	Name         string              // shown in faults: "connector servicenow"
	Allow        []netip.Prefix      // permitted for this use besides Config.Allow
	Hosts        []string            // permitted behind the proxy besides Config.Hosts
	Roots        []*x509.Certificate // trusted for this use besides Config.Roots
	Certificates []tls.Certificate   // shown to a server that asks who we are
	Limits       Limits
}

// Client goes out. It is safe for use at once; New and For make one.
type Client struct {
	use      string
	allow    []netip.Prefix
	hosts    []string
	proxy    URL
	resolver Resolver
	limits   Limits
	tls      *tls.Config
	http     *http.Client
}

// New makes the client of a house. A prefix that allows everything, a host
// that is none and broken limits are Invalid faults.
func New(config Config) (*Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without roots trusts only what is configured
	}
	c := &Client{
		proxy:    config.Proxy,
		resolver: config.Resolver,
		limits:   defaults,
		tls:      &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}
	if c.resolver == nil {
		c.resolver = net.DefaultResolver
	}
	return c.For(Use{Allow: config.Allow, Hosts: config.Hosts, Roots: config.Roots, Limits: config.Limits})
}

// For returns a client with connections of its own for the use.
func (c *Client) For(use Use) (*Client, error) {
	if err := use.check(); err != nil {
		return nil, err
	}
	d := *c
	d.use = cmp.Or(use.Name, c.use)
	d.allow = slices.Concat(c.allow, use.Allow)
	d.hosts = slices.Concat(c.hosts, use.Hosts)
	d.limits = use.Limits.or(c.limits)
	d.tls = c.tls.Clone()
	d.tls.RootCAs = c.tls.RootCAs.Clone()
	for _, root := range use.Roots {
		d.tls.RootCAs.AddCert(root)
	}
	if len(use.Certificates) > 0 {
		d.tls.Certificates = use.Certificates
	}
	d.http = d.makeHTTP()
	return &d, nil
}

func (u Use) check() error {
	var bad fault.Checks
	for _, prefix := range u.Allow {
		if !prefix.IsValid() || prefix.Bits() == 0 {
			bad.Add("allow", "egress-allow-everything", "prefix", prefix.String())
		}
	}
	for _, host := range u.Hosts {
		name := strings.TrimPrefix(host, "*.")
		if _, err := netip.ParseAddr(name); err == nil || checkHost(name) != nil {
			bad.Add("hosts", "egress-url-host", "host", host)
		}
	}
	if f := bad.Fault("egress-config-invalid"); f != nil {
		return f
	}
	return nil
}

// Close ends the connections that are kept for the next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// TLS returns the settings for a TLS handshake with host on a connection that
// Dial made (STARTTLS). The caller may add protocols, and nothing else.
func (c *Client) TLS(host string) *tls.Config {
	config := c.tls.Clone()
	config.ServerName = host
	return config
}
