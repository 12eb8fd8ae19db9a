// Package fault is the vocabulary of what can go wrong when the caller can do
// something about it: a kind (how to answer), a stable code (what happened) and
// arguments for the sentence that the words files say in the reader's language.
// Errors the caller can do nothing about stay plain wrapped errors and are
// rendered as Broken at the edge.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind says how an edge answers. The zero value is Broken.
type Kind uint8

// The kinds, each with the HTTP status that an edge gives it.
const (
	Broken    Kind = iota // 500: our side failed; the text never leaves
	Invalid               // 400: the input is wrong; Fields says where
	Unknown               // 401: we do not know who is asking
	Forbidden             // 403: we know, and the answer is no
	NotFound              // 404: also the answer for "not yours"
	Conflict              // 409: somebody else was there first
	Unmet                 // 422: well-formed, but a condition does not hold
	Busy                  // 429 or 503: try again after a while
)

var names = [...]string{"broken", "invalid", "unknown", "forbidden", "not-found", "conflict", "unmet", "busy"}

// String returns the kind's stable lower-case name.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind-%d", k)
}

// Status returns the HTTP status of the kind. Busy is 503; an edge that limits
// a rate answers 429 by itself (Slow).
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return 400
	case Unknown:
		return 401
	case Forbidden:
		return 403
	case NotFound:
		return 404
	case Conflict:
		return 409
	case Unmet:
		return 422
	case Busy:
		return 503
	}
	return 500
}

// Args are the values that a sentence names, by the name the words file uses.
type Args map[string]any

// Pairs are the arguments as names and values in turn, as sentences take them.
func (a Args) Pairs() []any {
	all := make([]any, 0, 2*len(a))
	for name, value := range a {
		all = append(all, name, value)
	}
	return all
}

// Field is one bad field of an input: Path is dotted as the caller wrote it
// ("spec.title.ja"), Code is a problem code of its own.
type Field struct {
	Path string
	Code string
	Args Args
}

// Fault is an error that the caller can act on.
type Fault struct {
	Kind   Kind
	Code   string // kebab-case, stable, documented in docs/problems.md
	Args   Args
	Fields []Field       // all bad fields at once, for Invalid
	After  time.Duration // for Busy: when to try again; 0 if not known
	Slow   bool          // for Busy: the caller is too fast (429), not we too slow (503)
	Err    error         // what caused it, for the log only
}

// New makes a fault of the given kind and code. pairs are argument names and
// values, alternating.
func New(kind Kind, code string, pairs ...any) *Fault {
	return &Fault{Kind: kind, Code: code, Args: Pairs(pairs...)}
}

// Pairs makes Args of alternating names and values; an odd count or a name
// that is not a string is a mistake of the programmer and panics.
func Pairs(pairs ...any) Args {
	if len(pairs) == 0 {
		return nil
	}
	if len(pairs)%2 != 0 {
		panic("fault: odd number of argument pairs")
	}
	args := Args{}
	for i := 0; i < len(pairs); i += 2 {
		args[pairs[i].(string)] = pairs[i+1]
	}
	return args
}

// Because returns a copy of f that carries the cause err for the log.
func (f *Fault) Because(err error) *Fault {
	g := *f
	g.Err = err
	return &g
}

// RetryAfter returns a copy of f that says when to try again.
func (f *Fault) RetryAfter(d time.Duration) *Fault {
	g := *f
	g.After = d
	return &g
}

// Status returns the HTTP status of the fault.
func (f *Fault) Status() int {
	if f.Kind == Busy && f.Slow {
		return 429
	}
	return f.Kind.Status()
}

// Error is for logs and the terminal of an operator who has no words files at
// hand: code, arguments in order, bad fields, cause.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Code)
	writeArgs(&b, f.Args)
	for _, field := range f.Fields {
		fmt.Fprintf(&b, "; %s: %s", field.Path, field.Code)
		writeArgs(&b, field.Args)
	}
	if f.Err != nil {
		fmt.Fprintf(&b, ": %v", f.Err)
	}
	return b.String()
}

func writeArgs(b *strings.Builder, args Args) {
	for _, name := range slices.Sorted(maps.Keys(args)) {
		fmt.Fprintf(b, " %s=%v", name, args[name])
	}
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Is lets errors.Is match two faults by code.
func (f *Fault) Is(target error) bool {
	other, ok := target.(*Fault)
	return ok && other.Code == f.Code
}

// As returns the fault in err's chain, or nil.
func As(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// Code returns the code of the fault in err's chain, or "" for a plain error.
func Code(err error) string {
	if f := As(err); f != nil {
		return f.Code
	}
	return ""
}

// Checks collects the bad fields of one input, so that all are said at once.
type Checks struct{ fields []Field }

// Add notes a bad field.
func (c *Checks) Add(path, code string, pairs ...any) {
	c.fields = append(c.fields, Field{Path: path, Code: code, Args: Pairs(pairs...)})
}

// AddFault notes what another check said of a field.
func (c *Checks) AddFault(path string, f *Fault) {
	c.fields = append(c.fields, Field{Path: path, Code: f.Code, Args: f.Args})
}

// Fault returns nil if nothing was added, else an Invalid fault with the code
// and all fields.
func (c *Checks) Fault(code string) *Fault {
	if len(c.fields) == 0 {
		return nil
	}
	return &Fault{Kind: Invalid, Code: code, Fields: c.fields}
}
