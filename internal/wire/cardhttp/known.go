package cardhttp

import (
	"sync"
	"time"
)

// What an adapter says of itself is read again after an hour, when somebody
// connects, and when anything it was asked failed: it may have changed.
const (
	knownFor  = time.Hour
	knownMost = 1000
)

// Known are the descriptions that were read, by address. The zero value is ready,
// and safe for use at once. Nothing in them is anybody's: every address in them is
// judged each time that it is used.
type Known struct {
	mu  sync.Mutex
	all map[string]known
}

type known struct {
	said *Discovery
	at   time.Duration
}

// Get returns what was said at an address less than an hour ago, or nil; now is the
// caller's own time, which only goes on.
func (k *Known) Get(base string, now time.Duration) *Discovery {
	k.mu.Lock()
	defer k.mu.Unlock()
	if one, ok := k.all[base]; ok && now-one.at < knownFor {
		return one.said
	}
	return nil
}

// Put remembers it.
func (k *Known) Put(base string, said *Discovery, now time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= knownMost {
		k.all = map[string]known{}
	}
	k.all[base] = known{said, now}
}

// Drop forgets it.
func (k *Known) Drop(base string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, base)
}
