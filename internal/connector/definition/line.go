package definition

import (
	"context"
	"net/http"

	"github.com/sekisho/sekisho/internal/egress"
)

// Line is an open line to a system for a protocol that is no definition's: the
// same hosts, credential, budget and trace.
type Line struct{ r *run }

// Open prepares calls by c; c.Op says what for.
func (e *Runner) Open(c Call) (*Line, *Problem) {
	client, err := e.route(c)
	if err != nil {
		p, _ := outage(err)
		return nil, p
	}
	r, p := e.prepare(client, c)
	if p != nil {
		return nil, p
	}
	return &Line{r}, nil
}

// Settings are the values of the call, checked, with defaults.
func (l *Line) Settings() map[string]any { return l.r.cfg }

// Link checks an address that the system gave: within the definition's hosts.
func (l *Line) Link(text string) (egress.URL, *Problem) {
	u, p := l.r.link(text)
	if p != nil {
		return egress.URL{}, p
	}
	at, err := egress.ParseURL(u.String())
	if err != nil {
		return egress.URL{}, &Problem{Kind: Invalid, Message: "the address cannot be used", Err: err}
	}
	return at, nil
}

// Send sends the request. With proved, the credential goes along.
func (l *Line) Send(ctx context.Context, step string, request egress.Request, proved bool) (*egress.Answer, *Problem) {
	if _, p := l.r.link(request.URL.String()); p != nil {
		return nil, p
	}
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if proved {
		for name, value := range l.r.headers {
			request.Header.Set(name, value)
		}
	}
	got, p := l.r.exchange(ctx, step, request)
	if p != nil {
		p.Step, p.Sent = step, l.r.wrote
		return nil, p
	}
	got.Body = []byte(l.r.echo.Replace(string(got.Body))) // the adapter may repeat what it was sent
	return got, nil
}

// Fail makes a problem of an answer and tells the budget; status stands for what
// the system meant, and 0 for success.
func (l *Line) Fail(step string, got *egress.Answer, status int, message string) *Problem {
	if status == 0 {
		l.r.learn(nil)
		return nil
	}
	p := &Problem{Kind: byStatus(status), Message: cut(l.r.mask.Replace(message)), Step: step, Sent: l.r.wrote}
	if p.Kind == Throttled || p.Kind == Unavailable {
		p.RetryAfter = retryAfter(got.Header.Get("Retry-After"), l.r.e.clock.Now(), got.Header.Get("Date"))
	}
	l.r.learn(p)
	return p
}

// DecodeJSON makes plain values of an answer's body, as expressions see them.
func DecodeJSON(got *egress.Answer) (any, error) {
	return decodeBody(got.Body, got.Header.Get("Content-Type"))
}
