package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// Source is where a request came from.
type Source struct {
	Addr      netip.Addr // of the client; the zero Addr over the control socket
	Forwarded bool       // said by a trusted proxy, not seen on the wire
}

// proxies are the peers whose forwarding headers count (R7).
type proxies []netip.Prefix

// parseProxies reads CIDRs and single addresses. A range that trusts everybody
// needs the override: it was somebody's default once (A178).
func parseProxies(list []string, any bool) (proxies, error) {
	var out proxies
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "trusted-proxy-malformed", "value", text).Because(err)
		}
		if prefix.Bits() == 0 && !any {
			return nil, fault.New(fault.Invalid, "trusted-proxy-everybody", "value", text)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

func (p proxies) trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func wireAddr(r *http.Request) netip.Addr {
	port, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return port.Addr().Unmap()
}

// source returns the rightmost address that is not a trusted proxy (A179). When
// a proxy's X-Forwarded-For and Forwarded disagree, one of them came through
// from the client, and only the wire is believed.
func (p proxies) source(r *http.Request) Source {
	peer := wireAddr(r)
	if !peer.IsValid() || !p.trusts(peer) {
		return Source{Addr: peer}
	}
	named := connectionNames(r.Header)
	legacy, legacyOK := p.rightmost(forwardedFor(r.Header, named))
	standard, standardOK := p.rightmost(forwarded(r.Header, named))
	switch {
	case legacyOK && standardOK && legacy != standard:
		return Source{Addr: peer}
	case legacyOK:
		return Source{Addr: legacy, Forwarded: true}
	case standardOK && len(r.Header["X-Forwarded-For"]) == 0:
		return Source{Addr: standard, Forwarded: true}
	}
	return Source{Addr: peer}
}

// rightmost walks from the nearest hop outwards. A hop that cannot be read ends
// the walk: what stands left of it was not vouched for.
func (p proxies) rightmost(hops []string) (netip.Addr, bool) {
	var last netip.Addr
	for i := len(hops) - 1; i >= 0; i-- {
		addr, ok := hopAddr(hops[i])
		if !ok {
			return netip.Addr{}, false
		}
		last = addr
		if !p.trusts(addr) {
			return addr, true
		}
	}
	return last, last.IsValid()
}

// hopAddr reads ADDR, ADDR:PORT and [ADDR]:PORT.
func hopAddr(hop string) (netip.Addr, bool) {
	hop = strings.Trim(strings.TrimSpace(hop), `"`)
	if addr, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if port, err := netip.ParseAddrPort(hop); err == nil {
		return port.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func forwardedFor(h http.Header, named map[string]bool) []string {
	if named["x-forwarded-for"] || len(h["X-Forwarded-For"]) == 0 {
		return nil
	}
	return strings.Split(strings.Join(h["X-Forwarded-For"], ","), ",")
}

// forwarded reads the for= of each element of RFC 7239 §4.
func forwarded(h http.Header, named map[string]bool) []string {
	if named["forwarded"] || len(h["Forwarded"]) == 0 {
		return nil
	}
	var hops []string
	for element := range strings.SplitSeq(strings.Join(h["Forwarded"], ","), ",") {
		hop := "unknown"
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "for") {
				hop = value
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// connectionNames are the headers that the sender declared hop-by-hop: a client
// can make a proxy drop its own header this way (A171).
func connectionNames(h http.Header) map[string]bool {
	names := map[string]bool{}
	for name := range strings.SplitSeq(strings.Join(h["Connection"], ","), ",") {
		names[strings.ToLower(strings.TrimSpace(name))] = true
	}
	return names
}

// requestID takes a trusted proxy's id if it has a harmless form, else makes one.
func (p proxies) requestID(r *http.Request, c clock.Clock) string {
	given := r.Header["X-Request-Id"]
	if len(given) == 1 && harmless(given[0]) && len(p) > 0 && p.trusts(wireAddr(r)) {
		return given[0]
	}
	return id.New[string](c.Now())
}

func harmless(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

var forwardingNames = map[string]bool{
	"forwarded": true, "x-real-ip": true, "true-client-ip": true, "cf-connecting-ip": true,
	"fastly-client-ip": true, "x-client-ip": true, "x-cluster-client-ip": true, "client-ip": true,
	"x-original-url": true, "x-original-uri": true, "x-original-host": true, "x-original-forwarded-for": true,
	"x-rewrite-url": true, "x-host": true, "x-request-id": true, "x-http-method": true,
	"x-http-method-override": true, "x-method-override": true, "x-client-cert": true, "client-cert": true,
	"client-cert-chain": true, "x-remote-user": true, "remote-user": true, "x-auth-request-user": true, "x-webauth-user": true,
}

// stripForwarding deletes every spelling of every header that speaks for
// somebody else, so that no handler can believe one by accident (R7).
func stripForwarding(h http.Header) {
	for name := range h {
		folded := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
		if forwardingNames[folded] || strings.HasPrefix(folded, "x-forwarded") ||
			strings.HasPrefix(folded, "ssl-client") || strings.HasPrefix(folded, "x-ssl") {
			delete(h, name)
		}
	}
}

type peerKey struct{}

// WithLocalPeer marks a connection's context as that of a process of this
// machine; for http.Server.ConnContext of the control socket only.
func WithLocalPeer(ctx context.Context, uid int) context.Context {
	return context.WithValue(ctx, peerKey{}, Peer{Local: true, UID: uid})
}

func peerOf(r *http.Request) Peer {
	peer, _ := r.Context().Value(peerKey{}).(Peer)
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		peer.Certificates = r.TLS.PeerCertificates
	}
	return peer
}

// IsLoopback reports whether a listen address reaches this machine only.
func IsLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && isLoopbackName(host)
}
