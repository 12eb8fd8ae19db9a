package hub

import (
	"net/http"

	"github.com/sekisho/sekisho/internal/hub/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// SearchPath is search everywhere.
const SearchPath = "/search"

func (r *Room) searchDoors(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: SearchPath, Permission: web.SignedIn}, r.showSearch)
	m.Page(web.Route{Method: http.MethodGet, Path: SearchPath + "/hints", Permission: web.SignedIn}, r.showHints)
}

func (r *Room) showSearch(v *web.Visit) error {
	text := v.Query("q")
	page := ui.Search{Text: text, Action: SearchPath}
	shelves, failed := r.Search(v.Context(), v.Actor(), v.Lang(), text, kindMost)
	page.Shelves, page.Failed = shelved(shelves), failed
	return v.Show(v.Say("hub.search"), ui.ShowSearch(page))
}

// showHints answers while somebody types.
func (r *Room) showHints(v *web.Visit) error {
	shelves, _ := r.Search(v.Context(), v.Actor(), v.Lang(), v.Query("q"), hintMost)
	return v.Fragment(http.StatusOK, ui.Hints(shelved(shelves), v.Query("q")))
}

func shelved(shelves []Shelf) (all []ui.Shelf) {
	for _, one := range shelves {
		shelf := ui.Shelf{Key: "find." + one.Kind}
		for _, f := range one.Findings {
			shelf.Findings = append(shelf.Findings, ui.Finding{Title: f.Title, Detail: f.Detail, Href: f.Href})
		}
		all = append(all, shelf)
	}
	return all
}
