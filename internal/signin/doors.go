package signin

import (
	"net/http"

	"github.com/sekisho/sekisho/internal/web"
)

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.policyPages(m)
	r.policyAPI(m)
	m.Page(web.Route{Method: http.MethodPost, Path: SignOutPath, Permission: web.SignedIn}, r.signOut)
	r.linkPages(m)
	r.linkAPI(m)
}
