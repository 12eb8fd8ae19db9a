package fake

import (
	"bytes"
	"context"
	"net/http"
	"time"
)

// Ring is a call of a simulator to somebody's doorbell.
type Ring struct {
	URL    string
	Header http.Header
	Body   []byte
}

// Send makes it, and gives up after 20 s. Nobody hears of a failure, as with the
// real ones.
func (g Ring) Send(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL, bytes.NewReader(g.Body))
	if err != nil {
		return
	}
	r.Header = g.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err == nil {
		_ = answer.Body.Close()
	}
}
