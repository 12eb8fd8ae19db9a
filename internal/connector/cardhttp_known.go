package connector

import (
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/wire/cardhttp"
)

// What an adapter says of itself is read again after an hour, when somebody
// connects, and when anything it was asked failed: it may have changed.
const (
	knownFor  = time.Hour
	knownMost = 1000
)

// knownAdapters are the descriptions that were read, by address. Nothing in them
// is anybody's: every address in them is judged each time that it is used.
type knownAdapters struct {
	mu  sync.Mutex
	all map[string]knownAdapter
}

type knownAdapter struct {
	said *cardhttp.Discovery
	at   time.Duration
}

func (k *knownAdapters) get(base string, now time.Duration) *cardhttp.Discovery {
	k.mu.Lock()
	defer k.mu.Unlock()
	if one, ok := k.all[base]; ok && now-one.at < knownFor {
		return one.said
	}
	return nil
}

func (k *knownAdapters) put(base string, said *cardhttp.Discovery, now time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= knownMost {
		k.all = map[string]knownAdapter{}
	}
	k.all[base] = knownAdapter{said, now}
}

func (k *knownAdapters) drop(base string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, base)
}
