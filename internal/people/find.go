package people

import (
	"github.com/sekisho/sekisho/internal/people/find"
	"github.com/sekisho/sekisho/internal/web"
)

// Finder is the room's part in search everywhere.
func (r *Room) Finder() web.Finder {
	return find.Everybody{Register: r.org, Book: r.book, Paths: find.Paths{
		People: PeoplePath, Groups: groupsPath, Roles: rolesPath, Organizations: orgsPath,
	}}
}
