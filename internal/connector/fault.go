package connector

import (
	"errors"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// problemFault says a problem as the house says it. What the other side said is
// its argument "message", and text of a stranger.
func problemFault(p *Problem) *fault.Fault {
	cause := fault.As(p.Err)
	switch {
	case cause != nil && strings.HasPrefix(cause.Code, "egress-"):
		return cause // says itself what to do
	case p.Step == "token" && p.Kind == Forbidden:
		return faultBy(p, fault.Unmet, "connector-client-refused")
	case p.Step == "token" && p.Kind == Unauthorized:
		return faultBy(p, fault.Unmet, "connector-grant-refused")
	case p.Step == "token" && (p.Kind == NotFound || p.Kind == Invalid || p.Kind == Failed):
		return faultBy(p, fault.Unmet, "connector-endpoint-wrong")
	case p.Kind == Unavailable || p.Kind == Throttled:
		return faultBy(p, fault.Busy, "connector-"+string(p.Kind)).RetryAfter(p.RetryAfter)
	}
	return faultBy(p, faultKinds[p.Kind], "connector-"+faultCodes[p.Kind])
}

func faultBy(p *Problem, kind fault.Kind, code string) *fault.Fault {
	said := p.Message
	if said == "" {
		said = "—"
	}
	return fault.New(kind, code, "message", clip(said)).Because(p)
}

// faultCodes are the ends of the faultCodes of problems, faultKinds how an edge answers them.
var (
	faultCodes = map[Kind]string{
		Unauthorized: "unauthorized", Forbidden: "forbidden", NotFound: "not-found", Invalid: "answer-invalid", Conflict: "conflict",
		NotApplied: "not-applied", AmbiguousUser: "ambiguous-user", NoSuchUser: "no-such-user", Failed: "failed",
	}
	faultKinds = map[Kind]fault.Kind{
		Unauthorized: fault.Unmet, Forbidden: fault.Unmet, NotFound: fault.NotFound, Invalid: fault.Unmet, Conflict: fault.Conflict,
		NotApplied: fault.Unmet, AmbiguousUser: fault.Unmet, NoSuchUser: fault.Unmet, Failed: fault.Unmet,
	}
)

// FaultOf says the error of an outside call as the house says it: its own faults
// as they are, problems in our words; nil for what is neither.
func FaultOf(err error) *fault.Fault {
	var p *Problem
	if errors.As(err, &p) {
		return problemFault(p)
	}
	return fault.As(err)
}
