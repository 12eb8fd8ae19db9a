// Package manifest keeps the state of the house in files: plan shows what
// documents would change, apply changes it in one transaction with one record
// of the witness for each object, export writes the present state so that
// applying it elsewhere gives the same.
//
// A capability joins by a Definition: the Go type of its spec, how to load what
// is there, how to apply one change. Decoding, differences, references, order,
// renames, secrets and pruning are the same for all of them and stand here.
// Read kind.go first, then plan.go.
package manifest

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Words are the sentences of this package, Schema its tables: what was applied,
// so that it can be said what has changed since, and so that prune deletes
// nothing that somebody made in another way.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Set is the kinds of one house, in the order in which they are applied.
type Set struct {
	kinds  []Kind
	holder Holder // nil: nothing is held
}

// NewSet takes the kinds in any order. A name twice, a kind that comes after
// one that is not there, a circle, and two kinds of organizations are mistakes
// of the programmer.
func NewSet(kinds ...Kind) (*Set, error) {
	s := &Set{}
	waiting := slices.Clone(kinds)
	slices.SortStableFunc(waiting, func(a, b Kind) int { return strings.Compare(a.name(), b.name()) })
	for len(waiting) > 0 {
		i := slices.IndexFunc(waiting, s.ready)
		if i < 0 {
			return nil, fmt.Errorf("manifest: kind %s comes after one that is missing or after itself", waiting[0].name())
		}
		if s.kind(waiting[i].name()) != nil {
			return nil, fmt.Errorf("manifest: kind %s is there twice", waiting[i].name())
		}
		s.kinds = append(s.kinds, waiting[i])
		waiting = slices.Delete(waiting, i, i+1)
	}
	if n := len(slices.DeleteFunc(slices.Clone(s.kinds), func(k Kind) bool { return !k.organizations() })); n > 1 {
		return nil, fmt.Errorf("manifest: %d kinds are organizations", n)
	}
	return s, nil
}

func (s *Set) ready(k Kind) bool {
	return !slices.ContainsFunc(k.after(), func(name string) bool { return s.kind(name) == nil })
}

func (s *Set) kind(name string) Kind {
	for _, k := range s.kinds {
		if k.name() == name {
			return k
		}
	}
	return nil
}

// Names returns the kinds' names in the order in which they are applied.
func (s *Set) Names() []string {
	out := make([]string, len(s.kinds))
	for i, k := range s.kinds {
		out[i] = k.name()
	}
	return out
}

// Complaints writes a fault's fields for a terminal, one line each: place,
// path and the sentence that say has for the code.
func Complaints(f *fault.Fault, say func(key string, args map[string]any) string) []string {
	var out []string
	for _, field := range f.Fields {
		line := fmt.Sprint(field.Args["place"])
		if field.Path != "" {
			line += ": " + field.Path
		}
		out = append(out, line+": "+say("problem."+field.Code, field.Args))
	}
	return out
}

// most is how many problems are said of documents that have many.
const most = 1000

// invalid makes the one fault that every refusal of documents is.
func invalid(problems yaml.Problems) error {
	if len(problems) == 0 {
		return nil
	}
	problems.Sort()
	f := problems[:min(len(problems), most)].Fault("manifest-invalid")
	f.Args["count"] = len(problems)
	return f
}
