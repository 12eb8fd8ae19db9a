package web

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/sekisho/sekisho/internal/fault"
)

const (
	maxStreams       = 10_000
	maxStreamsPerKey = 32 // tabs of one session
	maxTopics        = 16 // of one page
	maxTopicLen      = 64
)

// Publisher is told that something changed. Topic is a dotted lower-case name
// ("notice", "request.01k…"); version grows with every change of it.
type Publisher interface {
	Publish(topic string, version int64)
}

// Hub carries (topic, version) to the pages that wait, and nothing else: a page
// fetches the change under its own authorization.
type Hub struct {
	limit, perKey int

	mu       sync.Mutex
	versions map[string]int64
	streams  map[*stream]struct{}
	perOwner map[string]int
	closed   bool
}

// stream is one waiting page. Changes are merged by topic, so that a page that
// reads slowly holds no queue.
type stream struct {
	owner  string
	topics map[string]int64 // version that the page last heard of
	wake   chan struct{}    // of capacity 1; closed at the end
	fresh  map[string]int64
}

func newHub(limit, perKey int) *Hub {
	return &Hub{
		limit: limit, perKey: perKey, versions: map[string]int64{},
		streams: map[*stream]struct{}{}, perOwner: map[string]int{},
	}
}

// Publish tells every page that follows topic. An older version than the one
// known is ignored: wake-ups may come out of order.
func (h *Hub) Publish(topic string, version int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if version <= h.versions[topic] || h.closed {
		return
	}
	h.versions[topic] = version
	for s := range h.streams {
		if heard, follows := s.topics[topic]; follows && version > heard {
			s.topics[topic], s.fresh[topic] = version, version
			s.nudge()
		}
	}
}

func (s *stream) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// mark is a topic with the version that a page is about to show.
func (h *Hub) mark(topic string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return topic + "@" + strconv.FormatInt(h.versions[topic], 10)
}

// follow opens a stream for marks; all says that the page missed an unknown
// part and hears of every topic at once.
func (h *Hub) follow(owner string, marks []string) (*stream, error) {
	s := &stream{owner: owner, topics: map[string]int64{}, fresh: map[string]int64{}, wake: make(chan struct{}, 1)}
	if len(marks) == 0 || len(marks) > maxTopics {
		return nil, fault.New(fault.Invalid, "topics-malformed", "most", maxTopics)
	}
	for _, mark := range marks {
		topic, version, _ := strings.Cut(mark, "@")
		known, err := strconv.ParseInt(version, 10, 64)
		if !validTopic(topic) || (version != "" && err != nil) {
			return nil, fault.New(fault.Invalid, "topics-malformed", "most", maxTopics)
		}
		s.topics[topic] = known
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.streams) >= h.limit || h.perOwner[owner] >= h.perKey {
		return nil, fault.New(fault.Busy, "streams-full")
	}
	for topic, known := range s.topics {
		if version := h.versions[topic]; version > known {
			s.topics[topic], s.fresh[topic] = version, version
			s.nudge()
		}
	}
	h.streams[s] = struct{}{}
	h.perOwner[owner]++
	return s, nil
}

func validTopic(topic string) bool {
	if topic == "" || len(topic) > maxTopicLen {
		return false
	}
	for i := range len(topic) {
		c := topic[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// drain returns what changed since the last call.
func (h *Hub) drain(s *stream) map[string]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	fresh := s.fresh
	s.fresh = map[string]int64{}
	return fresh
}

func (h *Hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, open := h.streams[s]; open {
		delete(h.streams, s)
		close(s.wake)
	}
	if h.perOwner[s.owner]--; h.perOwner[s.owner] <= 0 {
		delete(h.perOwner, s.owner)
	}
}

// Open returns how many streams are open.
func (h *Hub) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// Close ends every stream and lets no new one in; for a graceful stop.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.streams {
		delete(h.streams, s)
		close(s.wake)
	}
}

func streamPath(marks []string) string {
	if len(marks) == 0 {
		return ""
	}
	return eventsPath + "?topic=" + strings.Join(marks, "&topic=")
}

func eventText(topic string, version int64) string {
	return fmt.Sprintf("event: topic-%s\ndata: {\"topic\":%q,\"version\":%d}\n\n", topic, topic, version)
}
