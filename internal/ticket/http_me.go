package ticket

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// IntegrationBody is a system that a person can connect.
type IntegrationBody struct {
	System       string         `json:"system" doc:"Identifier of the system"`
	Title        string         `json:"title" doc:"As people call it"`
	Organization string         `json:"organization" doc:"Identifier of the organization that it belongs to"`
	ConnectURL   string         `json:"connect_url" doc:"Page that connects, to be opened in a browser"`
	Connection   ConnectionBody `json:"connection" doc:"How the person is connected"`
}

type (
	integrationListOutput struct {
		Body struct {
			Items []IntegrationBody `json:"items"`
		}
	}
	integrationInput struct {
		System string `path:"system"`
	}
)

func (r *Room) apiMine(m *web.Mux) {
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"systems"}}
	}
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodGet, "/me/integrations", "list-my-integrations", "Systems that I can connect, and how I am"), r.apiIntegrations)
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodDelete, "/me/integrations/{system}", "disconnect-me", "Disconnect me from a system"), r.apiDisconnect)
}

func (r *Room) apiIntegrations(ctx context.Context, _ *emptyInput) (*integrationListOutput, error) {
	who, _, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.Integrations(ctx, who)
	out := &integrationListOutput{}
	out.Body.Items = []IntegrationBody{}
	for _, i := range all {
		c := i.Connection
		c.System, c.Person = i.System.ID, who
		out.Body.Items = append(out.Body.Items, IntegrationBody{
			System: string(i.System.ID), Title: i.System.Shown(), Organization: string(i.System.Org), ConnectURL: r.connectURL(i.System), Connection: connectionBody(c),
		})
	}
	return out, err
}

func (r *Room) connectURL(s connector.System) string {
	if s.Scheme == connector.SchemeCode {
		return r.baseURL + startPath(s.ID)
	}
	return r.baseURL + integrationPath(s.ID, "credential")
}

func (r *Room) apiDisconnect(ctx context.Context, in *integrationInput) (*nothing, error) {
	who, _, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.Mine(ctx, who, id.Connector(in.System))
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.desk.Disconnect(ctx, web.ActorOf(ctx).Principal, s.Org, s.ID, who)
}
