package operate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

const (
	lanterns = "seven paper lanterns hang there"
	public   = "http://sekisho.localhost:8080" // base_url of all nodes
	least    = 5000                            // requests during which nothing may fail
	folk     = 8                               // who sign in, look and call at once
)

// people are manifests of one organization and administrators of it who sign
// in by password.
func people(n int) string {
	var b bytes.Buffer
	b.WriteString("kind: Organization\nname: kaede\nspec: {title: Kaede, type: provider}\n")
	for i := range n {
		fmt.Fprintf(&b, "---\nkind: Person\nname: p%02d\nspec: {email: p%02d@kaede.example, display_name: Person %02d, locale: en, time_zone: UTC, password: %q}\n", i, i, i, lanterns)
		fmt.Fprintf(&b, "---\nkind: Member\norg: kaede\nname: p%02d\nspec: {roles: [administrator]}\n", i)
	}
	return b.String()
}

// balancer spreads requests over the nodes that say that they are ready, which
// it asks them five times a second, and never sends one twice.
type balancer struct {
	nodes []string // host:port
	ready []atomic.Bool
	out   []atomic.Bool // taken out by hand
	turn  atomic.Int64
}

func newBalancer(t *testing.T, nodes ...string) *balancer {
	b := &balancer{nodes: nodes, ready: make([]atomic.Bool, len(nodes)), out: make([]atomic.Bool, len(nodes))}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	look := func() {
		for i, node := range nodes {
			answer, err := client.Get("http://" + node + "/readyz")
			if err == nil {
				_ = answer.Body.Close()
			}
			b.ready[i].Store(err == nil && answer.StatusCode == http.StatusOK)
		}
	}
	look()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				look()
			}
		}
	}()
	return b
}

// pick returns the next node that is ready.
func (b *balancer) pick() (string, error) {
	first := int(b.turn.Add(1))
	for k := range b.nodes {
		i := (first + k) % len(b.nodes)
		if b.ready[i].Load() && !b.out[i].Load() {
			return b.nodes[i], nil
		}
	}
	return "", errors.New("no node is ready")
}

// load counts what the clients met.
type load struct {
	balancer *balancer
	sent     atomic.Int64
	kinds    sync.Map // name to *atomic.Int64
	mu       sync.Mutex
	failed   []string
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = append(l.failed, fmt.Sprintf(format, args...))
}

// client is one browser or program, with connections of its own.
type client struct {
	load    *load
	http    *http.Client
	n       int // of itself
	asked   int
	cookies []*http.Cookie
	token   string
}

