package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
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
	say := func(key string) string {
		args := fault.Args{}
		for _, name := range words.Names(book.Raw(v.rec.lang, key)) {
			args[name] = "…" // the page is about the kind, not about one case
		}
		return book.Say(v.rec.lang, key, args)
	}
	view := ui.ProblemView{Title: say("problem." + code)}
	if key := "problem." + code + ".do"; book.Has(key) {
		view.Do = say(key)
	}
	return ui.Problem(view)
}
