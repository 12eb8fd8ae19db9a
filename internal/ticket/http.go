package ticket

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
)

// SystemContent is what is written of a system.
type SystemContent struct {
	Name                  string         `json:"name" doc:"Unique in the organization: lower-case letters, digits and hyphens"`
	Title                 string         `json:"title,omitempty" doc:"As people call it; the name if empty"`
	Definition            string         `json:"definition,omitempty" doc:"Identifier of a built-in definition; left out with a document"`
	Document              string         `json:"document,omitempty" doc:"A definition of one's own, as YAML"`
	Settings              map[string]any `json:"settings,omitempty" doc:"What the definition asks for, by name"`
	Mode                  string         `json:"mode,omitempty" enum:"user,service" doc:"Whether each person connects, or the organization once"`
	Scheme                string         `json:"scheme,omitempty" doc:"How calls prove who makes them; the definition's first if empty"`
	ClientID              string         `json:"client_id,omitempty" doc:"Of the client registered at the other side"`
	Username              string         `json:"username,omitempty" doc:"Of a service that signs in by name and password"`
	AuthorizationEndpoint string         `json:"authorization_endpoint,omitempty" doc:"Where people consent; the definition's if empty"`
	TokenEndpoint         string         `json:"token_endpoint,omitempty" doc:"Where tokens are fetched; the definition's if empty"`
	Scope                 *string        `json:"scope,omitempty" doc:"May be empty; the definition's if left out"`
	Networks              []string       `json:"networks,omitempty" doc:"Private networks that the system may stand in"`
	Authorities           string         `json:"authorities,omitempty" doc:"Certificates in PEM form, trusted for this system"`
	Enabled               bool           `json:"enabled" doc:"Whether anybody is connected"`
}

// SystemBody is a system as the API returns it, without its secrets.
type SystemBody struct {
	ID string `json:"id"`
	SystemContent
	Version     string    `json:"version" doc:"SHA-256 of the definition's text"`
	Has         []string  `json:"secrets" doc:"Names of the secrets that are there"`
	CallbackURL string    `json:"callback_url" doc:"To be registered at the other side"`
	DoorbellURL string    `json:"doorbell_url" doc:"Where the other side says that something changed"`
	Changed     time.Time `json:"changed" doc:"When it was written last"`
	By          string    `json:"by" doc:"Principal who wrote it last"`
	Revision    int64     `json:"revision" doc:"Send it back with a change"`
}

// ConnectionBody is how somebody is connected, without tokens.
type ConnectionBody struct {
	System   string    `json:"system" doc:"Identifier of the system"`
	Person   string    `json:"person" doc:"Whose it is; empty for the organization's own"`
	State    string    `json:"state" enum:"off,connecting,on,reconnect"`
	Account  string    `json:"account" doc:"As whom, as the other side says it"`
	NativeID string    `json:"native_id" doc:"Of the account at the other side"`
	Since    time.Time `json:"since" doc:"Since when"`
	EndsAt   time.Time `json:"ends_at" doc:"When it must be made again; year 1 if not known"`
}

// DefinitionBody is a definition of the gallery.
type DefinitionBody struct {
	ID         string            `json:"id"`
	Title      map[string]string `json:"title" doc:"By language"`
	Version    string            `json:"version" doc:"SHA-256 of its text"`
	Modes      []string          `json:"modes" doc:"Whether people or a service connect"`
	Schemes    []string          `json:"schemes" doc:"How calls prove who makes them, the recommended one first"`
	Operations []string          `json:"operations" doc:"What it can do"`
}

// TestBody is what a test showed.
type TestBody struct {
	System  string         `json:"system" doc:"Name of the system"`
	Account AccountBody    `json:"account" doc:"Whom the credential belongs to"`
	Ticket  *TicketBody    `json:"ticket,omitempty" doc:"The ticket in our words"`
	Raw     string         `json:"raw,omitempty" doc:"What the system said of it, as JSON"`
	Problem string         `json:"problem,omitempty" doc:"Code of what went wrong"`
	Message string         `json:"message,omitempty" doc:"What the other side said about it"`
	Ahead   int64          `json:"clock_ahead,omitempty" doc:"Seconds of the system's clock before ours, from five minutes on; below 0 it is behind"`
	Trace   []ExchangeBody `json:"trace" doc:"Every request, with secrets masked"`
}

