package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// Request is one request to the outside.
type Request struct {
	Method string // GET if empty
	URL    URL
	Header http.Header // the caller's; those of the connection itself are refused
	Body   []byte
}

// Answer is what came back, whole: status as it was said, whatever it was.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // decompressed
	URL    URL    // that answered, after redirects
}

// agent is how the house calls itself to others.
const agent = "Sekisho"

// Do sends the request, follows redirects and reads the answer. All failures
// but the end of the caller's own context are faults.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	if r.URL.IsZero() {
		return nil, fault.New(fault.Invalid, "egress-url-malformed")
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if err := checkHeader(r.Method, r.Header); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, c.limits.Total)
	defer cancel()
	request, err := http.NewRequestWithContext(within, r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "egress-url-malformed").Because(err)
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	answer, err := c.send(request)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, c.refusal(within, r.URL.Parsed().Host, err)
	}
	return answer, nil
}

func (c *Client) send(request *http.Request) (*Answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	at, err := ParseURL(response.Request.URL.String())
	if err != nil {
		return nil, err
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body, URL: at}, nil
}

// HTTP returns a client of the standard library under the same rules, for
// protocol libraries that ask for one. Its faults come wrapped in *url.Error.
func (c *Client) HTTP() *http.Client {
	copied := *c.http
	return &copied
}

func (c *Client) makeHTTP() *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return c.dial(ctx, network, addr, false)
		},
		TLSClientConfig:        c.tls.Clone(),
		TLSHandshakeTimeout:    c.limits.Total,
		ResponseHeaderTimeout:  c.limits.Total,
		MaxResponseHeaderBytes: c.limits.Header,
		DisableCompression:     true, // decompressed under our own caps
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        30 * time.Second,
	}
	if !c.proxy.IsZero() {
		proxy := c.proxy.Parsed()
		transport.Proxy = http.ProxyURL(proxy)
		transport.DialContext = c.dialProxy
	}
	return &http.Client{
		Transport:     &checked{client: c, next: transport},
		CheckRedirect: c.redirect,
		Timeout:       c.limits.Total,
	}
}

// dialProxy connects to the proxy, wherever it stands: the administrator named
// it. The transport asks for nothing else while it is set.
func (c *Client) dialProxy(ctx context.Context, network, addr string) (net.Conn, error) {
	proxy := c.proxy.Parsed()
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	if addr != net.JoinHostPort(proxy.Hostname(), port) {
		return nil, fault.New(fault.Forbidden, "egress-target-refused", "host", addr, "address", addr, "use", c.use)
	}
	answers, err := c.resolve(ctx, proxy.Hostname())
	if err != nil {
		return nil, err
	}
	return c.connect(ctx, network, port, answers, func(netip.Addr) error { return nil })
}

// checked is the transport with the rules of the house around it: it sees
// every hop.
type checked struct {
	client *Client
	next   *http.Transport
}

func (t *checked) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := t.client.target(request.URL); err != nil {
		closeBody(request)
		return nil, err
	}
	own := request.Clone(request.Context())
	own.Host = "" // the Host header is the URL's
	own.Header.Set("Accept-Encoding", "gzip")
	if own.Header.Get("User-Agent") == "" {
		own.Header.Set("User-Agent", agent)
	}
	response, err := t.next.RoundTrip(own)
	if err != nil {
		return nil, err
	}
	response.Request = request
	return t.client.capped(response)
}

// CloseIdleConnections lets http.Client reach the transport's.
func (t *checked) CloseIdleConnections() { t.next.CloseIdleConnections() }

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

// target checks the URL of a hop before anything is sent. Behind a proxy this
// is the only look that we get.
func (c *Client) target(u *url.URL) error {
	if err := checkURL(u); err != nil {
		return err
	}
	if c.proxy.IsZero() {
		return nil
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return fault.New(fault.Forbidden, "egress-literal-behind-proxy", "host", host, "use", c.use)
	}
	if !listed(c.hosts, host) {
		return fault.New(fault.Forbidden, "egress-host-not-listed", "host", host, "use", c.use)
	}
	return nil
}

func listed(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(entry string) bool {
		entry = strings.ToLower(entry)
		if below, ok := strings.CutPrefix(entry, "*"); ok {
			return strings.HasSuffix(host, below)
		}
		return host == entry
	})
}

// kept are the headers that may follow a redirect to another origin: nothing
// that could be a credential, whatever its name.
var kept = []string{"Accept", "Accept-Language", "User-Agent"}

