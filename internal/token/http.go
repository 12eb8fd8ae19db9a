package token

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// TokenBody is a personal token as the API returns it, without its value.
type TokenBody struct {
	ID      string     `json:"id"`
	Name    string     `json:"name" doc:"As its owner calls it"`
	Org     string     `json:"org"`
	Scopes  []string   `json:"scopes" doc:"Permissions that it is limited to"`
	Created time.Time  `json:"created"`
	Ends    time.Time  `json:"ends" doc:"When it ends by itself"`
	Used    *time.Time `json:"used,omitempty" doc:"When it was last used"`
}

type (
	nothing         struct{}
	emptyInput      struct{}
	tokenListOutput struct {
		Body struct {
			Items []TokenBody `json:"items"`
		}
	}
	tokenInput struct {
		Token string `path:"token"`
	}
	tokenNewInput struct {
		Body struct {
			Name   string   `json:"name" doc:"As its owner calls it"`
			Org    string   `json:"org"`
			Scopes []string `json:"scopes" doc:"Permissions that you hold there"`
			Days   int      `json:"days" doc:"1 to 365"`
		}
	}
	tokenNewOutput struct {
		Body struct {
			TokenBody
			Value string `json:"value" doc:"Shown this once"`
		}
	}
)

// api registers what people do with their own tokens.
func (r *Room) api(m *web.Mux) {
	plain := web.Route{Permission: web.SignedIn}
	fresh := web.Route{Permission: web.SignedIn, Fresh: web.Recent}
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"me"}}
	}
	made := op(http.MethodPost, "/me/tokens", "make-own-token", "Make a token")
	made.DefaultStatus = http.StatusCreated
	web.API(m, plain, op(http.MethodGet, "/me/tokens", "list-own-tokens", "My tokens"), r.apiTokens)
	web.API(m, fresh, made, r.apiMakeToken)
	web.API(m, plain, op(http.MethodDelete, "/me/tokens/{token}", "revoke-own-token", "Revoke a token"), r.apiRevoke)
}

func tokenBody(t Token) TokenBody {
	return TokenBody{ID: t.ID, Name: t.Name, Org: string(t.Org), Scopes: t.Scopes, Created: t.Created, Ends: t.Ends, Used: factor.OrNever(t.Used)}
}

func (r *Room) apiTokens(ctx context.Context, _ *emptyInput) (*tokenListOutput, error) {
	who, _, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.List(ctx, who)
	out := &tokenListOutput{}
	out.Body.Items = []TokenBody{}
	for _, t := range all {
		out.Body.Items = append(out.Body.Items, tokenBody(t))
	}
	return out, err
}

func (r *Room) apiMakeToken(ctx context.Context, in *tokenNewInput) (*tokenNewOutput, error) {
	who, here, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	t, value, err := r.Make(ctx, who, here, Wanted{
		Name: in.Body.Name, Org: id.Org(in.Body.Org), Scopes: in.Body.Scopes, Days: in.Body.Days,
	})
	out := &tokenNewOutput{}
	out.Body.TokenBody, out.Body.Value = tokenBody(t), value.Reveal()
	return out, err
}

func (r *Room) apiRevoke(ctx context.Context, in *tokenInput) (*nothing, error) {
	who, _, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.Revoke(ctx, id.OfPerson(who), who, in.Token)
}
