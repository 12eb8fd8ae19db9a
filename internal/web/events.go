package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
)

// wallClock is for deadlines of sockets, which compare with the machine's clock
// and not with one that a test moved.
var wallClock = clock.System()

const (
	eventsPath = "/events"
	aliveEvery = 2 * time.Second // how long a revoked session may still listen
	writeLimit = 10 * time.Second
)

// registerEvents serves the one stream of a page. It carries names and numbers
// only, and is open to whoever can see a page.
func (m *Mux) registerEvents() {
	m.handle(Route{Method: http.MethodGet, Path: eventsPath, Permission: Public, Edge: EdgeHouse, Class: string(EdgePage)}, func(v *Visit) {
		err := m.know(v, true)
		if err == nil {
			err = m.stream(v)
		}
		if err != nil {
			v.w.Header().Set("HX-Reswap", "none") // htmx would put the error into the page
			v.fail(err)
		}
	})
}

func (m *Mux) stream(v *Visit) error {
	marks := v.r.URL.Query()["topic"]
	s, err := m.hub.follow(v.streamOwner(), marks)
	if err != nil {
		return err
	}
	defer m.hub.leave(s)
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no")
	first := "id: 1\n\n"
	if v.r.Header.Get("Last-Event-ID") != "" {
		first += "event: topic-all\ndata: {}\n\n"
	}
	if !v.send(first) {
		return nil
	}
	m.pump(v, s)
	return nil
}

func (v *Visit) streamOwner() string {
	if v.rec.actor.Known() {
		return string(v.rec.actor.Principal) + " " + v.rec.actor.Session
	}
	return prefixText(v.rec.source)
}

func prefixText(source Source) string {
	if !source.Addr.IsValid() {
		return "local"
	}
	return prefixOf(source.Addr).String()
}

// pump forwards changes until the reader leaves, the house stops, or the
// session is over.
func (m *Mux) pump(v *Visit, s *stream) {
	beat := m.options.Clock.After(aliveEvery)
	for {
		select {
		case <-v.Context().Done():
			return
		case _, open := <-s.wake:
			if !open {
				return
			}
			if !v.send(eventLines(m.hub.drain(s))) {
				return
			}
		case <-beat:
			if !m.stillAlive(v) || !v.send(": alive\n\n") {
				return
			}
			beat = m.options.Clock.After(aliveEvery)
		}
	}
}

func eventLines(fresh map[string]int64) string {
	var out strings.Builder
	for _, topic := range slices.Sorted(maps.Keys(fresh)) {
		out.WriteString(eventText(topic, fresh[topic]))
	}
	return out.String()
}

// stillAlive asks whether the session stands.
func (m *Mux) stillAlive(v *Visit) bool {
	if m.options.Alive == nil || !v.rec.actor.Known() {
		return true
	}
	err := m.options.Alive(v.Context(), v.rec.actor)
	if err != nil {
		v.rec.fault = err
	}
	return err == nil
}

// send writes and flushes within writeLimit; the server's own deadline would
// cut the stream.
func (v *Visit) send(text string) bool {
	control := http.NewResponseController(v.w)
	_ = control.SetWriteDeadline(v.mux.deadline(writeLimit))
	if _, err := v.w.Write([]byte(text)); err != nil {
		return false
	}
	return control.Flush() == nil
}

func (m *Mux) deadline(d time.Duration) time.Time {
	return wallClock.Now().Add(d)
}
