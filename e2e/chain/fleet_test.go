package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job/jobtest"
)

// node is one place at which a house is served, by one process after the other.
type node struct {
	order
	t     *testing.T
	alive *jobtest.Life
	next  *jobtest.Life // stands by
}

func (n *node) spawn(ctx context.Context) *jobtest.Life {
	text, err := json.Marshal(n.order)
	if err != nil {
		n.t.Fatal(err)
	}
	l, err := jobtest.Spawn(ctx, nil, n.t.Output(), orderKey+"="+string(text))
	if err != nil {
		n.t.Fatal(err)
	}
	return l
}

// live lets the process that stands by take over.
func (n *node) live(ctx context.Context) {
	if n.next == nil {
		n.next = n.spawn(ctx)
	}
	if err := n.next.Begin(); err != nil {
		n.t.Errorf("a node does not begin: %v", err)
	}
	n.alive, n.next = n.next, n.spawn(ctx)
}

// kill is kill -9, and the next one takes over.
func (n *node) kill(ctx context.Context) {
	if end := n.alive.Kill(); end == nil {
		n.t.Error("a node ended by itself")
	}
	n.live(ctx)
}

// end leaves no process behind.
func (n *node) end() {
	if n.alive != nil {
		_ = n.alive.Kill()
	}
	if n.next != nil {
		_ = n.next.Dismiss()
	}
	n.alive, n.next = nil, nil
}

// fleet is a house of one or two nodes, and the way of its people to it.
type fleet struct {
	base  string
	nodes []*node
	turn  atomic.Int64
	http  *http.Client
	slow  atomic.Int64 // the longest request, in ns
	// unheard are rings that were answered and not taken.
	unheard atomic.Int64
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its number is wanted
	return l.Addr().String()
}

// newFleet makes the places: two of them on PostgreSQL.
func newFleet(t *testing.T, database string) *fleet {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	_, number, _ := strings.Cut(port, ":")
	first := order{
		Listen: port, BaseURL: "http://localhost:" + number, Data: filepath.Join(dir, "one"), Unseal: filepath.Join(dir, "one", "unseal.key"), Database: database, Plain: plain,
	}
	f := &fleet{base: first.BaseURL, nodes: []*node{{order: first, t: t}}, http: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	if strings.HasPrefix(database, "postgres:") {
		second := first
		second.Listen, second.Data = freePort(t), filepath.Join(dir, "two")
		f.nodes = append(f.nodes, &node{order: second, t: t})
	}
	t.Cleanup(func() {
		for _, n := range f.nodes {
			n.end()
		}
	})
	return f
}

// here is the house in this process, while no node lives.
func (f *fleet) here(t *testing.T) *housetest.Home {
	t.Helper()
	return housetest.House(t, f.nodes[0].options())
}

// live lets all nodes live.
func (f *fleet) live(ctx context.Context, recovery jobtest.Recovery) {
	for _, n := range f.nodes {
		n.Recovery = recovery
		n.live(ctx)
	}
}

// errAway says that a request may have been heard or not.
var errAway = errors.New("no answer")

// refusal is an answer that is not what was wanted.
type refusal struct {
	status int
	Code   string `json:"code"`
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.Code) }

// call is a request of somebody to any node, made once.
func (f *fleet) call(ctx context.Context, a actor, method, path string, body, into any) error {
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = string(b)
	}
	at := f.nodes[int(f.turn.Add(1))%len(f.nodes)].Listen
	r, err := http.NewRequestWithContext(ctx, method, "http://"+at+path, strings.NewReader(text))
	if err != nil {
		return err
	}
	r.Host = strings.TrimPrefix(f.base, "http://")
	r.Header.Set("Origin", f.base)
	r.Header.Set("Content-Type", "application/json")
	for _, c := range a.cookies {
		r.AddCookie(c)
	}
	begun := time.Now()
	answer, err := f.http.Do(r)
	if err != nil {
		return errAway
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	read, err := io.ReadAll(answer.Body)
	f.slow.Store(max(f.slow.Load(), int64(time.Since(begun))))
	switch {
	case err != nil, answer.StatusCode >= http.StatusInternalServerError:
		return errAway
	case answer.StatusCode >= http.StatusBadRequest:
		no := &refusal{status: answer.StatusCode}
		_ = json.Unmarshal(read, no)
		return no
	case into == nil:
		return nil
	}
	return json.Unmarshal(read, into)
}

// get reads until somebody answers.
func (f *fleet) get(ctx context.Context, a actor, path string, into any) error {
	for {
		err := f.call(ctx, a, http.MethodGet, path, nil, into)
		if !errors.Is(err, errAway) || ctx.Err() != nil {
			return err
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ring rings the doorbell of a system at any node; nobody may be at home.
func (f *fleet) ring(ctx context.Context, know furnished, name string, bell fake.Ring) {
	at := f.nodes[int(f.turn.Add(1))%len(f.nodes)].Listen
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at+"/hooks/"+string(know.systems[name]), bytes.NewReader(bell.Body))
	if err != nil {
		return
	}
	r.Header, r.Host = bell.Header, strings.TrimPrefix(f.base, "http://")
	r.Header.Set("Content-Type", "application/json")
	if answer, err := f.http.Do(r); err == nil {
		f.unheard.Add(int64(answer.StatusCode / 400))
		_ = answer.Body.Close()
	}
}
