package audit

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Refusal is a request that an edge turned away before any write.
type Refusal struct {
	// Subject is the authenticated principal, or the existing thing that a
	// stranger aimed at ("person:ID"). Empty for everybody else: those are only
	// counted.
	Subject string
	Code    string // of the fault
	Source  string // address of the client, with or without a port
	By      id.Principal
	Org     id.Org
	Target  string
	Fields  map[string]string
}

// Refusals must not be a way to fill the disk: a few are told one by one, the
// rest are counted by where they come from, in a bounded number of rows.
const (
	singlyMost = 20  // a minute, for each subject and code
	keysMost   = 200 // a minute, of each kind and node
	others     = "others"
	foldMost   = 200 // counted records a transaction
)

type (
	singleKey  struct{ subject, code string }
	countedKey struct {
		minute       int64
		prefix, code string
	}
)

// counter sums refusals in memory.
type counter struct {
	mu      sync.Mutex
	minute  int64
	singles map[singleKey]int
	seen    map[countedKey]struct{} // keys of this minute
	sums    map[countedKey]int64    // not flushed yet
	folded  int64                   // minutes before this one were folded by us
}

// Refuse records a refusal: by itself, up to 20 a minute for each subject and
// code, else as one more in the count of its source's prefix (/24 or /48), code
// and minute. Counts reach the database within a second, the log when their
// minute is over.
func (l *Log) Refuse(ctx context.Context, r Refusal) error {
	if !l.counter.singly(l.clock.Now(), r) {
		return nil
	}
	said := maps.Clone(r.Fields)
	if said == nil {
		said = map[string]string{}
	}
	said["code"] = r.Code
	if r.Subject != string(r.By) {
		said["subject"] = r.Subject
	}
	by := cmp.Or(r.By, id.Anonymous)
	return l.store.House().Write(ctx, func(*store.Tx) store.End {
		return store.Done(store.Event{Name: "refused", Org: r.Org, By: by, Target: r.Target, Fields: said})
	})
}

// singly decides, and counts what is not told by itself.
func (c *counter) singly(now time.Time, r Refusal) bool {
	minute := now.Unix() / 60
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.minute != minute || c.singles == nil {
		c.minute, c.singles, c.seen = minute, map[singleKey]int{}, map[countedKey]struct{}{}
	}
	if key := (singleKey{r.Subject, r.Code}); r.Subject != "" && (c.singles[key] > 0 || len(c.singles) < keysMost) {
		c.singles[key]++
		if c.singles[key] <= singlyMost {
			return true
		}
	}
	key := countedKey{minute, prefixOf(r.Source), short(clean(r.Code), nameMost)}
	if _, known := c.seen[key]; !known && len(c.seen) >= keysMost {
		key.prefix, key.code = others, others
	} else {
		c.seen[key] = struct{}{}
	}
	c.add(key, 1)
	return false
}

func (c *counter) add(key countedKey, n int64) {
	if c.sums == nil {
		c.sums = map[countedKey]int64{}
	}
	c.sums[key] += n
}

// prefixOf is the /24 or /48 of an address: one household or office.
func prefixOf(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		port, perr := netip.ParseAddrPort(source)
		if perr != nil {
			return "unknown"
		}
		addr = port.Addr()
	}
	bits := 48
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// countUntil flushes once a second.
func (l *Log) countUntil(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := l.flush(ctx, false); err != nil && ctx.Err() == nil {
			l.log.Warn("counted refusals wait in memory", "err", err)
		}
	}
}

// flush brings the sums into the database and makes records of the minutes that
// are over, all of them if all is set.
func (l *Log) flush(ctx context.Context, all bool) error {
	c := &l.counter
	c.mu.Lock()
	sums := c.sums
	c.sums = nil
	c.mu.Unlock()
	if err := l.keep(ctx, sums); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		for key, n := range sums {
			c.add(key, n)
		}
		return err
	}
	before := l.clock.Now().Unix() / 60
	if all {
		before++
	} else if before == c.folded {
		return nil
	}
	if err := l.fold(ctx, before); err != nil {
		return err
	}
	c.folded = before
	return nil
}

func (l *Log) keep(ctx context.Context, sums map[countedKey]int64) error {
	if len(sums) == 0 {
		return nil
	}
	// In one order on all nodes, so that they do not lock each other out.
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b countedKey) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.code, b.code))
	})
	return l.store.House().Append(ctx, func(tx *store.Tx) store.End {
		for _, key := range keys {
			if _, err := tx.Exec(`INSERT INTO audit_counted (minute, prefix, code, n) VALUES ($1, $2, $3, $4)
				ON CONFLICT (minute, prefix, code) DO UPDATE SET n = audit_counted.n + excluded.n`,
				key.minute, key.prefix, key.code, sums[key]); err != nil {
				return store.Abort(err)
			}
		}
		return store.Quietly(store.QuietCount)
	})
}

// fold makes one record of each count of a minute before the given one.
func (l *Log) fold(ctx context.Context, before int64) error {
	for {
		var waiting int
		err := l.store.House().Read(ctx, func(v *store.View) error {
			return v.Row("SELECT count(*) FROM audit_counted WHERE minute < $1", before).Scan(&waiting)
		})
		if err != nil || waiting == 0 {
			return err
		}
		if err := l.foldSome(ctx, before); err != nil {
			return err
		}
	}
}

func (l *Log) foldSome(ctx context.Context, before int64) error {
	return l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		rows, err := tx.Query(`DELETE FROM audit_counted WHERE (minute, prefix, code) IN
			(SELECT minute, prefix, code FROM audit_counted WHERE minute < $1 ORDER BY minute, prefix, code LIMIT $2)
			RETURNING minute, prefix, code, n`, before, foldMost)
		events, err := store.Collect(rows, err, countedEvent)
		if err != nil {
			return store.Abort(err)
		}
		if len(events) == 0 { // another node was faster
			return store.Quietly(store.QuietCount)
		}
		return store.Done(events[0], events[1:]...)
	})
}

func countedEvent(scan func(...any) error) (store.Event, error) {
	var key countedKey
	var n int64
	err := scan(&key.minute, &key.prefix, &key.code, &n)
	return store.Event{Name: counted, By: id.System("audit"), Fields: map[string]string{
		"minute": time.Unix(key.minute*60, 0).UTC().Format(time.RFC3339),
		"source": key.prefix, "code": key.code, countField: strconv.FormatInt(n, 10),
	}}, err
}
