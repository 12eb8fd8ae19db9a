package client

import (
	"bytes"
	"context"
	_ "embed" // the description
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Description is the API in OpenAPI 3.1, as this client was made from it.
//
//go:embed openapi.json
var Description []byte

// prefix stands before the path of every operation.
const prefix = "/api/v1"

// maxProblem is how many bytes of a refusal are read.
const maxProblem = 1 << 20

// Client speaks to one house.
type Client struct {
	http  *http.Client
	base  string // without a slash at its end
	token string
	lang  string
	dry   *[]string // what a dry run said; nil: requests are meant
}

// errRehearsed ends the call of a dry run that would have been done.
var errRehearsed = errors.New("client: only looked at")

// Foresee says what a change would do, in sentences, and changes nothing: call
// makes the request with the client that it is given. A refusal comes back as it
// would be; no sentence is no consequence, or an operation that cannot say.
func (c *Client) Foresee(call func(*Client) error) ([]string, error) {
	other, said := *c, []string{}
	other.dry = &said
	if err := call(&other); !errors.Is(err, errRehearsed) {
		return nil, err
	}
	return said, nil
}

// foreseen reads the answer to a dry run.
func (c *Client) foreseen(answer *http.Response) error {
	defer answer.Body.Close() //nolint:errcheck // only read
	var said struct {
		Foreseen []string `json:"foreseen"`
	}
	if answer.StatusCode == http.StatusOK {
		if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
			return fmt.Errorf("%w: %w", ErrNoProblem, err)
		}
	}
	*c.dry = said.Foreseen
	return errRehearsed
}

// New returns a client of the house at server, such as
// "https://sekisho.example", who shows a personal token. A server that is not
// this machine is spoken to by https only: the token would be read on the way.
func New(server, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("client: %q is no address such as https://sekisho.example", server)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("client: %s is not this machine: it needs https", u.Host)
	}
	// A redirect would take the token to another address.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &http.Client{CheckRedirect: stay}, base: strings.TrimRight(u.String(), "/"), token: token}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Over returns a client of the house whose control socket dial connects to. It
// needs no token: the house knows the user of the process.
func Over(dial func(context.Context) (net.Conn, error)) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	return &Client{http: &http.Client{Transport: transport}, base: "http://localhost"}
}

// Socket is Over for a socket by its path.
func Socket(path string) *Client {
	return Over(func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) })
}

// In returns the client with refusals in another language, "en" or "ja".
func (c *Client) In(lang string) *Client {
	other := *c
	other.lang = lang
	return &other
}

// By returns the client with another way to send requests, such as one with
// certificates of its own.
func (c *Client) By(h *http.Client) *Client {
	other := *c
	other.http = h
	return &other
}

// Close lets go of the connections that wait for a next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Problem makes the house's refusal an error; see the fields of Problem.
var _ error = (*Problem)(nil)

// Error says what happened, each bad field with what is wrong, and what to do.
func (p *Problem) Error() string {
	lines := []string{p.Title}
	for _, f := range p.Fields() {
		line := f.Message
		for _, before := range []string{f.Field, f.placed()} {
			if before != "" {
				line = before + ": " + line
			}
		}
		lines = append(lines, line)
	}
	if p.Detail != nil && *p.Detail != "" {
		lines = append(lines, *p.Detail)
	}
	return strings.Join(lines, "\n")
}

// Fields are the bad fields, all at once; none if the problem is no such.
func (p *Problem) Fields() []ProblemField {
	if p.Errors == nil {
		return nil
	}
	return *p.Errors
}

func (f ProblemField) placed() string {
	if f.Place == nil {
		return ""
	}
	return *f.Place
}

// Accepted makes what waits for a second person an error: nothing is done yet.
var _ error = (*Accepted)(nil)

// Error says that it waits, what comes next, and where it is decided.
func (a *Accepted) Error() string { return a.Title + "\n" + a.Detail + "\n" + a.URL }