// AccountBody is a person as the other side knows them.
type AccountBody struct {
	NativeID string `json:"native_id,omitempty" doc:"Identifier there"`
	Name     string `json:"name,omitempty" doc:"As they are called there"`
	Email    string `json:"email,omitempty" doc:"Address there"`
}

// TicketBody is a ticket in our words.
type TicketBody struct {
	ID          string      `json:"id" doc:"Its number"`
	Title       string      `json:"title" doc:"Its subject"`
	Type        string      `json:"type,omitempty" doc:"What sort of ticket the system calls it"`
	State       string      `json:"state" doc:"In our words; unknown counts as no"`
	NativeState string      `json:"native_state,omitempty" doc:"In the system's own words"`
	Requester   AccountBody `json:"requester" doc:"Who asked"`
	Assignee    AccountBody `json:"assignee" doc:"Who works on it"`
	Assets      []string    `json:"assets,omitempty" doc:"What it is about"`
	Priority    int         `json:"priority,omitempty" doc:"1 is the highest, 5 the lowest"`
	From        *time.Time  `json:"from,omitempty" doc:"When what it asks for may begin"`
	Until       *time.Time  `json:"until,omitempty" doc:"When it must be over"`
	DependsOn   []string    `json:"depends_on,omitempty" doc:"Tickets that come before it"`
	URL         string      `json:"url,omitempty" doc:"Its page there"`
}

// ExchangeBody is one request of a test.
type ExchangeBody struct {
	Step   string `json:"step" doc:"Of the definition"`
	Method string `json:"method" doc:"Of HTTP"`
	URL    string `json:"url" doc:"Where it went"`
	Status int    `json:"status,omitempty" doc:"Of HTTP; left out where nothing answered"`
	Millis int64  `json:"ms" doc:"How long it took, in milliseconds"`
	Sent   string `json:"sent,omitempty" doc:"Its body, cut"`
	Got    string `json:"got,omitempty" doc:"Body of the answer, cut"`
	Fault  string `json:"fault,omitempty" doc:"What was wrong with it"`
	Ahead  int64  `json:"clock_ahead,omitempty" doc:"Seconds of the answer's clock before ours, from five minutes on"`
}

type (
	nothing    struct{}
	emptyInput struct{}
	orgInput   struct {
		Org string `path:"org"`
	}
	systemInput struct {
		Org    string `path:"org"`
		System string `path:"system"`
	}
	systemListOutput struct {
		Body struct {
			Items []SystemBody `json:"items"`
		}
	}
	systemOutput   struct{ Body SystemBody }
	systemNewInput struct {
		Org  string `path:"org"`
		Body struct {
			SystemContent
			Secrets map[string]string `json:"set_secrets,omitempty" format:"password" doc:"Secrets by name, such as client_secret; never returned"`
		}
	}
	systemChangeInput struct {
		Org    string `path:"org"`
		System string `path:"system"`
		Body   struct {
			SystemContent
			Secrets  map[string]string `json:"set_secrets,omitempty" format:"password" doc:"Secrets that become others; an empty one is taken away"`
			Revision int64             `json:"revision" doc:"As read; a change in between is a conflict"`
		}
	}
	testInput struct {
		Org    string `path:"org"`
		System string `path:"system"`
		Body   struct {
			Ticket string `json:"ticket,omitempty" maxLength:"200" doc:"Number of a ticket to read"`
		}
	}
	testOutput           struct{ Body TestBody }
	connectionListOutput struct {
		Body struct {
			Items []ConnectionBody `json:"items"`
		}
	}
	definitionListOutput struct {
		Body struct {
			Items []DefinitionBody `json:"items"`
		}
	}
)