func newClient(l *load, n int) *client {
	return &client{load: l, n: n, http: &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask sends one request by the balancer and counts it. What Go's own client
// would send again without a word counts as failed.
func (c *client) ask(kind, method, path string, body string, header http.Header, want int) (text string, answer *http.Response) {
	c.load.sent.Add(1)
	count, _ := c.load.kinds.LoadOrStore(kind, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
	node, err := c.load.balancer.pick()
	if err != nil {
		c.load.fail("%s: %v", kind, err)
		return "", nil
	}
	request, err := http.NewRequest(method, "http://"+node+path, strings.NewReader(body))
	if err != nil {
		c.load.fail("%s: %v", kind, err)
		return "", nil
	}
	tries := 0
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { tries++ }}))
	request.Host = strings.TrimPrefix(public, "http://")
	for name, values := range header {
		request.Header[name] = values
	}
	c.asked++ // the rate limits are per address: each request comes from another one
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", c.n, c.asked>>8&255, c.asked&255))
	answer, err = c.http.Do(request)
	if err != nil {
		c.load.fail("%s %s: %v", kind, node, err)
		return "", nil
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	read, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want || tries != 1 {
		c.load.fail("%s %s: %d, want %d, %d tries, %v: %.200s", kind, node, answer.StatusCode, want, tries, err, read)
	}
	return string(read), answer
}

func (c *client) signIn(login string) {
	form := url.Values{"login": {login}, "password": {lanterns}}.Encode()
	_, answer := c.ask("sign in", http.MethodPost, "/signin/password", form, http.Header{
		"Origin": {public}, "Content-Type": {"application/x-www-form-urlencoded"},
	}, http.StatusSeeOther)
	if answer != nil {
		c.cookies = answer.Cookies()
	}
}

func (c *client) cookie() http.Header {
	h := http.Header{}
	for _, one := range c.cookies {
		h.Add("Cookie", one.Name+"="+one.Value)
	}
	return h
}

// look opens the first page with the session and checks whose it is.
func (c *client) look() {
	text, answer := c.ask("page", http.MethodGet, "/", "", c.cookie(), http.StatusOK)
	if answer != nil && !strings.Contains(text, fmt.Sprintf("Person %02d", c.n)) {
		c.load.fail("page: it does not name Person %02d: %.200s", c.n, text)
	}
}

func (c *client) call() {
	c.ask("token", http.MethodGet, "/api/v1/audit/records?limit=1", "", http.Header{"Authorization": {"Bearer " + c.token}}, http.StatusOK)
}

// begin signs in once and makes a token.
func (c *client) begin(t *testing.T) {
	t.Helper()
	c.signIn(fmt.Sprintf("p%02d", c.n))
	header := c.cookie()
	header.Set("Origin", public)
	header.Set("Content-Type", "application/json")
	text, _ := c.ask("orgs", http.MethodGet, "/api/v1/organizations", "", c.cookie(), http.StatusOK)
	var orgs struct {
		Items []struct{ ID, Name string } `json:"items"`
	}
	if err := json.Unmarshal([]byte(text), &orgs); err != nil || len(orgs.Items) == 0 {
		t.Fatalf("%v: %s %v", err, text, c.load.failed)
	}
	body := fmt.Sprintf(`{"name":"check","org":%q,"scopes":["audit.read"],"days":1}`, orgs.Items[0].ID)
	text, _ = c.ask("token made", http.MethodPost, "/api/v1/me/tokens", body, header, http.StatusCreated)
	var made struct{ Value string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Value == "" {
		t.Fatalf("%v: %s %v", err, text, c.load.failed)
	}
	c.token = made.Value
}

// until goes on until told to stop.
func (c *client) until(stop <-chan struct{}) {
	other := newClient(c.load, c.n+100) // signs in anew each time, as somebody else
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		c.look()
		c.call()
		if i%25 == 0 {
			other.signIn(fmt.Sprintf("p%02d", folk+c.n))
		}
	}
}

// Two nodes on one PostgreSQL are upgraded one after the other under load. The
// first new one changes the schema while the old one serves. No client ever
// sees a failure, and every session and token of before goes on.
func TestRollingUpgrade(t *testing.T) {
	t.Run("CAP-O2 F3 from this version to the next", func(t *testing.T) {
		roll(t, binary(t), later(t, "expand"), true)
	})
	t.Run("CAP-O2 from the version before to this one", func(t *testing.T) {
		housetest.Long(t)
		old := earlier(t)
		if old == "" {
			t.Skipf("the history of this clone does not reach %.8s, which is the version before", before)
		}
		roll(t, old, binary(t), false) // it knows no drain: it is taken out by hand
	})
}

// nodes are two places of one house.
func nodes(t *testing.T, drains bool) (sites [2]site, at []string) {
	database := housetest.Postgres(t)
	sites = [2]site{newSite(t, database), newSite(t, database)}
	key := filepath.Join(sites[0].dir, "unseal.key")
	for i := range sites {
		s := &sites[i]
		s.environ = append(s.environ, "SEKISHO_UNSEAL_FILE="+key, "SEKISHO_BASE_URL="+public, "SEKISHO_TRUSTED_PROXIES=127.0.0.1/32")
		if drains {
			s.environ = append(s.environ, "SEKISHO_DRAIN=2s")
		}
		for _, pair := range s.environ {
			if listen, is := strings.CutPrefix(pair, "SEKISHO_LISTEN=localhost:"); is {
				at = append(at, "127.0.0.1:"+listen)
			}
		}
	}
	return sites, at
}

func roll(t *testing.T, old, fresh string, drains bool) {
	sites, at := nodes(t, drains)
	var running [2]*process
	for i, s := range sites {
		running[i] = s.serve(t, old)
	}
	file := filepath.Join(sites[0].dir, "people.yaml")
	if err := os.WriteFile(file, []byte(people(2*folk)), 0o600); err != nil {
		t.Fatal(err)
	}
	sites[0].says(t, old, "apply", "-f", file)
	l := &load{balancer: newBalancer(t, at...)}
	clients := make([]*client, folk)
	for i := range clients {
		clients[i] = newClient(l, i)
		clients[i].begin(t)
	}
	if drains {
		if names, _ := sites[1].steps(t, fresh); len(names) == 0 {
			t.Fatal("the next version changes nothing: this shows nothing")
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { c.until(stop) })
	}
	renew := func() {
		for i, s := range sites {
			if !drains {
				l.balancer.out[i].Store(true)
				time.Sleep(time.Second)
			}
			halt(t, running[i])
			running[i] = s.serve(t, fresh)
			l.balancer.out[i].Store(false)
			awaitReady(t, l.balancer, i)
			t.Logf("node %d is new after %d requests", i, l.sent.Load())
		}
	}
	renew()
	if most, _ := strconv.ParseInt(os.Getenv("SEKISHO_ROLLING_REQUESTS"), 10, 64); most > 0 {
		for l.sent.Load() < most { // the nodes go on being replaced
			renew()
		}
	}
	for l.sent.Load() < least {
		time.Sleep(50 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	for _, c := range clients { // on each node: what began before the upgrade
		for range at {
			c.look()
			c.call()
		}
	}
	if names, _ := sites[0].steps(t, fresh); len(names) != 0 {
		t.Errorf("%v still wait", names)
	}
	if said := sites[0].says(t, fresh, "audit", "verify"); !strings.Contains(said, "yes") {
		t.Errorf("the log: %s", said)
	}
	l.report(t)
}

// awaitReady returns once the balancer sends requests to the node again, and a
// while after.
func awaitReady(t *testing.T, b *balancer, i int) {
	t.Helper()
	for range 600 {
		if b.ready[i].Load() {
			time.Sleep(500 * time.Millisecond)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("node %d does not become ready", i)
}

func (l *load) report(t *testing.T) {
	t.Helper()
	var kinds []string
	l.kinds.Range(func(name, n any) bool {
		kinds = append(kinds, fmt.Sprintf("%s %d", name, n.(*atomic.Int64).Load()))
		return true
	})
	slices.Sort(kinds)
	t.Logf("%d requests (%s), %d failed", l.sent.Load(), strings.Join(kinds, ", "), len(l.failed))
	if len(l.failed) > 0 {
		t.Errorf("CAP-O2 %d of %d requests failed:\n%s", len(l.failed), l.sent.Load(), strings.Join(l.failed[:min(10, len(l.failed))], "\n"))
	}
}
