package house

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/sekisho/sekisho/internal/console"
)

// premises tell the console what only the whole house knows.
type premises struct{ house *House }

// Around implements console.Premises.
func (p premises) Around() console.Around {
	c := p.house.config
	a := console.Around{Proxy: hostOf(c.Egress.Proxy), Certificate: p.certificate()}
	if !c.Mail.SMTP.IsZero() {
		a.Relay = c.Mail.SMTP.String()
	}
	a.Free, a.Whole, _ = space(c.Data) // 0 of 0: not known
	return a
}

// certificate is when the listener's own certificate ends, as the file says
// now; zero if there is none that can be read.
func (p premises) certificate() time.Time {
	c := p.house.config.TLS
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return time.Time{}
		}
		return pair.Leaf.NotAfter
	}
	if c.ACME.Directory == "" {
		return time.Time{}
	}
	return firstCertificate(filepath.Join(p.house.config.Data, "acme", hostOf(p.house.URL())))
}

// firstCertificate reads the end of the first certificate of a PEM file.
func firstCertificate(path string) time.Time {
	text, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); block.Type == "CERTIFICATE" && err == nil {
			return cert.NotAfter
		}
	}
	return time.Time{}
}

// Mail implements console.Premises.
func (p premises) Mail(ctx context.Context) (m console.Mail, err error) {
	s, err := p.house.post.Vitals(ctx)
	m.Waiting, m.Oldest, m.Sent, m.Failed, m.Said = s.Waiting, s.Oldest, s.Sent, s.Failed, s.Answer.Text
	return m, err
}

// Publish implements console.Premises.
func (p premises) Publish(topic string, version int64) { p.house.mux.Hub().Publish(topic, version) }

// hostOf is the host of an address, without its port; what else stands in it,
// such as a password, stays out of sight.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
