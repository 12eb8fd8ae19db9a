package signin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
)

// OpenSessionBody is a session of somebody who acts in an organization.
type OpenSessionBody struct {
	ID      string    `json:"id"`
	Person  string    `json:"person"`
	Login   string    `json:"login" doc:"What the person signs in with"`
	Name    string    `json:"name" doc:"How the person is shown"`
	Browser string    `json:"browser,omitempty" doc:"As it says of itself"`
	Source  string    `json:"source,omitempty" doc:"Address"`
	ACR     string    `json:"acr" enum:"aal0,aal1,aal2" doc:"How strongly the person proved who they are"`
	Begun   time.Time `json:"begun" doc:"When the person signed in"`
	Seen    time.Time `json:"seen" doc:"To the minute"`
	Ends    time.Time `json:"ends" doc:"When it ends by itself"`
}

type (
	openInput struct {
		Org    string `path:"org"`
		Person string `query:"person" doc:"Only of this person"`
		Text   string `query:"q" maxLength:"200" doc:"Words of names or logins; the ten people who fit best"`
		ACR    string `query:"acr" enum:"aal0,aal1,aal2" doc:"Only of this assurance"`
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	openOutput struct {
		Body struct {
			Items []OpenSessionBody `json:"items"`
			Next  string            `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	openMatchInput struct {
		Org  string `path:"org"`
		Body struct {
			Person string `json:"person,omitempty" doc:"Only of this person"`
			Text   string `json:"q,omitempty" maxLength:"200" doc:"Words of names or logins; the ten people who fit best"`
			ACR    string `json:"acr,omitempty" enum:"aal0,aal1,aal2" doc:"Only of this assurance"`
		}
	}
	openMatchOutput struct {
		Body struct {
			Ended int `json:"ended" doc:"How many sessions were ended"`
		}
	}
	openEndInput struct {
		Org     string `path:"org"`
		Session string `path:"session"`
	}
)

// openAPI registers who is signed in in an organization.
func (r *Room) openAPI(m *web.Mux) {
	const path = "/organizations/{org}/sessions"
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"sign-in"}}
	}
	web.API(m, web.Route{Permission: ReadSessions, Target: "org"}, op(http.MethodGet, path, "list-sessions", "Who is signed in and acts in the organization, the newest first"), r.apiOpen)
	matching := op(http.MethodPost, path+"/end", "end-sessions", "End all sessions that fit, at most 5,000; the caller's own and those of people who are stronger stay")
	matching.DefaultStatus = http.StatusOK
	web.API(m, web.Route{Permission: factor.Reset, Target: "org", Fresh: web.Recent}, web.Foreseeing(matching), r.apiEndMatching)
	web.API(m, web.Route{Permission: factor.Reset, Target: "org", Fresh: web.Recent},
		op(http.MethodDelete, path+"/{session}", "end-session", "End a session of somebody who is not stronger"), r.apiEndOpen)
}

func (r *Room) apiOpen(ctx context.Context, in *openInput) (*openOutput, error) {
	all, next, err := r.OpenIn(ctx, WantedSessions{org.Sought{Org: id.Org(in.Org), Person: id.Person(in.Person), Text: in.Text, Cursor: in.Cursor, Limit: in.Limit}, in.ACR})
	out := &openOutput{}
	out.Body.Items, out.Body.Next = []OpenSessionBody{}, next
	for _, s := range all {
		out.Body.Items = append(out.Body.Items, OpenSessionBody{
			ID: s.ID, Person: string(s.Person), Login: s.Who.Login, Name: s.Who.DisplayName, Browser: s.Browser, Source: s.Source,
			ACR: s.ACR(), Begun: s.Begun, Seen: s.Seen, Ends: s.Ends,
		})
	}
	return out, err
}

func (r *Room) apiEndOpen(ctx context.Context, in *openEndInput) (*nothing, error) {
	return &nothing{}, r.EndOpen(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), in.Session)
}

func (r *Room) apiEndMatching(ctx context.Context, in *openMatchInput) (*openMatchOutput, error) {
	s := WantedSessions{org.Sought{Org: id.Org(in.Org), Person: id.Person(in.Body.Person), Text: in.Body.Text}, in.Body.ACR}
	web.Foresees(ctx, func(v *web.Visit) ([]string, error) {
		e, err := r.MatchOpen(v.Context(), v.Actor().Principal, s)
		return sayEnding(v, e), err
	})
	out, err := &openMatchOutput{}, error(nil)
	out.Body.Ended, err = r.EndMatching(ctx, web.ActorOf(ctx).Principal, s)
	return out, err
}