// redirect decides about each hop before it is taken (A141).
func (c *Client) redirect(request *http.Request, via []*http.Request) error {
	if len(via) > c.limits.Redirects {
		return fault.New(fault.Unmet, "egress-too-many-redirects", "limit", max(c.limits.Redirects, 0), "use", c.use)
	}
	first := via[0].URL
	to := request.URL.Scheme + "://" + request.URL.Host
	if request.URL.Scheme != first.Scheme {
		return fault.New(fault.Forbidden, "egress-redirect-scheme", "from", first.Scheme+"://"+first.Host, "to", to, "use", c.use)
	}
	request.Header.Del("Referer") // a path or query of ours is nobody's business
	left := func(r *http.Request) bool { return !strings.EqualFold(r.URL.Host, first.Host) }
	if !left(request) && !slices.ContainsFunc(via, left) {
		return nil
	}
	if request.ContentLength != 0 || request.Method != http.MethodGet && request.Method != http.MethodHead {
		return fault.New(fault.Forbidden, "egress-redirect-with-body", "from", first.Scheme+"://"+first.Host, "to", to, "use", c.use)
	}
	for name := range request.Header {
		if !slices.Contains(kept, name) {
			request.Header.Del(name)
		}
	}
	return nil
}

// connection are the headers that the connection itself owns.
var connection = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive",
	"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// checkHeader refuses what could break out of its line (A146).
func checkHeader(method string, header http.Header) error {
	if method == "" || !isToken(method) || method == http.MethodConnect {
		return fault.New(fault.Invalid, "egress-header-invalid", "name", "method")
	}
	for name, values := range header {
		if !isToken(name) || slices.Contains(connection, http.CanonicalHeaderKey(name)) {
			return fault.New(fault.Invalid, "egress-header-invalid", "name", strconv.QuoteToASCII(name))
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return fault.New(fault.Invalid, "egress-header-invalid", "name", name)
			}
		}
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// capped puts the caps around an answer's body (A142).
func (c *Client) capped(response *http.Response) (*http.Response, error) {
	raw := &capReader{in: response.Body, left: c.limits.Body, limit: c.limits.Body, use: c.use}
	var body io.Reader = raw
	switch encoding := response.Header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
	case "gzip", "x-gzip":
		body = &unzip{raw: raw, limits: c.limits, use: c.use}
		response.Header.Del("Content-Encoding")
		response.Header.Del("Content-Length")
		response.ContentLength = -1
		response.Uncompressed = true
	default:
		_ = response.Body.Close()
		return nil, fault.New(fault.Unmet, "egress-answer-encoding", "encoding", strconv.QuoteToASCII(encoding), "use", c.use)
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{body, response.Body}
	return response, nil
}

// capReader ends in a fault when there is more than the limit.
type capReader struct {
	in          io.Reader
	left, limit int64
	use         string
}

func (r *capReader) Read(p []byte) (int, error) {
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1] // one byte more tells "exactly at the limit" from "beyond"
	}
	n, err := r.in.Read(p)
	if int64(n) > r.left {
		return int(r.left), fault.New(fault.Unmet, "egress-answer-too-large", "limit", r.limit, "use", r.use)
	}
	r.left -= int64(n)
	return n, err
}

// unzip decompresses under the caps on size and on the ratio.
type unzip struct {
	raw    *capReader
	limits Limits
	use    string
	gz     *gzip.Reader
	out    int64
}

// grace is how much may come out before the ratio counts: short answers
// compress well without being bombs.
const grace = 64 << 10

func (u *unzip) Read(p []byte) (int, error) {
	if u.gz == nil {
		gz, err := gzip.NewReader(u.raw)
		if errors.Is(err, io.EOF) && u.raw.left == u.raw.limit {
			return 0, io.EOF // no body at all, as after HEAD
		}
		if err != nil {
			return 0, err
		}
		u.gz = gz
	}
	n, err := u.gz.Read(p)
	u.out += int64(n)
	in := u.raw.limit - u.raw.left
	switch {
	case u.out > grace && u.out > u.limits.Ratio*in:
		return 0, fault.New(fault.Unmet, "egress-answer-bomb", "ratio", u.limits.Ratio, "use", u.use)
	case u.out > u.limits.Body:
		return 0, fault.New(fault.Unmet, "egress-answer-too-large", "limit", u.limits.Body, "use", u.use)
	}
	return n, err
}
