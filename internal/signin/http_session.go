package signin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

type nothing struct{}

// SessionBody is a session as the API returns it.
type SessionBody struct {
	ID      string    `json:"id"`
	Here    bool      `json:"here" doc:"It is the one of this request"`
	Org     string    `json:"org,omitempty"`
	Browser string    `json:"browser,omitempty" doc:"As it says of itself"`
	Source  string    `json:"source,omitempty" doc:"Address"`
	ACR     string    `json:"acr" enum:"aal0,aal1,aal2" doc:"How strongly the person proved who they are"`
	AMR     []string  `json:"amr" doc:"RFC 8176"`
	Begun   time.Time `json:"begun" doc:"When the person signed in"`
	Seen    time.Time `json:"seen" doc:"To the minute"`
	Ends    time.Time `json:"ends" doc:"When it ends by itself"`
}

type (
	emptyInput        struct{}
	sessionListOutput struct {
		Body struct {
			Items []SessionBody `json:"items"`
		}
	}
	sessionInput struct {
		Session string `path:"session"`
	}
	memberInput struct {
		Org    string `path:"org"`
		Person string `path:"person"`
	}
	memberSessionInput struct {
		Org     string `path:"org"`
		Person  string `path:"person"`
		Session string `path:"session"`
	}
)

// sessionAPI registers what people do with their own sessions, and
// administrators with those of others.
func (r *Room) sessionAPI(m *web.Mux) {
	plain := web.Route{Permission: web.SignedIn}
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"me"}, Security: web.SessionOnly}
	}
	web.API(m, plain, op(http.MethodGet, "/me/sessions", "list-own-sessions", "Where I am signed in"), r.apiSessions)
	web.API(m, plain, op(http.MethodDelete, "/me/sessions/{session}", "end-own-session", "End a session"), r.apiEndSession)
	web.API(m, plain, op(http.MethodDelete, "/me/sessions", "end-own-other-sessions", "End all sessions but this one"), r.apiEndOthers)

	admin := web.Route{Permission: factor.Reset, Target: "org"}
	of := func(method, path, name, summary string) huma.Operation {
		one := op(method, "/organizations/{org}/members/{person}/sessions"+path, name, summary)
		one.Tags, one.Security = []string{"people"}, nil
		return one
	}
	web.API(m, admin, of(http.MethodGet, "", "list-member-sessions", "Where a member acts in the organization"), r.apiMemberSessions)
	web.API(m, admin, of(http.MethodDelete, "/{session}", "end-member-session", "End a member's session"), r.apiEndMemberSession)

	const member = "/organizations/{org}/members/{person}/sign-in"
	act := admin
	act.Fresh = web.Recent
	with := func(path, name, summary string) huma.Operation {
		return huma.Operation{Method: http.MethodPost, Path: member + path, OperationID: name, Summary: summary, Tags: []string{"sign-in"}}
	}
	web.API(m, act, with("/unlock", "unlock-member", "Forget the wrong answers that were given for a member"), r.apiUnlock)
	web.API(m, act, with("/end-sessions", "end-member-sessions", "End all sessions of a member"), r.apiEndMember)
}

func sessionBodies(all []Session, here string) []SessionBody {
	bodies := []SessionBody{}
	for _, s := range all {
		body := SessionBody{
			ID: s.ID, Here: s.ID == here, Org: string(s.Org), Browser: s.Browser, Source: s.Source, ACR: s.ACR(), AMR: s.AMR(),
			Begun: s.Begun, Seen: s.Seen, Ends: s.Ends,
		}
		if body.AMR == nil {
			body.AMR = []string{}
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func (r *Room) apiSessions(ctx context.Context, _ *emptyInput) (*sessionListOutput, error) {
	who, here, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.Sessions(ctx, who)
	out := &sessionListOutput{}
	out.Body.Items = sessionBodies(all, here)
	return out, err
}

func (r *Room) apiEndSession(ctx context.Context, in *sessionInput) (*nothing, error) {
	who, _, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.EndSession(ctx, id.OfPerson(who), who, in.Session)
}

func (r *Room) apiEndOthers(ctx context.Context, _ *emptyInput) (*nothing, error) {
	who, here, err := factor.Me(ctx)
	if err != nil {
		return nil, err
	}
	_, err = r.EndOtherSessions(ctx, id.OfPerson(who), who, here)
	return &nothing{}, err
}

func (r *Room) apiMemberSessions(ctx context.Context, in *memberInput) (*sessionListOutput, error) {
	all, err := r.SessionsIn(ctx, id.Org(in.Org), id.Person(in.Person))
	out := &sessionListOutput{}
	out.Body.Items = sessionBodies(all, web.ActorOf(ctx).Session)
	return out, err
}

func (r *Room) apiEndMemberSession(ctx context.Context, in *memberSessionInput) (*nothing, error) {
	return &nothing{}, r.EndSessionIn(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Person(in.Person), in.Session)
}

func (r *Room) apiUnlock(ctx context.Context, in *memberInput) (*nothing, error) {
	return &nothing{}, r.Unlock(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Person(in.Person))
}

func (r *Room) apiEndMember(ctx context.Context, in *memberInput) (*nothing, error) {
	return &nothing{}, r.EndEverySession(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Person(in.Person))
}
