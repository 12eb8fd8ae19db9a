package outside

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
)

// Dialer makes verified TLS connections.
type Dialer interface {
	DialTLS(ctx context.Context, network, addr string) (*tls.Conn, error)
}

// Doer sends HTTP requests.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// Options says with what the places are reached.
type Options struct {
	Dialer Dialer
	HTTP   Doer
	Host   string // what this machine calls itself; for syslog
}

// defaultPort is the registered port of syslog over TLS (RFC 5425 §4.1).
const defaultPort = "6514"

// Parse makes the place that a setting names: syslog+tls://HOST:PORT or
// https://….
func Parse(setting string, o Options) (audit.Outside, error) {
	u, err := url.Parse(setting)
	if err != nil {
		return nil, unknown("")
	}
	if u.User != nil { // and a password is not repeated
		return nil, unknown(u.Redacted())
	}
	switch u.Scheme {
	case "syslog+tls":
		addr := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPort))
		if _, err := egress.ParseAddress(addr); err != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, unknown(setting)
		}
		return &Syslog{setting: setting, addr: addr, options: o}, nil
	case "https":
		if _, err := egress.ParseURL(setting); err != nil {
			return nil, unknown(setting)
		}
		return &Post{setting: setting, client: o.HTTP}, nil
	}
	return nil, unknown(setting)
}

func unknown(setting string) error {
	return fault.New(fault.Invalid, "audit-outside-unknown", "place", setting)
}

// object is a checkpoint as it is sent: one line of ASCII.
func object(c audit.Checkpoint) []byte {
	text, err := json.Marshal(struct {
		Origin string `json:"origin"`
		Epoch  int64  `json:"epoch"`
		Size   int64  `json:"size"`
		Root   string `json:"root"`
		Time   string `json:"time"`
		Note   string `json:"note"`
	}{c.Origin, c.Epoch, c.Size, c.Root.String(), stamp(c.At), c.Note})
	if err != nil {
		panic("outside: " + err.Error()) // strings and numbers always marshal
	}
	return ascii(text)
}

// ascii escapes what is not ASCII in JSON, so that no relay changes it.
func ascii(text []byte) []byte {
	out := make([]byte, 0, len(text)+32)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[n:]
	}
	return out
}

// Post is a place that takes an HTTPS POST.
type Post struct {
	setting string
	client  Doer
}

// Name returns the setting that named the place.
func (p *Post) Name() string { return p.setting }

// Send posts the checkpoint as application/json; any 2xx answer means that the
// place has it.
func (p *Post) Send(ctx context.Context, c audit.Checkpoint) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.setting, bytes.NewReader(object(c)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	const enough = 4 << 10 // of an answer that nobody reads, so that the connection can be used again
	_, _ = io.CopyN(io.Discard, response.Body, enough)
	if response.StatusCode/100 != 2 {
		return fault.New(fault.Unmet, "audit-outside-refused", "place", p.setting, "status", response.StatusCode)
	}
	return nil
}
