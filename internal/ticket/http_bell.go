package ticket

import (
	"net/http"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// bellClass is the rate that counts for rings: a forged one costs at most a read
// within it.
const bellClass = "bell"

func (r *Room) bell(m *web.Mux) {
	m.Protocol(web.Route{Method: http.MethodPost, Path: "/hooks/{connector}", Permission: web.Public, Class: bellClass}, r.hear, nil)
}

// hear answers a ring: 204 whatever became of it, once it was proven.
func (r *Room) hear(v *web.Visit) error {
	raw, err := v.Body()
	if err != nil {
		return err
	}
	if err := r.ring(v.Context(), id.Connector(v.Path("connector")), connector.Bell{Header: v.Request().Header, Raw: raw}); err != nil {
		return err
	}
	v.Writer().WriteHeader(http.StatusNoContent)
	return nil
}
