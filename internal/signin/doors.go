package signin

import "github.com/sekisho/sekisho/internal/web"

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.flowPages(m)
	m.Examples(examples)
	r.Rules.Doors(m)
	r.organizationPages(m)
	r.sessionPages(m)
	r.sessionAPI(m)
	r.openPages(m)
	r.openAPI(m)
}
