package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web/ui"
)

// registerAssets serves the files of pages. The path names the content's hash,
// so an answer is right for ever.
func (m *Mux) registerAssets() {
	route := Route{Method: http.MethodGet, Path: ui.AssetPrefix + "{hash}/{name}", Permission: Public, Edge: EdgeHouse}
	m.handle(route, func(v *Visit) {
		asset, found := m.assets.Find(v.r.URL.Path)
		if !found {
			v.fail(fault.New(fault.NotFound, "page-not-found"))
			return
		}
		h := v.w.Header()
		h.Set("Content-Type", asset.Type)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := asset.Plain
		if asset.Gzip != nil && acceptsGzip(v.r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = asset.Gzip
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		v.w.WriteHeader(http.StatusOK)
		_, _ = v.w.Write(body)
	})
}

func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(coding) == "gzip" {
			return strings.ReplaceAll(params, " ", "") != "q=0"
		}
	}
	return false
}

func problemKind(v *Visit, code string) templ.Component {
	book := v.mux.options.Book
	view := ui.ProblemView{Title: book.Raw(v.rec.lang, "problem."+code)}
	if key := "problem." + code + ".do"; book.Has(key) {
		view.Do = book.Raw(v.rec.lang, key)
	}
	return ui.Problem(view)
}
