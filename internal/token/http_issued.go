package token

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
)

// IssuedBody is a token of somebody as the API returns it, without its value.
type IssuedBody struct {
	TokenBody
	Person string `json:"person" doc:"Whose it is"`
	Login  string `json:"login" doc:"What the person signs in with"`
	Shown  string `json:"display_name" doc:"How the person is shown"`
}

type (
	issuedInput struct {
		Org    string `path:"org"`
		Person string `query:"person" doc:"Only of this person"`
		Text   string `query:"q" maxLength:"200" doc:"Words of names or logins; the ten people who fit best"`
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	issuedOutput struct {
		Body struct {
			Items []IssuedBody `json:"items"`
			Next  string       `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	issuedEndInput struct {
		Org   string `path:"org"`
		Token string `path:"token"`
	}
)

func (r *Room) issuedAPI(m *web.Mux) {
	const path = "/organizations/{org}/tokens"
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"sign-in"}}
	}
	web.API(m, web.Route{Permission: ReadTokens, Target: "org"}, op(http.MethodGet, path, "list-tokens", "Tokens that act in the organization, the newest first"), r.apiIssued)
	web.API(m, web.Route{Permission: factor.Reset, Target: "org", Fresh: web.Recent},
		op(http.MethodDelete, path+"/{token}", "revoke-token", "Revoke a token of somebody who is not stronger"), r.apiRevokeIssued)
}

func (r *Room) apiIssued(ctx context.Context, in *issuedInput) (*issuedOutput, error) {
	all, next, err := r.IssuedIn(ctx, org.Sought{Org: id.Org(in.Org), Person: id.Person(in.Person), Text: in.Text, Cursor: in.Cursor, Limit: in.Limit})
	out := &issuedOutput{}
	out.Body.Items, out.Body.Next = []IssuedBody{}, next
	for _, t := range all {
		out.Body.Items = append(out.Body.Items, IssuedBody{tokenBody(t.Token), string(t.Person), t.Who.Login, t.Who.DisplayName})
	}
	return out, err
}

func (r *Room) apiRevokeIssued(ctx context.Context, in *issuedEndInput) (*nothing, error) {
	return &nothing{}, r.RevokeIssued(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), in.Token)
}
