package signin

import "github.com/sekisho/sekisho/internal/web"

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.policyPages(m)
	r.policyAPI(m)
	r.signOutPages(m)
	r.linkPages(m)
	r.linkAPI(m)
}
