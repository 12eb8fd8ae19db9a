package egress

import (
	"net/netip"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
)

// denied are the networks that are not the public internet, from IANA's
// special-purpose registries (RFC 6890). netip's own predicates are not enough:
// they call most of these global unicast.
var denied = prefixes(
	"0.0.0.0/8",       // this network (RFC 791)
	"10.0.0.0/8",      // private (RFC 1918)
	"100.64.0.0/10",   // carrier-grade NAT (RFC 6598)
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, metadata of clouds (RFC 3927)
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments (RFC 6890)
	"192.0.2.0/24",    // documentation (RFC 5737)
	"192.88.99.0/24",  // relays of 6to4 (RFC 7526)
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks (RFC 2544)
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
	"2001::/23",       // protocol assignments: Teredo, ORCHID (RFC 2928)
	"2001:db8::/32",   // documentation (RFC 3849)
	"2002::/16",       // 6to4: carries an IPv4 address (RFC 3056)
	"3fff::/20",       // documentation (RFC 9637)
)

// global is all that IPv6 gives to the public. What lies outside is denied by
// that: ::1, ::, v4-compatible, NAT64 64:ff9b::/96 and 64:ff9b:1::/48, fc00::/7,
// fe80::/10, ff00::/8, 100::/64, 5f00::/16.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// Public reports whether the address belongs to the public internet. A
// v4-mapped address is judged as the IPv4 address that it is.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsValid() || addr.Zone() != "" || addr.Is6() && !global.Contains(addr) {
		return false
	}
	return !within(denied, addr)
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// permitted is the one check of an address: the fault names it and says how to
// permit it. direct is for raw connections while a proxy is set: they reach
// only what is listed.
func (c *Client) permitted(host string, addr netip.Addr, direct bool) error {
	addr = addr.Unmap()
	if addr.Zone() == "" && within(c.allow, addr) {
		return nil
	}
	if direct && !c.proxy.IsZero() {
		return fault.New(fault.Forbidden, "egress-direct-refused", "host", host, "address", addr.String(), "use", c.use)
	}
	if !Public(addr) {
		return fault.New(fault.Forbidden, "egress-target-refused", "host", host, "address", addr.String(), "use", c.use)
	}
	return nil
}
