package web

import (
	"errors"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Waiting is returned in place of an error by what was not done yet: it became an
// ask, and waits until somebody else has decided. A page leads to the ask, the
// API answers 202 with it.
type Waiting struct {
	Ask   string // its identifier
	Path  string // of its page
	Title string // of what waits
}

// Error is for logs.
func (w *Waiting) Error() string { return "web: it waits for ask " + w.Ask }

// MayWait marks an operation that can be answered by Waiting.
func MayWait(op huma.Operation) huma.Operation {
	op.Extensions = maps.Clone(op.Extensions)
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions["x-waits"] = true
	return op
}

// Accepted is the answer of the API to what waits for a second person.
type Accepted struct {
	Ask    string `json:"ask" doc:"Id of the ask"`
	URL    string `json:"url" format:"uri" doc:"Page on which it is decided"`
	Title  string `json:"title" doc:"What happened, in the caller's language"`
	Detail string `json:"detail" doc:"What comes next, in the caller's language"`
}

// waits answers what waits; false: err is something else.
func (v *Visit) waits(err error) (bool, error) {
	var w *Waiting
	if !errors.As(err, &w) {
		return false, nil
	}
	v.rec.fault = nil
	if v.edge() != EdgeAPI {
		return true, v.See(w.Path)
	}
	a := Accepted{
		Ask: w.Ask, URL: v.mux.origin + w.Path, Title: v.Say("web.waiting", "title", w.Title), Detail: v.Say("web.waiting.do"),
	}
	v.w.Header().Set("Location", a.URL)
	v.w.Header().Set("Cache-Control", "no-store")
	return true, v.jsonAs(http.StatusAccepted, a)
}
