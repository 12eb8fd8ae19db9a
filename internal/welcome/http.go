package welcome

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

// linkAPI registers what programs do about how people get in again.
func (r *Room) linkAPI(m *web.Mux) {
	m.Examples(examples)
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"sign-in"}}
	}
	const member = "/organizations/{org}/members/{person}/sign-in"
	read := web.Route{Permission: factor.Reset, Target: "org"}
	act := read
	act.Fresh = web.Recent
	web.API(m, read, op(http.MethodGet, member, "get-member-sign-in", "What a member signs in with, counted"), r.memberHolds)
	web.API(m, act, web.MayWait(op(http.MethodPost, member+"/reset", "reset-member-sign-in", "Take factors away; the person and the other administrators are told")), r.memberReset)
	recovery := op(http.MethodPost, "/sign-in/recover", "make-recover-link", "A link by which somebody replaces all they sign in with (by the control socket only)")
	recovery.Extensions = web.SocketOnly
	web.API(m, web.Route{Permission: RecoverPermission}, recovery, r.makeRecoverLink)
}

type (
	memberOfInput struct {
		Org    string `path:"org"`
		Person string `path:"person"`
	}
	holdingOutput struct {
		Body struct {
			Password     bool  `json:"password" doc:"There is a password"`
			Passkeys     int64 `json:"passkeys" doc:"Number of passkeys"`
			TOTP         bool  `json:"totp" doc:"There are one-time codes"`
			RecoveryLeft int64 `json:"recovery_codes_left" doc:"Recovery codes that can still be used"`
			Sessions     int64 `json:"sessions" doc:"Open sessions"`
			Tokens       int64 `json:"tokens" doc:"Tokens that stand"`
			Locked       bool  `json:"locked" doc:"Too many wrong answers were given"`
		}
	}
	memberResetInput struct {
		Org    string `path:"org"`
		Person string `path:"person"`
		Body   struct {
			Take []string `json:"take" minItems:"1" doc:"password, passkeys, totp, recovery"`
		}
	}
	memberResetOutput struct {
		Body struct {
			Link   string     `json:"link,omitempty" doc:"To hand on, where nothing is left to sign in with and no mail was sent"`
			Mailed string     `json:"mailed_to,omitempty" doc:"Address that the link was sent to"`
			Until  *time.Time `json:"until,omitempty"`
		}
	}
	recoverInput struct {
		Body struct {
			Login string `json:"login" minLength:"1" maxLength:"320" doc:"Of the person"`
		}
	}
	recoverOutput struct {
		Body struct {
			Link  string    `json:"link" doc:"To hand on; it counts once"`
			Login string    `json:"login" doc:"Of the person"`
			Name  string    `json:"name" doc:"Of the person"`
			Until time.Time `json:"until"`
			Told  int       `json:"told" doc:"Mails that tell of it"`
		}
	}
)

func (r *Room) memberHolds(ctx context.Context, in *memberOfInput) (*holdingOutput, error) {
	_, h, err := r.Holds(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Person(in.Person))
	out := &holdingOutput{}
	b := &out.Body
	b.Password, b.TOTP, b.Locked = h.Passwords > 0, h.TOTP > 0, h.Locked
	b.Passkeys, b.RecoveryLeft, b.Sessions, b.Tokens = h.Passkeys, h.RecoveryLeft, h.Sessions, h.Tokens
	return out, err
}

func (r *Room) memberReset(ctx context.Context, in *memberResetInput) (*memberResetOutput, error) {
	taking, err := factor.TakingOf(in.Body.Take)
	if err != nil {
		return nil, err
	}
	renewal, err := r.ResetFactors(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Person(in.Person), taking)
	out := &memberResetOutput{}
	out.Body.Link, out.Body.Mailed = renewal.Link.Reveal(), renewal.Mailed
	if !renewal.Until.IsZero() {
		out.Body.Until = &renewal.Until
	}
	return out, err
}

func (r *Room) makeRecoverLink(ctx context.Context, in *recoverInput) (*recoverOutput, error) {
	made, err := r.MakeRecoverLink(ctx, web.ActorOf(ctx).Principal, in.Body.Login)
	if err != nil {
		return nil, err
	}
	out := &recoverOutput{}
	b := &out.Body
	b.Link, b.Login, b.Name, b.Until, b.Told = made.Link.Reveal(), made.Person.Login, made.Person.DisplayName, made.Until, made.Told
	return out, nil
}
