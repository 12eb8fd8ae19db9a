package signin

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

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
	who, here, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.Sessions(ctx, who)
	out := &sessionListOutput{}
	out.Body.Items = sessionBodies(all, here)
	return out, err
}

func (r *Room) apiEndSession(ctx context.Context, in *sessionInput) (*nothing, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.EndSession(ctx, id.OfPerson(who), who, in.Session)
}

func (r *Room) apiEndOthers(ctx context.Context, _ *emptyInput) (*nothing, error) {
	who, here, err := me(ctx)
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

func tokenBody(t Token) TokenBody {
	return TokenBody{ID: t.ID, Name: t.Name, Org: string(t.Org), Scopes: t.Scopes, Created: t.Created, Ends: t.Ends, Used: orNever(t.Used)}
}

func (r *Room) apiTokens(ctx context.Context, _ *emptyInput) (*tokenListOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.Tokens(ctx, who)
	out := &tokenListOutput{}
	out.Body.Items = []TokenBody{}
	for _, t := range all {
		out.Body.Items = append(out.Body.Items, tokenBody(t))
	}
	return out, err
}

func (r *Room) apiMakeToken(ctx context.Context, in *tokenNewInput) (*tokenNewOutput, error) {
	who, here, err := me(ctx)
	if err != nil {
		return nil, err
	}
	t, value, err := r.MakeToken(ctx, who, here, NewToken{
		Name: in.Body.Name, Org: id.Org(in.Body.Org), Scopes: in.Body.Scopes, Days: in.Body.Days,
	})
	out := &tokenNewOutput{}
	out.Body.TokenBody, out.Body.Value = tokenBody(t), value.Reveal()
	return out, err
}

func (r *Room) apiRevokeToken(ctx context.Context, in *tokenInput) (*nothing, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.RevokeToken(ctx, id.OfPerson(who), who, in.Token)
}