//go:embed examples.json
var examples []byte

func (r *Room) api(m *web.Mux) {
	m.Examples(examples)
	const path = "/organizations/{org}/systems"
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"systems"}}
	}
	read := web.Route{Permission: connector.Read, Target: "org"}
	write := web.Route{Permission: connector.Write, Target: "org"}
	fresh := web.Route{Permission: connector.Write, Target: "org", Fresh: web.Recent}
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodGet, "/connector-definitions", "list-connector-definitions", "Definitions that systems can be made of"), r.apiDefinitions)
	web.API(m, read, op(http.MethodGet, path, "list-systems", "Outside systems of an organization"), r.apiSystems)
	create := op(http.MethodPost, path, "add-system", "Add an outside system")
	create.DefaultStatus = http.StatusCreated
	web.API(m, fresh, web.MayWait(create), r.apiAdd)
	web.API(m, read, op(http.MethodGet, path+"/{system}", "get-system", "One outside system"), r.apiSystem)
	web.API(m, fresh, web.MayWait(op(http.MethodPut, path+"/{system}", "change-system", "Change an outside system")), r.apiChange)
	web.API(m, fresh, op(http.MethodDelete, path+"/{system}", "remove-system", "Remove an outside system and every connection to it"), r.apiRemove)
	web.API(m, read, op(http.MethodGet, path+"/{system}/connections", "list-connections", "Who is connected to a system"), r.apiConnections)
	web.API(m, write, op(http.MethodPost, path+"/{system}/test", "test-system", "Ask a system who we are, and read a ticket"), r.apiTest)
	web.API(m, fresh, op(http.MethodPost, path+"/{system}/authorize", "authorize-system", "Connect the organization by the system's own credential"), r.apiAuthorize)
}

func (r *Room) body(s connector.System) SystemBody {
	scope := s.Scope
	has := s.Names()
	if has == nil {
		has = []string{}
	}
	return SystemBody{
		ID: string(s.ID), Version: s.Version, Has: has, CallbackURL: r.desk.CallbackURL(s.ID), DoorbellURL: r.desk.DoorbellURL(s.ID),
		Changed: s.Changed, By: string(s.By), Revision: s.Revision,
		SystemContent: SystemContent{
			Name: s.Name, Title: s.Title, Definition: s.Definition, Document: s.Document, Settings: s.Settings, Mode: s.Mode, Scheme: s.Scheme,
			ClientID: s.ClientID, Username: s.Username, AuthorizationEndpoint: s.AuthorizationEndpoint, TokenEndpoint: s.TokenEndpoint, Scope: &scope,
			Networks: s.Networks, Authorities: s.Authorities, Enabled: s.Enabled,
		},
	}
}

func (c SystemContent) wanted(r *Room, org string, secrets map[string]string) connector.Wanted {
	w := connector.Wanted{
		System: connector.System{
			Org: id.Org(org), Name: c.Name, Title: c.Title, Definition: c.Definition, Document: c.Document, Settings: c.Settings, Mode: c.Mode, Scheme: c.Scheme,
			ClientID: c.ClientID, Username: c.Username, AuthorizationEndpoint: c.AuthorizationEndpoint, TokenEndpoint: c.TokenEndpoint,
			Networks: c.Networks, Authorities: c.Authorities, Enabled: c.Enabled,
		},
		Secrets: map[string]secret.Text{},
	}
	for name, text := range secrets {
		w.Secrets[name] = secret.Of(text)
	}
	if c.Scope != nil {
		w.Scope = *c.Scope
	} else if def, err := connector.DefinitionOf(w.System); err == nil {
		w.Scope = def.ScopeOf(c.Scheme)
	}
	return w
}

func (r *Room) apiDefinitions(context.Context, *emptyInput) (*definitionListOutput, error) {
	out := &definitionListOutput{}
	out.Body.Items = []DefinitionBody{}
	for _, d := range connector.BuiltIn() {
		out.Body.Items = append(out.Body.Items, DefinitionBody{d.ID, d.Title, d.Version, d.Modes, d.Schemes(), d.Operations()})
	}
	return out, nil
}

