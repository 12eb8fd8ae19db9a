package ticket

import (
	"net/http"
	"net/url"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
)

func (r *Room) connectPages(m *web.Mux) {
	plain := func(path string) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Permission: web.SignedIn}
	}
	m.Page(plain("/connect/{connector}/start"), r.start)
	m.Page(plain("/connect/{connector}/callback"), r.callback)
}

func startPath(which id.Connector) string {
	return "/connect/" + url.PathEscape(string(which)) + "/start"
}

// start sends somebody to the other side to consent: for themselves, or for the
// organization if the system serves it.
func (r *Room) start(v *web.Visit) error {
	if v.Request().Header.Get("Sec-Fetch-Site") == "cross-site" {
		return v.See(IntegrationsPath) // another site decides for nobody what they connect
	}
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	s, err := r.Mine(v.Context(), who, id.Connector(v.Path("connector")))
	if err != nil {
		return err
	}
	if s.Mode == connector.ModeService {
		if err := r.mayServe(v, s); err != nil {
			return err
		}
		who = ""
	}
	at, err := r.desk.Start(v.Context(), connector.Intent{Org: s.Org, System: s.ID, Person: who, By: v.Actor().Principal, Session: v.Actor().Session})
	if err != nil {
		return err
	}
	v.Writer().Header().Set("Cache-Control", "no-store")
	v.Writer().Header().Set("Referrer-Policy", "no-referrer")
	v.Writer().Header().Set("Location", at)
	v.Writer().WriteHeader(http.StatusSeeOther)
	return nil
}

// mayServe lets an administrator of the system's organization connect it.
func (r *Room) mayServe(v *web.Visit, s connector.System) error {
	return v.May(connector.Write, string(s.Org))
}

// callback is where the other side sends people back to. It leads on at once, so
// that the code stands in no address that stays.
func (r *Room) callback(v *web.Visit) error {
	if _, err := factor.Present(v.Actor()); err != nil {
		return err
	}
	v.Writer().Header().Set("Cache-Control", "no-store")
	v.Writer().Header().Set("Referrer-Policy", "no-referrer")
	query := v.Request().URL.Query()
	for _, name := range []string{"state", "code", "error"} {
		if len(query[name]) > 1 {
			return fault.New(fault.Invalid, "connection-state-refused")
		}
	}
	c, s, err := r.desk.Finish(v.Context(), connector.Back{
		System: id.Connector(v.Path("connector")), State: secret.Of(query.Get("state")), Code: secret.Of(query.Get("code")), Error: query.Get("error"),
		By: v.Actor().Principal, Session: v.Actor().Session,
	})
	switch {
	case err != nil:
		return err
	case c.Person == "":
		return v.See(pathOf(s.ID) + "?done=authorized")
	}
	return v.See(integrationPath(s.ID, "connected"))
}
