package backup

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/web"
)

// The endpoint of a running server.
const (
	// Path takes a POST with a form in which recipient may stand several times,
	// and answers with the backup.
	Path = "/backup"
	// Trailer holds the Report in JSON behind the last byte. An answer without
	// it is not whole.
	Trailer = "Sekisho-Backup"
)

// Doors registers the endpoint. It is on the protocol edge, where no cookie
// counts: no page of anybody can make a browser fetch everything there is.
func (r *Room) Doors(m *web.Mux) {
	m.Protocol(web.Route{Method: http.MethodPost, Path: Path, Permission: Permission}, r.serve, nil)
}

func (r *Room) serve(v *web.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	// A house may be large and a disk slow: the stream has no deadline.
	if err := http.NewResponseController(v.Writer()).SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	out := &answer{w: v.Writer()}
	report, err := r.Write(v.Context(), v.Actor().Principal, out, form["recipient"], nil)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(report); err == nil {
			v.Writer().Header().Set(http.TrailerPrefix+Trailer, string(text))
			return nil
		}
	}
	if !out.begun {
		return err
	}
	web.Note(v.Context(), "backup", err.Error())
	panic(http.ErrAbortHandler) // tears the connection: nobody takes what came for a backup
}

// answer begins the answer with its first byte: until then there can still be
// a refusal.
type answer struct {
	w     http.ResponseWriter
	begun bool
}

var _ io.Writer = (*answer)(nil)

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", "application/octet-stream")
		a.w.Header().Set("Cache-Control", "no-store")
		a.w.WriteHeader(http.StatusOK)
	}
	return a.w.Write(p)
}