func (r *Room) apiSystems(ctx context.Context, in *orgInput) (*systemListOutput, error) {
	all, err := r.desk.Systems(ctx, id.Org(in.Org))
	out := &systemListOutput{}
	out.Body.Items = []SystemBody{}
	for _, s := range all {
		out.Body.Items = append(out.Body.Items, r.body(s))
	}
	return out, err
}

func (r *Room) apiSystem(ctx context.Context, in *systemInput) (*systemOutput, error) {
	s, err := r.desk.System(ctx, id.Org(in.Org), id.Connector(in.System))
	return &systemOutput{r.body(s)}, err
}

func (r *Room) apiAdd(ctx context.Context, in *systemNewInput) (*systemOutput, error) {
	s, err := r.desk.Put(ctx, web.ActorOf(ctx).Principal, in.Body.wanted(r, in.Org, in.Body.Secrets))
	return &systemOutput{r.body(s)}, err
}

func (r *Room) apiChange(ctx context.Context, in *systemChangeInput) (*systemOutput, error) {
	w := in.Body.wanted(r, in.Org, in.Body.Secrets)
	w.ID, w.Revision = id.Connector(in.System), max(in.Body.Revision, 1)
	s, err := r.desk.Put(ctx, web.ActorOf(ctx).Principal, w)
	return &systemOutput{r.body(s)}, err
}

func (r *Room) apiRemove(ctx context.Context, in *systemInput) (*nothing, error) {
	return &nothing{}, r.desk.Drop(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Connector(in.System))
}

func connectionBody(c connector.Connection) ConnectionBody {
	return ConnectionBody{string(c.System), string(c.Person), c.State, c.Called(), c.NativeID, c.Since, c.EndsAt}
}

func (r *Room) apiConnections(ctx context.Context, in *systemInput) (*connectionListOutput, error) {
	out := &connectionListOutput{}
	out.Body.Items = []ConnectionBody{}
	if _, err := r.desk.System(ctx, id.Org(in.Org), id.Connector(in.System)); err != nil {
		return nil, err
	}
	all, err := r.desk.Connected(ctx, id.Org(in.Org), id.Connector(in.System))
	for _, c := range all {
		out.Body.Items = append(out.Body.Items, connectionBody(c))
	}
	return out, err
}

func (r *Room) apiTest(ctx context.Context, in *testInput) (*testOutput, error) {
	o, err := r.Probe(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Connector(in.System), in.Body.Ticket)
	if err != nil {
		return nil, err
	}
	out := &testOutput{TestBody{System: o.System.Name, Account: AccountBody(o.Account), Ticket: ticketBody(o.Ticket), Raw: o.Raw, Ahead: int64(o.Ahead / time.Second), Trace: []ExchangeBody{}}}
	for _, e := range o.Trace {
		out.Body.Trace = append(out.Body.Trace, ExchangeBody(e))
	}
	if o.Fault != nil {
		out.Body.Problem = o.Fault.Code
		out.Body.Message, _ = o.Fault.Args["message"].(string)
	}
	return out, nil
}

func (r *Room) apiAuthorize(ctx context.Context, in *systemInput) (*nothing, error) {
	_, err := r.desk.Serve(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Connector(in.System))
	return &nothing{}, err
}

func ticketBody(t *connector.Ticket) *TicketBody {
	if t == nil {
		return nil
	}
	return &TicketBody{
		ID: t.ID, Title: t.Title, Type: t.Type, State: string(t.State), NativeState: t.NativeState, Requester: AccountBody(t.Requester), Assignee: AccountBody(t.Assignee),
		Assets: t.Assets, Priority: t.Priority, From: orNone(t.Window.Start), Until: orNone(t.Window.End), DependsOn: t.DependsOn, URL: t.URL,
	}
}

func orNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
