package definition

import (
	"errors"
	"time"
)

// Kind is what went wrong with an outside system, in the few sorts that the house
// acts on differently.
type Kind string

// The kinds of problems, and what follows from each.
const (
	Unauthorized  Kind = "unauthorized"  // the credential is dead: refresh once, then reconnect
	Forbidden     Kind = "forbidden"     // the system refuses this person; no retry
	NotFound      Kind = "notFound"      // no such record
	Invalid       Kind = "invalid"       // input or answer does not fit; no retry
	Conflict      Kind = "conflict"      // somebody changed it meanwhile: read again, ask again
	Throttled     Kind = "throttled"     // wait RetryAfter
	Unavailable   Kind = "unavailable"   // network, 5xx, timeout: the outcome may be unknown
	NotApplied    Kind = "notApplied"    // it said yes, and nothing changed
	AmbiguousUser Kind = "ambiguousUser" // more than one account fits
	NoSuchUser    Kind = "noSuchUser"
	Failed        Kind = "failed" // anything else: fail closed
)

// Problem is the error of every call to an outside system.
type Problem struct {
	Kind       Kind
	Message    string        // the system's own words, or ours; foreign text, cut
	RetryAfter time.Duration // of Throttled and Unavailable, if it was said
	Step       string        // the definition's step that failed, "" before the first
	Sent       bool          // the request may have reached the system: the outcome is unknown
	Err        error         // for the log
}

// Error gives kind, step and message.
func (p *Problem) Error() string {
	text := "connector: " + string(p.Kind)
	if p.Step != "" {
		text += " in step " + p.Step
	}
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// KindOf returns the kind of an error of an outside call: Failed for one that is
// no Problem, "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var p *Problem
	if errors.As(err, &p) {
		return p.Kind
	}
	return Failed
}
