package definition

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/meter"
	"github.com/sekisho/sekisho/internal/secret"
)

// Options are what a Runner needs. Meter may be nil.
type Options struct {
	Egress *egress.Client
	Clock  clock.Clock
	Meter  *meter.Set
}

// Runner executes definitions. It is safe for use at once.
type Runner struct {
	egress *egress.Client
	clock  clock.Clock
	over   doer // instead of the way out: recorded exchanges
	calls  *meter.Counter
	took   *meter.Timer

	mu     sync.Mutex
	routes map[string]*egress.Client
}

// NewRunner returns a runner.
func NewRunner(o Options) *Runner {
	e := &Runner{egress: o.Egress, clock: o.Clock, routes: map[string]*egress.Client{}}
	if o.Meter != nil {
		e.calls = o.Meter.Counter("connector_requests", "requests to outside systems by definition and outcome", "definition", "outcome")
		e.took = o.Meter.Timer("connector_request", "requests to outside systems", "definition")
	}
	return e
}

// Credential is what proves who calls. Expressions see it in auth.headers only,
// under the names access_token, token, username and password.
type Credential struct{ AccessToken, Token, Username, Password secret.Text }

func (c Credential) vars() map[string]string {
	return map[string]string{
		"access_token": c.AccessToken.Reveal(), "token": c.Token.Reveal(),
		"username": c.Username.Reveal(), "password": c.Password.Reveal(),
	}
}

// Call is one use of a definition.
type Call struct {
	Definition *Definition
	Settings   map[string]any // as the administrator gave them
	Use        egress.Use     // what this system may reach besides; Limits are the definition's
	Mode       string         // ModeUser or ModeService; ModeUser if empty
	Scheme     string         // of the credential; the definition's first if empty
	Credential Credential
	NativeUser string // the person's account at the system, where it is known
	ActAs      string // whom a service's credential acts for, where the definition can
	Language   string // "en" or "ja": of labels that an adapter gives
	Email      string // of the person, for an adapter of the card protocol
	Signer     Signer // of the card protocol
	Before     Signer // of the key before, while an adapter may know no other; nil: none
	Op         string // of Run
	Arg        map[string]any
	Trace      *Trace  // nil: nobody looks
	Budget     *Budget // nil: no limit but the definition's own on one operation
}

// Signer signs the tokens by which an adapter of the card protocol knows us.
type Signer interface {
	// Sign returns a compact JWT with the claims.
	Sign(claims map[string]any) (string, error)
}

// doer is the way out: *egress.Client, or recorded exchanges.
type doer interface {
	Do(ctx context.Context, r egress.Request) (*egress.Answer, error)
}

// mostRoutes bounds the clients that are kept for their connections.
const mostRoutes = 256

// route returns the client of a use, kept so that connections are used again.
func (e *Runner) route(c Call) (doer, error) {
	if e.over != nil {
		return e.over, nil
	}
	use := c.Use
	use.Limits = egress.Limits{Total: c.Definition.Limits.Timeout, Body: int64(c.Definition.Limits.MaxBody), Redirects: -1}
	use.Name = cmp.Or(use.Name, "connector "+c.Definition.ID)
	key := fingerprint(use)
	e.mu.Lock()
	defer e.mu.Unlock()
	if client := e.routes[key]; client != nil {
		return client, nil
	}
	client, err := e.egress.For(use)
	if err != nil {
		return nil, err
	}
	if len(e.routes) >= mostRoutes {
		for old, kept := range e.routes {
			kept.Close()
			delete(e.routes, old)
		}
	}
	e.routes[key] = client
	return client, nil
}

func fingerprint(u egress.Use) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %v %q %v", u.Name, u.Allow, u.Hosts, u.Limits)
	for _, root := range u.Roots {
		sum.Write(root.Raw)
	}
	for _, certificate := range u.Certificates {
		sum.Write(slices.Concat(certificate.Certificate...))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Close ends the connections that are kept for the next call.
func (e *Runner) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, client := range e.routes {
		client.Close()
	}
}

