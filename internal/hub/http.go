package hub

import (
	"context"
	_ "embed" // the examples
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

// API registers the operations of the management API.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	r.pushAPI(m)
	web.API(m, web.Route{Permission: web.SignedIn}, get(SearchPath, "search", "Search everywhere: people, groups, roles, pages and more, as far as the caller may open them"), r.apiSearch)
	web.API(m, web.Route{Permission: web.SignedIn}, get("/dependents", "list-dependents", "What refers to a thing, as far as the caller may know of it"), r.apiDependents)
}

func get(path, name, summary string) huma.Operation {
	return huma.Operation{Method: http.MethodGet, Path: path, OperationID: name, Summary: summary, Tags: []string{"search"}}
}

type (
	everywhereInput struct {
		Text string `query:"q" required:"true" minLength:"1" maxLength:"100" doc:"What to look for, in any spelling"`
		Most int    `query:"most" minimum:"1" maximum:"50" default:"8" doc:"Findings of each kind, at most"`
	}
	findingBody struct {
		Kind   string `json:"kind" doc:"person, group, role, organization, sign-in-policy, notice, record, page and others"`
		Title  string `json:"title" doc:"As lists call it"`
		Detail string `json:"detail,omitempty" doc:"What tells it from another of the same title"`
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
	shelves, failed := r.Search(ctx, actor, web.LangOf(ctx), in.Text, in.Most)
	out := &everywhereOutput{}
	out.Body.Complete, out.Body.Findings = !failed, []findingBody{}
	for _, shelf := range shelves {
		for _, f := range shelf.Findings {
			out.Body.Findings = append(out.Body.Findings, findingBody{Kind: f.Kind, Title: f.Title, Detail: f.Detail, Href: f.Href})
		}
	}
	return out, nil
}

type (
	dependentsInput struct {
		Target string `query:"target" required:"true" minLength:"3" maxLength:"128" doc:"Kind and identifier of a thing, such as role:auditor"`
	}
	namedBody struct {
		Title string `json:"title" doc:"As lists call it"`
		Href  string `json:"href,omitempty" doc:"Path of its page"`
	}
	dependenceBody struct {
		Kind  string      `json:"kind" doc:"What refers, such as depends.role.holders"`
		Text  string      `json:"text" doc:"The same for people, in the language of the request"`
		Then  string      `json:"then" doc:"What becomes of it when the thing is deleted"`
		Count int64       `json:"count" doc:"How many there are"`
		Some  []namedBody `json:"some" doc:"The first few"`
	}
	// Dependents is what refers to a thing.
	Dependents struct {
		Target     string           `json:"target" doc:"The thing that was asked about"`
		Dependents []dependenceBody `json:"dependents" doc:"What refers to it; what refers to it in no way is left out"`
	}
	dependentsOutput struct{ Body Dependents }
)

func (r *Room) apiDependents(ctx context.Context, in *dependentsInput) (*dependentsOutput, error) {
	all, err := r.Depends(ctx, web.ActorOf(ctx), in.Target)
	if err != nil {
		return nil, err
	}
	lang, out := web.LangOf(ctx), &dependentsOutput{Body: Dependents{Target: in.Target, Dependents: []dependenceBody{}}}
	for _, one := range all {
		d := dependenceBody{Kind: one.Key, Text: r.book.Say(lang, one.Key, nil), Then: r.book.Say(lang, one.Key+".then", nil), Count: one.Count, Some: []namedBody{}}
		for _, some := range one.Some {
			d.Some = append(d.Some, namedBody{some.Title, some.Href})
		}
		out.Body.Dependents = append(out.Body.Dependents, d)
	}
	return out, nil
}
