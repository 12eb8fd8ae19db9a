package hub

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/hub/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// SearchPath is search everywhere.
const SearchPath = "/search"

func (r *Room) searchDoors(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: SearchPath, Permission: web.SignedIn}, r.showSearch)
	m.Page(web.Route{Method: http.MethodGet, Path: SearchPath + "/hints", Permission: web.SignedIn}, r.showHints)
	web.API(m, web.Route{Permission: web.SignedIn}, get(SearchPath, "search", "Search everywhere: people, groups, roles, pages and more, as far as the caller may open them"), r.apiSearch)
}

func get(path, name, summary string) huma.Operation {
	return huma.Operation{Method: http.MethodGet, Path: path, OperationID: name, Summary: summary, Tags: []string{"search"}}
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

type (
	everywhereInput struct {
		Text  string `query:"q" required:"true" minLength:"1" maxLength:"100" doc:"What to look for, in any spelling"`
		Limit int    `query:"limit" minimum:"1" maximum:"50" default:"8" doc:"Findings of each kind, at most"`
	}
	findingBody struct {
		Kind   string `json:"kind" doc:"person, group, role, organization, sign-in-policy, notice, record, page and others"`
		Title  string `json:"title"`
		Detail string `json:"detail,omitempty"`
		Href   string `json:"href" doc:"Path of its page"`
	}
	// Found is what search everywhere answers.
	Found struct {
		Findings []findingBody `json:"findings" doc:"What fits best first, grouped by kind"`
		Complete bool          `json:"complete" doc:"false: something could not be asked, and more may be there"`
	}
	everywhereOutput struct{ Body Found }
)

func (r *Room) apiSearch(ctx context.Context, in *everywhereInput) (*everywhereOutput, error) {
	actor := web.ActorOf(ctx)
	shelves, failed := r.Search(ctx, actor, web.LangOf(ctx), in.Text, in.Limit)
	out := &everywhereOutput{}
	out.Body.Complete, out.Body.Findings = !failed, []findingBody{}
	for _, shelf := range shelves {
		for _, f := range shelf.Findings {
			out.Body.Findings = append(out.Body.Findings, findingBody{Kind: f.Kind, Title: f.Title, Detail: f.Detail, Href: f.Href})
		}
	}
	return out, nil
}
