package people

import (
	"github.com/sekisho/sekisho/internal/people/depend"
	"github.com/sekisho/sekisho/internal/people/find"
	"github.com/sekisho/sekisho/internal/web"
)

// Finder is the room's part in search everywhere.
func (r *Room) Finder() web.Finder {
	return find.Everybody{Register: r.org, Book: r.book, Paths: find.Paths{
		People: PeoplePath, Groups: groupsPath, Roles: rolesPath, Organizations: orgsPath,
	}}
}

// Dependents is the room's part in what depends on a thing.
func (r *Room) Dependents() web.Dependents {
	return depend.On{Register: r.org, Paths: depend.Paths{People: PeoplePath, Groups: groupsPath, Roles: rolesPath, Organizations: orgsPath}}
}