// Run executes the operation and returns what it maps: a map, a list of maps for
// an operation with each, nil where nothing is mapped. The error is a *Problem;
// with one of ErrCut comes what was read.
func (e *Runner) Run(ctx context.Context, c Call) (any, error) {
	client, err := e.route(c)
	if err != nil {
		return nil, &Problem{Kind: Failed, Message: fault.Code(err), Err: err}
	}
	r, p := e.prepare(client, c)
	if p != nil {
		return nil, p
	}
	ctx, cancel := context.WithTimeout(ctx, c.Definition.Limits.Total)
	defer cancel()
	out, p := r.operation(ctx, c.Op, c.Arg)
	if p == nil && r.cut {
		p = cutShort()
		p.Step = c.Op
		return out, p
	}
	if p != nil {
		return nil, p
	}
	return out, nil
}

// run is one operation on its way.
type run struct {
	e       *Runner
	c       Call
	d       *Definition
	client  doer
	cfg     map[string]any
	origins []egress.URL
	headers map[string]string // of the credential
	budget  *Budget
	mask    *strings.Replacer // of words about what went wrong
	echo    *strings.Replacer // of what is answered
	wrote   bool              // something was sent that may have changed the system
	cut     bool              // a list that has to be whole has more than may be read
	done    int               // steps executed
}

func (e *Runner) prepare(client doer, c Call) (*run, *Problem) {
	c.Mode = cmp.Or(c.Mode, ModeUser)
	d := c.Definition
	if !d.Can(c.Op, c.Mode) {
		return nil, &Problem{Kind: Invalid, Message: "the definition cannot do " + c.Op + " in mode " + c.Mode}
	}
	cfg, err := d.Configure(c.Settings)
	if err != nil {
		return nil, &Problem{Kind: Invalid, Message: fault.Code(err), Err: err}
	}
	origins, err := d.Origins(cfg)
	if err != nil {
		return nil, &Problem{Kind: Invalid, Message: fault.Code(err), Err: err}
	}
	r := &run{e: e, c: c, d: d, client: client, cfg: cfg, origins: origins, budget: c.Budget, mask: masker(c.Credential, shortestInWords), echo: masker(c.Credential, shortestInAnswer)}
	if r.budget == nil {
		r.budget = NewBudget(d.Limits, e.clock)
	}
	return r, r.authorize()
}

// authorize makes the headers of the credential.
func (r *run) authorize() *Problem {
	a := &r.d.doc.Auth
	scheme := a.Schemes.get(r.c.Scheme)
	if r.c.Scheme == "" && len(a.Schemes) > 0 {
		scheme = a.Schemes[0]
	}
	if scheme == nil {
		return &Problem{Kind: Invalid, Message: "the definition has no scheme " + r.c.Scheme}
	}
	if r.c.Credential.missing(scheme.Kind) {
		return &Problem{Kind: Unauthorized, Message: "there is no credential"}
	}
	r.headers = map[string]string{}
	from := scheme.headers
	if len(from) == 0 {
		from = a.Headers
	}
	vars := map[string]any{"cred": r.c.Credential.vars(), "cfg": r.cfg, "now": r.e.clock.Now()}
	for _, h := range from {
		value, err := h.value.eval(context.Background(), vars)
		text, ok := value.(string)
		if err != nil || !ok { // CEL's words would repeat the credential
			return &Problem{Kind: Failed, Message: "the header " + h.name + " could not be made of the credential"}
		}
		r.headers[h.name] = text
	}
	if len(from) == 0 {
		r.headers["Authorization"] = r.c.Credential.usual(scheme.Kind)
	}
	return nil
}

func (c Credential) missing(scheme string) bool {
	switch scheme {
	case SchemeBasic:
		return c.Username.Empty() || c.Password.Empty()
	case SchemeHeaderToken:
		return c.Token.Empty()
	}
	return c.AccessToken.Empty()
}

// usual is the header of a scheme whose definition says none.
func (c Credential) usual(scheme string) string {
	if scheme == SchemeBasic {
		return basicAuth(c.Username.Reveal(), c.Password.Reveal())
	}
	return "Bearer " + c.AccessToken.Reveal()
}

// observe counts a request.
func (e *Runner) observe(definition string, outcome Kind, took time.Duration) {
	if e.calls == nil {
		return
	}
	e.calls.Add(1, definition, cmp.Or(string(outcome), "ok"))
	e.took.Observe(took.Seconds(), definition)
}

// Clock is the clock that the runner waits by.
func (e *Runner) Clock() clock.Clock { return e.clock }
