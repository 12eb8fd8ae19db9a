package web

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
)

// Rate is a token bucket: Burst at once, refilled with PerMinute.
type Rate struct {
	PerMinute float64
	Burst     float64
}

// DefaultRates are the limits per source prefix and class of route. "none" is
// for addresses that exist nowhere.
var DefaultRates = map[string]Rate{
	string(EdgePage):     {PerMinute: 600, Burst: 120},
	string(EdgeAPI):      {PerMinute: 1200, Burst: 240},
	string(EdgeProtocol): {PerMinute: 1200, Burst: 240},
	"none":               {PerMinute: 120, Burst: 60},
	"entry":              {PerMinute: 20, Burst: 10},  // where a credential can be guessed
	"bell":               {PerMinute: 120, Burst: 60}, // where an outside system says that something changed
}

const (
	maxBuckets    = 1 << 16
	sharedBuckets = 1 << 10
	sweepEvery    = 256 // takes between looks at a full table
)

type bucketKey struct {
	prefix netip.Prefix
	class  string
}

type bucket struct {
	tokens float64
	at     time.Duration // monotonic
}

// limits holds one bucket per source prefix and class. A counter that holds a
// debt is never evicted: when the table is full, newcomers share a fixed set of
// buckets, so that a million fake sources only slow each other (A045).
type limits struct {
	clock  clock.Clock
	rates  map[string]Rate
	max    int
	seed   maphash.Seed
	mu     sync.Mutex
	own    map[bucketKey]*bucket
	shared map[bucketKey]*bucket
	until  int // takes until the next sweep of a full table
}

func newLimits(c clock.Clock, rates map[string]Rate, max int) *limits {
	return &limits{
		clock: c, rates: rates, max: max, seed: maphash.MakeSeed(),
		own: map[bucketKey]*bucket{}, shared: map[bucketKey]*bucket{},
	}
}

// take spends one token and returns 0, or returns how long to wait for one.
// Classes without a rate are free, and so is the control socket.
func (l *limits) take(addr netip.Addr, class string) time.Duration {
	rate, limited := l.rates[class]
	if !limited || !addr.IsValid() {
		return 0
	}
	now := l.clock.Mono()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(bucketKey{prefixOf(addr), class}, rate, now)
	b.fill(rate, now)
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return time.Duration((1 - b.tokens) / rate.PerMinute * float64(time.Minute))
}

// prefixOf is what one customer of a provider holds: an IPv4 address or an IPv6
// /64.
func prefixOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

func (b *bucket) fill(rate Rate, now time.Duration) {
	b.tokens = min(rate.Burst, b.tokens+(now-b.at).Minutes()*rate.PerMinute)
	b.at = now
}

func (l *limits) bucket(key bucketKey, rate Rate, now time.Duration) *bucket {
	if b := l.own[key]; b != nil {
		return b
	}
	if len(l.own) >= l.max {
		l.sweep(now)
	}
	table := l.own
	if len(l.own) >= l.max {
		table = l.shared
		key.prefix = l.share(key.prefix)
	}
	b := table[key]
	if b == nil {
		b = &bucket{tokens: rate.Burst, at: now}
		table[key] = b
	}
	return b
}

// sweep drops buckets that are full again: they say nothing any more.
func (l *limits) sweep(now time.Duration) {
	if l.until > 0 {
		l.until--
		return
	}
	l.until = sweepEvery
	for key, b := range l.own {
		rate := l.rates[key.class]
		if b.tokens+(now-b.at).Minutes()*rate.PerMinute >= rate.Burst {
			delete(l.own, key)
		}
	}
}

// share maps a prefix onto one of sharedBuckets; the seed is secret, so that
// nobody can aim at a neighbour's.
func (l *limits) share(prefix netip.Prefix) netip.Prefix {
	slot := maphash.Comparable(l.seed, prefix) % sharedBuckets
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{0, 0, byte(slot >> 8), byte(slot)}), 32)
}

// size returns how many buckets are held.
func (l *limits) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.own) + len(l.shared)
}
