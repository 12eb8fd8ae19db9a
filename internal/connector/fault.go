package connector

import (
	"errors"
	"strings"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/fault"
)

// problemFault says a problem as the house says it. What the other side said is
// its argument "message", and text of a stranger.
func problemFault(p *Problem) *fault.Fault {
	cause := fault.As(p.Err)
	switch {
	case cause != nil && cause.Code == "egress-too-many-redirects":
		return faultBy(p, fault.Unmet, "connector-redirects") // of none that are followed
	case cause != nil && (strings.HasPrefix(cause.Code, "egress-") || cause.Code == "connector-clock-differs"):
		return cause // says itself what to do
	case p.Step == "token" && p.Kind == Forbidden:
		return faultBy(p, fault.Unmet, "connector-client-refused")
	case p.Step == "token" && p.Kind == Unauthorized:
		return faultBy(p, fault.Unmet, "connector-grant-refused")
	case p.Step == "token" && (p.Kind == NotFound || p.Kind == Invalid || p.Kind == Failed):
		return faultBy(p, fault.Unmet, "connector-endpoint-wrong")
	}
	switch p.Kind {
	case Unavailable:
		return faultBy(p, fault.Busy, "connector-unavailable").RetryAfter(p.RetryAfter)
	case Throttled:
		return faultBy(p, fault.Busy, "connector-throttled").RetryAfter(p.RetryAfter)
	case Unauthorized:
		return faultBy(p, fault.Unmet, "connector-unauthorized")
	case Forbidden:
		return faultBy(p, fault.Unmet, "connector-forbidden")
	case NotFound:
		return faultBy(p, fault.NotFound, "connector-not-found")
	case Invalid:
		return faultBy(p, fault.Unmet, "connector-answer-invalid")
	case Conflict:
		return faultBy(p, fault.Conflict, "connector-conflict")
	case NotApplied:
		return faultBy(p, fault.Unmet, "connector-not-applied")
	case AmbiguousUser:
		return faultBy(p, fault.Unmet, "connector-ambiguous-user")
	case NoSuchUser:
		return faultBy(p, fault.Unmet, "connector-no-such-user")
	}
	if errors.Is(p, definition.ErrForm) {
		return faultBy(p, fault.Unmet, "connector-answer-invalid")
	}
	return faultBy(p, fault.Unmet, "connector-failed")
}

func faultBy(p *Problem, kind fault.Kind, code string) *fault.Fault {
	said := p.Message
	if said == "" {
		said = "—"
	}
	return fault.New(kind, code, "message", clip(said)).Because(p)
}

// FaultOf says the error of an outside call as the house says it: its own faults
// as they are, problems in our words; nil for what is neither.
func FaultOf(err error) *fault.Fault {
	var p *Problem
	if errors.As(err, &p) {
		return problemFault(p)
	}
	return fault.As(err)
}
