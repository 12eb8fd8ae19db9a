package signin

import (
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// foreseePolicy is ForeseePolicy in sentences.
func (r *Room) foreseePolicy(v *web.Visit, p SignInPolicy, gone bool) ([]string, error) {
	o, err := r.ForeseePolicy(v.Context(), p, gone)
	if err != nil {
		return nil, err
	}
	return r.factors.Say(v, p.Org, o, true)
}

// SayGroups is ForeseeGroups in sentences, for the room of groups.
func (r *Room) SayGroups(v *web.Visit, in id.Org, later map[id.Group][]id.Person) ([]string, error) {
	o, err := r.ForeseeGroups(v.Context(), in, later)
	if err != nil {
		return nil, err
	}
	return r.factors.Say(v, in, o, v.May(Policy, string(in)) == nil)
}
