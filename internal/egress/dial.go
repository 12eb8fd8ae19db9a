package egress

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// Dial makes a raw connection to addr, HOST:PORT in the spelling of Address.
// network is "tcp" or "udp". The time limit covers name and connection, not
// what is then said on it: that is the caller's, by deadlines.
func (c *Client) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" && network != "udp" {
		return nil, fault.New(fault.Invalid, "egress-address-malformed")
	}
	if _, err := ParseAddress(addr); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Total)
	defer cancel()
	conn, err := c.dial(ctx, network, addr, true)
	if err != nil {
		return nil, c.refusal(ctx, addr, err)
	}
	return conn, nil
}

// DialTLS makes a connection as Dial does and shakes hands: the certificate is
// verified for the host of addr.
func (c *Client) DialTLS(ctx context.Context, network, addr string) (*tls.Conn, error) {
	address, err := ParseAddress(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Total)
	defer cancel()
	raw, err := c.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, c.TLS(address.Host()))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, c.refusal(ctx, addr, err)
	}
	return conn, nil
}

// dial resolves, checks every answer, and connects to the first that takes the
// connection. One answer that is refused refuses all: a name that points both
// outside and inside is an attack or a mistake (A140).
func (c *Client) dial(ctx context.Context, network, addr string, direct bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "egress-address-malformed")
	}
	answers, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	check := func(answer netip.Addr) error { return c.permitted(host, answer, direct) }
	for _, answer := range answers {
		if err := check(answer); err != nil {
			return nil, err
		}
	}
	return c.connect(ctx, network, port, answers, check)
}

// connect tries the addresses in order, each with an even share of the time.
func (c *Client) connect(ctx context.Context, network, port string, answers []netip.Addr, check func(netip.Addr) error) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: c.limits.Total / time.Duration(len(answers)), ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		connected, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return check(connected.Addr())
	}}
	for _, answer := range answers {
		conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(answer.Unmap().String(), port))
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	answers, err := c.resolver.LookupNetIP(ctx, "ip", strings.ToLower(host))
	if err == nil && len(answers) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return answers, err
}
