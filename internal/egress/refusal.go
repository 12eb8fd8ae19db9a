package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// refusal makes a fault of what the network said. The URL that net/http puts
// into its errors is taken out: a query can hold a secret.
func (c *Client) refusal(ctx context.Context, host string, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() == context.Canceled {
		return context.Canceled
	}
	if f := fault.As(err); f != nil {
		return f
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return c.named(host, err)
}

// Explain makes a fault of an error on a connection to addr that Dial made, as
// Dial does of its own.
func (c *Client) Explain(ctx context.Context, addr string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err() // what the cut connection says is no cause
	}
	return c.refusal(ctx, addr, err)
}

func (c *Client) named(host string, err error) error {
	var (
		timeout     net.Error
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		op          *net.OpError
	)
	kind, code := fault.Busy, "egress-answer-malformed"
	switch {
	case errors.As(err, &certificate):
		kind, code = fault.Unmet, "egress-certificate-refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		code = "egress-timeout"
	case errors.As(err, &dns):
		code = "egress-name-unknown"
	case errors.As(err, &record), errors.As(err, &alert), errors.As(err, &op) && strings.HasSuffix(op.Op, " error"):
		// crypto/tls says an alert as the operation "local error" or "remote error"
		kind, code = fault.Unmet, "egress-tls-failed"
	case errors.As(err, &op):
		code = "egress-unreachable"
	}
	args := []any{"host", host, "use", c.use}
	if code == "egress-timeout" {
		args = append(args, "limit", c.limits.Total.String())
	}
	return fault.New(kind, code, args...).Because(err)
}
