// Package webpush brings messages to the push services of browsers (RFC 8030).
// See README.md for the settings.
package webpush

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/wire/webpush"
)

// Options says by which way out.
type Options struct {
	Egress *egress.Client
	Clock  clock.Clock
}

// Pusher is a notify.Pusher.
type Pusher struct {
	out   *egress.Client
	clock clock.Clock
}

var _ notify.Pusher = (*Pusher)(nil)

// New makes the pusher. No redirect is followed: the endpoint was judged, and
// another address was not.
func New(o Options) (*Pusher, error) {
	out, err := o.Egress.For(egress.Use{Name: "push", Limits: egress.Limits{Redirects: -1}})
	if err != nil {
		return nil, err
	}
	return &Pusher{out, o.Clock}, nil
}

// Push implements notify.Pusher.
func (p *Pusher) Push(ctx context.Context, m notify.Push) error {
	at, err := egress.ParseURL(m.Endpoint.Reveal())
	if err != nil {
		return err
	}
	body, err := webpush.Encrypt(m.Keys, m.Body)
	if err != nil {
		return err
	}
	now := p.clock.Now()
	who, err := m.Sender.Authorization(m.Endpoint.Reveal(), m.Contact, now)
	if err != nil {
		return err
	}
	header := http.Header{
		"Authorization": {who}, "Content-Encoding": {webpush.Encoding}, "Content-Type": {"application/octet-stream"},
		"Ttl": {strconv.Itoa(int(max(0, m.Until.Sub(now)) / time.Second))}, "Urgency": {urgency(m.Urgent)},
	}
	if m.Topic != "" {
		header.Set("Topic", m.Topic)
	}
	answer, err := p.out.Do(ctx, egress.Request{Method: http.MethodPost, URL: at, Header: header, Body: body})
	if err != nil {
		return err
	}
	return judge(answer, now)
}

func urgency(urgent bool) string {
	if urgent {
		return "high"
	}
	return "normal"
}

// restMost bounds how long a push service can hold its queue.
const restMost = time.Hour

// judge: RFC 8030 §5 and §8.4; 429 and 5xx are "come back".
func judge(a *egress.Answer, now time.Time) error {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status == http.StatusTooManyRequests, a.Status >= 500:
		return &job.Away{After: rest(a.Header.Get("Retry-After"), now), Err: errors.New("push service: " + strconv.Itoa(a.Status))}
	}
	return &notify.Rebuff{Status: a.Status}
}

// rest reads Retry-After as seconds or as a date (RFC 9110 §10.2.3).
func rest(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(0, time.Duration(seconds)*time.Second), restMost)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), restMost)
	}
	return 0
}
