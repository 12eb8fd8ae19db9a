package house

import (
	"crypto/tls"
	"net/netip"
	"net/url"
	"time"
)

// How long before its end a certificate is spoken of.
const (
	certificateComing = 60 * 24 * time.Hour
	certificateSoon   = 30 * 24 * time.Hour
	certificateLast   = 7 * 24 * time.Hour
)

func (d *doctor) certificate() {
	if d.config.TLS.Cert == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(d.config.TLS.Cert, d.config.TLS.Key)
	if err != nil {
		d.broken("certificate", err)
		return
	}
	left := pair.Leaf.NotAfter.Sub(d.clock.Now())
	until := pair.Leaf.NotAfter.Format(time.DateOnly)
	switch {
	case left <= 0:
		d.say(Bad, "certificate.over", "path", d.config.TLS.Cert, "until", until)
	case left < certificateLast:
		d.say(Bad, "certificate.last", "path", d.config.TLS.Cert, "until", until)
	case left >= certificateSoon && left < certificateComing:
		d.say(Fine, "certificate.coming", "path", d.config.TLS.Cert, "until", until)
	case left < certificateSoon:
		d.say(Warn, "certificate.soon", "path", d.config.TLS.Cert, "until", until)
	default:
		d.say(Fine, "certificate.stands", "path", d.config.TLS.Cert, "until", until)
	}
}

// address looks at base_url: what stands in every link.
func (d *doctor) address() {
	u, err := url.Parse(d.config.BaseURL)
	if err != nil || d.config.BaseURL == "" {
		return // settle has said it
	}
	_, literal := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme != "https" && u.Hostname() != "localhost":
		d.say(Bad, "address.plain", "url", d.config.BaseURL)
	case literal == nil:
		d.say(Warn, "address.literal", "url", d.config.BaseURL)
	default:
		d.say(Fine, "address.fit", "url", d.config.BaseURL)
	}
}

// networks looks for lists that name more than anybody means.
func (d *doctor) networks() {
	for key, list := range map[string][]string{"egress": d.config.Egress.Allow, "proxies": d.config.TrustedProxies} {
		for _, text := range list {
			prefix, err := netip.ParsePrefix(text)
			if addr, single := netip.ParseAddr(text); single == nil && key == "proxies" { // as web reads them
				prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
			}
			if err != nil {
				d.broken("networks", err)
				continue
			}
			if level := wide(prefix); level != Fine {
				d.say(level, key+".wide", "network", text)
			}
		}
	}
}

// wide judges a network by its size: a whole family is as good as no list.
func wide(p netip.Prefix) Level {
	most := 8
	if p.Addr().Is6() {
		most = 16
	}
	switch {
	case p.Bits() == 0:
		return Bad
	case p.Bits() < most:
		return Warn
	}
	return Fine
}
