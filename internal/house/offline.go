package house

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Work opens a house for one command instead of starting it: no listener, no
// effects, no set-up link. It returns how to connect to its API, on which the
// caller is this process's own user. Stop ends it and leaves the log whole. A
// house without keys is made only if makes says so.
func (h *House) Work(ctx context.Context, makes bool) (func(context.Context) (net.Conn, error), error) {
	if makes {
		if shut, err := h.unsealOrFound(ctx); shut != nil || err != nil {
			return nil, errors.Join(shut, err)
		}
	} else if err := h.ring.Unseal(ctx, starter, h.config.Unseal.provider()); err != nil {
		return nil, err
	}
	if _, err := h.audit.PublicKey(ctx); err != nil {
		return nil, err
	}
	hall := &memory{calls: make(chan net.Conn), closed: make(chan struct{})}
	h.inner = &http.Server{
		Handler: h.mux, ReadHeaderTimeout: patience,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return web.WithLocalPeer(ctx, os.Getuid()) },
	}
	h.run(func(context.Context) { _ = h.inner.Serve(hall) })
	return hall.dial, nil
}

// memory is a listener for connections within the process.
type memory struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (m *memory) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.calls <- theirs:
		return ours, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.calls:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// Addr implements net.Listener.
func (*memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// Migrate brings the schema of a stopped house up to date. It returns what it
// did, and where the copy from before is, "" if none was made.
func Migrate(ctx context.Context, o Options) (steps []store.Step, kept string, err error) {
	if err := o.Config.prepareData(); err != nil {
		return nil, "", err
	}
	lock, err := lockFolder(o.Config.Data)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, lock.unlock()) }()
	s, err := o.storeAsIs(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	release, err := s.Hold(ctx, true)
	if err != nil {
		return nil, "", err
	}
	defer release()
	if steps, err = s.Steps(ctx); err != nil {
		return nil, "", err
	}
	if kept, err = s.SnapshotBefore(ctx); err != nil {
		return nil, "", err
	}
	return steps, kept, s.Migrate(ctx)
}

// MigrateDry returns what Migrate, or the next start, would do. It may be
// asked while servers run, and makes no database.
func MigrateDry(ctx context.Context, o Options) (steps []store.Step, err error) {
	if path, file := strings.CutPrefix(o.Config.Database.Reveal(), "sqlite:"); file {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.Unmet, "seal-unfounded")
		}
	}
	s, err := o.storeAsIs(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Suits(ctx); err != nil {
		return nil, err
	}
	return s.Steps(ctx)
}

func (o *Options) storeAsIs(ctx context.Context) (*store.Store, error) {
	return store.OpenAsIs(ctx, store.Options{URL: o.Config.Database.Reveal(), Clock: o.Clock, Log: o.Log, Schemas: Schemas()})
}

// knockEvery is how often a sealed house looks whether its key has changed.
const knockEvery = time.Second

// knock opens a sealed house once somebody has put the right key back: no
// restart is needed. Each state of the key is tried once, so that a wrong one
// does not fill the log.
func (h *House) knock(ctx context.Context) {
	tried := h.config.Unseal.stamp()
	for !h.keyed.Load() {
		select {
		case <-h.options.Clock.After(knockEvery):
		case <-ctx.Done():
			return
		}
		if h.ring.State() != seal.Opened {
			now := h.config.Unseal.stamp()
			if now == tried {
				continue
			}
			shut, err := h.unsealOrFound(ctx)
			if err == nil {
				tried = now // what is no fault passes: the database is away
			}
			if err = errors.Join(shut, err); err != nil {
				h.options.Log.Error("the house stays sealed", "err", err)
				continue
			}
		}
		if err := h.unsealed(ctx); err != nil {
			h.options.Log.Error("the house is open and does not begin its work yet", "err", err)
		}
	}
}

// stamp tells one state of the key's file from another; "" if it is no file.
func (c UnsealConfig) stamp() string {
	path := c.File
	if c.Age != "" {
		path = c.Age
	}
	found, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return found.ModTime().String() + found.Mode().String()
}
