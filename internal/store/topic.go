package store

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Touch raises the version of a topic in the same transaction and wakes who
// watches it, on every node. The version row is the truth; waking is only a
// hint. Touched rows are hot: for what changes more often than people click,
// Wake.
func (t *Tx) Touch(topic string) error {
	house := Tx{t.house()}
	_, err := house.Exec(`INSERT INTO topic (name, version) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET version = topic.version + 1`, topic)
	t.Wake(topic)
	return err
}

// Wake wakes who watches the topic once the transaction has committed, on
// every node. It may be lost (a killed process, a cut connection): watchers
// look by themselves from time to time as well.
func (t *Tx) Wake(topic string) {
	t.core.mu.Lock()
	defer t.core.mu.Unlock()
	if !slices.Contains(t.core.touched, topic) {
		t.core.touched = append(t.core.touched, topic)
	}
}

// Watch is woken when its topic may have changed.
type Watch struct {
	// C receives after a change; several changes may be one receive.
	C     <-chan struct{}
	c     chan struct{}
	topic string
	store *Store
}

// Watch starts to watch a topic. Close it.
func (s *Store) Watch(topic string) *Watch {
	c := make(chan struct{}, 1)
	w := &Watch{C: c, c: c, topic: topic, store: s}
	s.topics.mu.Lock()
	defer s.topics.mu.Unlock()
	set := s.topics.watches[topic]
	if set == nil {
		set = map[*Watch]struct{}{}
		s.topics.watches[topic] = set
	}
	set[w] = struct{}{}
	return w
}

// Close ends the watch; C receives nothing more.
func (w *Watch) Close() {
	t := &w.store.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watches[w.topic], w)
	if len(t.watches[w.topic]) == 0 {
		delete(t.watches, w.topic)
	}
}

// Versions returns the versions of topics; 0 for one that was never touched.
func (s *Store) Versions(ctx context.Context, names ...string) (map[string]int64, error) {
	versions := map[string]int64{}
	err := s.House().Read(ctx, func(v *View) error {
		for _, name := range names {
			var version int64
			err := v.Row("SELECT version FROM topic WHERE name = $1", name).Scan(&version)
			if err != nil && err != ErrNoRow {
				return err
			}
			versions[name] = version
		}
		return nil
	})
	return versions, err
}

// topics wakes watchers in this process and, over PostgreSQL, on other nodes.
type topics struct {
	store   *Store
	mu      sync.Mutex
	watches map[string]map[*Watch]struct{}
	pending map[string]struct{} // to be told to other nodes
	tell    chan struct{}
}

const (
	channel   = "sekisho"
	tellEvery = 50 * time.Millisecond // ≤ 20 NOTIFY a second and node: each one serialises commits
	tellMost  = 7000                  // bytes; PostgreSQL takes 8000
	everybody = "*"
)

func (t *topics) init(s *Store) {
	t.store = s
	t.watches = map[string]map[*Watch]struct{}{}
	t.pending = map[string]struct{}{}
	t.tell = make(chan struct{}, 1)
}

func (t *topics) committed(touched []string) {
	if len(touched) == 0 {
		return
	}
	t.wake(touched)
	if t.store.engine.dialect() != dialectPostgres {
		return
	}
	t.mu.Lock()
	for _, name := range touched {
		t.pending[name] = struct{}{}
	}
	t.mu.Unlock()
	select {
	case t.tell <- struct{}{}:
	default:
	}
}

// wake signals the watchers of the named topics in this process.
func (t *topics) wake(names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		for w := range t.watches[name] {
			signal(w.c)
		}
	}
}

func (t *topics) wakeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, set := range t.watches {
		for w := range set {
			signal(w.c)
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// listen starts to tell other nodes and to hear from them.
func (t *topics) listen(config *pgx.ConnConfig) {
	t.store.wg.Go(t.speak)
	t.store.wg.Go(func() { t.hear(config) })
}

func (t *topics) speak() {
	ctx := t.store.ctx
	for {
		select {
		case <-t.tell:
		case <-ctx.Done():
			return
		}
		if payload := t.payload(); payload != "" {
			e := t.store.engine.(*postgresEngine)
			if _, err := e.db.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, payload); err != nil && ctx.Err() == nil {
				t.store.options.Log.Warn("other nodes could not be told of a change; they look by themselves", "err", err)
			}
		}
		select {
		case <-time.After(tellEvery):
		case <-ctx.Done():
			return
		}
	}
}

func (t *topics) payload() string {
	t.mu.Lock()
	names := slices.Sorted(maps.Keys(t.pending))
	clear(t.pending)
	t.mu.Unlock()
	if len(names) == 0 {
		return ""
	}
	text, _ := json.Marshal(names)
	if len(text) > tellMost {
		return everybody
	}
	return string(text)
}

// hear wakes local watchers when another node speaks. While the connection is
// gone, and once after it is back, everybody is woken now and then.
func (t *topics) hear(config *pgx.ConnConfig) {
	ctx := t.store.ctx
	for ctx.Err() == nil {
		if err := t.hearOnce(ctx, config); err != nil && ctx.Err() == nil {
			t.store.options.Log.Warn("not hearing other nodes", "err", err)
			t.wakeAll()
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
			}
		}
	}
}

func (t *topics) hearOnce(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it ends with us
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	t.wakeAll() // what was said while we did not listen
	for {
		note, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		var names []string
		if note.Payload == everybody || json.Unmarshal([]byte(note.Payload), &names) != nil {
			t.wakeAll()
			continue
		}
		t.wake(names)
	}
}

// Follow keeps something that was read from the database fresh: it calls load
// at the start, whenever the topic is woken, and whenever the topic's version
// has changed unnoticed, which it looks at every interval. It returns when ctx
// ends. A load that fails is logged and tried again.
func (s *Store) Follow(ctx context.Context, topic string, every time.Duration, load func(context.Context) error) {
	w := s.Watch(topic)
	defer w.Close()
	var seen int64 = -1
	for ctx.Err() == nil {
		if err := s.refresh(ctx, topic, &seen, load); err != nil && ctx.Err() == nil {
			s.options.Log.Warn("could not read what changed; trying again", "topic", topic, "err", err)
		}
		select {
		case <-w.C:
		case <-time.After(every):
		case <-ctx.Done():
		}
	}
}

// refresh takes the version before it loads, so that a change in between is
// seen by the next look.
func (s *Store) refresh(ctx context.Context, topic string, seen *int64, load func(context.Context) error) error {
	versions, err := s.Versions(ctx, topic)
	if err != nil || versions[topic] == *seen {
		return err
	}
	if err := load(ctx); err != nil {
		return err
	}
	*seen = versions[topic]
	return nil
}