// waiting reads an answer that says so.
func waiting(answer *http.Response) error {
	waits := &Accepted{}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxProblem)).Decode(waits); err != nil || waits.Ask == "" {
		return fmt.Errorf("%w: %s", ErrNoProblem, answer.Status)
	}
	return waits
}

// ErrNoProblem says that an answer came from something that is no house: a
// proxy, or another server.
var ErrNoProblem = errors.New("client: this is not an answer of Sekisho")

// request is one call of an operation.
type request struct {
	id     string
	method string
	path   string
	query  url.Values
	body   any // nil sends none
}

func (r *request) ask(name string, value any) {
	if r.query == nil {
		r.query = url.Values{}
	}
	if at, ok := value.(time.Time); ok {
		r.query.Set(name, at.UTC().Format(time.RFC3339Nano))
		return
	}
	r.query.Set(name, fmt.Sprint(value))
}

// place fills the wildcards of a path in their order.
func place(path string, values ...string) string {
	var b strings.Builder
	for _, value := range values {
		before, rest, _ := strings.Cut(path, "{")
		_, path, _ = strings.Cut(rest, "}")
		b.WriteString(before + url.PathEscape(value))
	}
	return b.String() + path
}

// do sends a request and reads the answer into out (nil: there is none).
func (c *Client) do(ctx context.Context, r request, out any) error {
	answer, err := c.stream(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Close() //nolint:errcheck // read to the end
	if out == nil {
		_, err = io.Copy(io.Discard, answer)
		return err
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoProblem, r.id, err)
	}
	return nil
}

// stream returns the body of an answer that is not a refusal.
func (c *Client) stream(ctx context.Context, r request) (io.ReadCloser, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("client: %s: %w", r.id, err)
		}
		body = bytes.NewReader(text)
	}
	return c.Send(ctx, r.method, r.path, r.query, body)
}

// Send sends JSON to a path below the API's prefix, for what has no method, and
// returns the body of the answer; a refusal is a *Problem, and what waits for a
// second person an *Accepted.
func (c *Client) Send(ctx context.Context, method, path string, query url.Values, body io.Reader) (io.ReadCloser, error) {
	target := c.base + prefix + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	sent, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		sent.Header.Set("Content-Type", "application/json")
	}
	if c.lang != "" {
		sent.Header.Set("Accept-Language", c.lang)
	}
	if c.token != "" {
		sent.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.dry != nil && method != http.MethodGet {
		sent.Header.Set("Dry-Run", "true")
	}
	answer, err := c.http.Do(sent)
	if err != nil {
		return nil, err
	}
	if c.dry != nil && method != http.MethodGet && answer.StatusCode < http.StatusMultipleChoices {
		return nil, c.foreseen(answer)
	}
	if answer.StatusCode == http.StatusAccepted {
		defer answer.Body.Close() //nolint:errcheck // only read
		return nil, waiting(answer)
	}
	if answer.StatusCode >= http.StatusOK && answer.StatusCode < http.StatusMultipleChoices {
		return answer.Body, nil
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	return nil, ProblemOf(answer)
}

// Ready returns why the house does not answer, by what is missing; none if it is
// ready.
func (c *Client) Ready(ctx context.Context) (reasons map[string]string, err error) {
	asked, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(asked)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to the end
	if answer.StatusCode == http.StatusOK {
		return nil, nil
	}
	var why struct {
		Reasons map[string]string `json:"reasons"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&why); err != nil || len(why.Reasons) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoProblem, answer.Status)
	}
	return why.Reasons, nil
}

// ProblemOf reads a refusal: a *Problem, or ErrNoProblem.
func ProblemOf(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err != nil {
		return err
	}
	problem := &Problem{}
	if err := json.Unmarshal(text, problem); err != nil || problem.Code == "" {
		return fmt.Errorf("%w: %s", ErrNoProblem, answer.Status)
	}
	return problem
}

// each yields the items of one page after another.
func each[T any](cursor *string, read func(*string) ([]T, *string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			items, next, err := read(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil || *next == "" {
				return
			}
			cursor = next
		}
	}
}
