package signin

import (
	"net/http"

	"github.com/sekisho/sekisho/internal/web"
)

// SignOutPath is where a POST ends the session.
const SignOutPath = "/signout"

func (r *Room) signOutPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodPost, Path: SignOutPath, Permission: web.SignedIn}, r.signOut)
}

func (r *Room) signOut(v *web.Visit) error {
	actor := v.Actor()
	if who := actor.Principal.Person(); who != "" && !actor.Token {
		if err := r.EndSession(v.Context(), actor.Principal, who, actor.Session); err != nil {
			return err
		}
	}
	v.CloseSession()
	return v.See("/")
}
