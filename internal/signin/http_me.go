package signin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
)

// HeldBody is what a person signs in with.
type HeldBody struct {
	Password struct {
		Set        bool       `json:"set" doc:"There is one"`
		At         *time.Time `json:"at,omitempty" doc:"When it was set"`
		MustChange bool       `json:"must_change" doc:"The next sign-in asks for another one"`
	} `json:"password"`
	TOTP struct {
		Set  bool       `json:"set" doc:"There is one"`
		At   *time.Time `json:"at,omitempty" doc:"When it was set"`
		Used *time.Time `json:"used,omitempty" doc:"When it was last used"`
	} `json:"totp"`
	Passkeys      []PasskeyBody `json:"passkeys" doc:"Passkeys, in the order in which they were added"`
	RecoveryCodes struct {
		Left int `json:"left" doc:"How many can still be used"`
		All  int `json:"all" doc:"How many were made"`
	} `json:"recovery_codes"`
}

// PasskeyBody is a passkey as the API returns it.
type PasskeyBody struct {
	ID       string     `json:"id"`
	Name     string     `json:"name" doc:"As its owner calls it"`
	Model    string     `json:"model,omitempty" doc:"AAGUID"`
	Proven   bool       `json:"proven" doc:"The model was proven by an attestation"`
	Synced   bool       `json:"synced" doc:"Is synced between devices"`
	Syncable bool       `json:"syncable" doc:"May be synced"`
	Created  time.Time  `json:"created"`
	Used     *time.Time `json:"used,omitempty" doc:"When it was last used"`
}

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
	emptyInput struct{}
	heldOutput struct{ Body HeldBody }

	passwordInput struct {
		Body struct {
			Current string `json:"current,omitempty" doc:"Not asked for after a passkey within ten minutes"`
			New     string `json:"new" doc:"The new password"`
		}
	}

	passkeyListOutput struct {
		Body struct {
			Items []PasskeyBody `json:"items"`
		}
	}
	passkeyBegunOutput struct{ Body passkeyBegun }
	passkeyNewInput    struct {
		Body struct {
			Ticket string         `json:"ticket" doc:"Of the beginning"`
			Answer map[string]any `json:"answer" doc:"What PublicKeyCredential.toJSON gives"`
			Name   string         `json:"name" doc:"As its owner calls it"`
		}
	}
	passkeyInput struct {
		Passkey string `path:"passkey"`
	}
	passkeyNameInput struct {
		Passkey string `path:"passkey"`
		Body    struct {
			Name string `json:"name" doc:"As its owner calls it"`
		}
	}
	passkeyOutput struct{ Body PasskeyBody }

	totpOfferOutput struct {
		Body struct {
			Secret string    `json:"secret" doc:"Base32"`
			URI    string    `json:"uri" doc:"For a QR code"`
			Ticket string    `json:"ticket" doc:"Send it back with a code"`
			Until  time.Time `json:"until"`
		}
	}
	totpInput struct {
		Body struct {
			Ticket string `json:"ticket" doc:"Of the offer"`
			Code   string `json:"code" doc:"Of the authenticator, six digits"`
		}
	}
	codesOutput struct {
		Body struct {
			Codes []string `json:"codes" doc:"Shown this once"`
		}
	}

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

// meAPI registers what people do for themselves. Tokens are refused: a person
// must be present.
func (r *Room) meAPI(m *web.Mux) {
	plain := web.Route{Permission: web.SignedIn}
	fresh := web.Route{Permission: web.SignedIn, Fresh: web.Recent}
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"me"}}
	}
	created := func(o huma.Operation) huma.Operation {
		o.DefaultStatus = http.StatusCreated
		return o
	}
	web.API(m, plain, op(http.MethodGet, "/me/factors", "list-own-factors", "What I sign in with"), r.apiHeld)
	web.API(m, plain, op(http.MethodPut, "/me/password", "change-own-password", "Change my password"), r.apiPassword)

	web.API(m, plain, op(http.MethodGet, "/me/passkeys", "list-own-passkeys", "My passkeys"), r.apiPasskeys)
	web.API(m, fresh, op(http.MethodPost, "/me/passkeys/begin", "begin-own-passkey", "Begin the registration of a passkey"), r.apiBeginPasskey)
	web.API(m, fresh, created(op(http.MethodPost, "/me/passkeys", "add-own-passkey", "Add a passkey")), r.apiAddPasskey)
	web.API(m, plain, op(http.MethodPut, "/me/passkeys/{passkey}", "rename-own-passkey", "Rename a passkey"), r.apiRenamePasskey)
	web.API(m, fresh, op(http.MethodDelete, "/me/passkeys/{passkey}", "remove-own-passkey", "Remove a passkey"), r.apiRemovePasskey)

	web.API(m, fresh, op(http.MethodPost, "/me/totp", "offer-own-totp", "Make a secret for one-time codes; it counts once it is confirmed"), r.apiOfferTOTP)
	web.API(m, fresh, op(http.MethodPut, "/me/totp", "add-own-totp", "Confirm the secret with a code"), r.apiAddTOTP)
	web.API(m, fresh, op(http.MethodDelete, "/me/totp", "remove-own-totp", "Remove one-time codes"), r.apiRemoveTOTP)
	web.API(m, fresh, created(op(http.MethodPost, "/me/recovery-codes", "make-own-recovery-codes", "Make recovery codes anew")), r.apiRecovery)

	web.API(m, plain, op(http.MethodGet, "/me/sessions", "list-own-sessions", "Where I am signed in"), r.apiSessions)
	web.API(m, plain, op(http.MethodDelete, "/me/sessions/{session}", "end-own-session", "End a session"), r.apiEndSession)
	web.API(m, plain, op(http.MethodDelete, "/me/sessions", "end-own-other-sessions", "End all sessions but this one"), r.apiEndOthers)

	web.API(m, plain, op(http.MethodGet, "/me/tokens", "list-own-tokens", "My tokens"), r.apiTokens)
	web.API(m, fresh, created(op(http.MethodPost, "/me/tokens", "make-own-token", "Make a token")), r.apiMakeToken)
	web.API(m, plain, op(http.MethodDelete, "/me/tokens/{token}", "revoke-own-token", "Revoke a token"), r.apiRevokeToken)

	admin := web.Route{Permission: Reset, Target: "org"}
	of := func(method, path, name, summary string) huma.Operation {
		one := op(method, "/organizations/{org}/members/{person}/sessions"+path, name, summary)
		one.Tags = []string{"people"}
		return one
	}
	web.API(m, admin, of(http.MethodGet, "", "list-member-sessions", "Where a member acts in the organization"), r.apiMemberSessions)
	web.API(m, admin, of(http.MethodDelete, "/{session}", "end-member-session", "End a member's session"), r.apiEndMemberSession)
}

// me is who asks, and the session in which they do.
func me(ctx context.Context) (id.Person, string, error) {
	actor := web.ActorOf(ctx)
	who, err := present(actor)
	return who, actor.Session, err
}

// orNever is a time that may not have come.
func orNever(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func passkeyBody(p Passkey) PasskeyBody {
	body := PasskeyBody{
		ID: p.ID, Name: p.Name, Model: p.AAGUID, Proven: p.Attested, Synced: p.BackedUp, Syncable: p.Eligible, Created: p.Created, Used: orNever(p.LastUsed),
	}
	if p.AAGUID == noModel {
		body.Model = ""
	}
	return body
}

func passkeyBodies(keys []Passkey) []PasskeyBody {
	all := []PasskeyBody{}
	for _, p := range keys {
		all = append(all, passkeyBody(p))
	}
	return all
}

func (r *Room) apiHeld(ctx context.Context, _ *emptyInput) (*heldOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	h, err := r.Held(ctx, who)
	out := &heldOutput{}
	out.Body.Password.Set, out.Body.Password.At, out.Body.Password.MustChange = h.Password, orNever(h.PasswordAt), h.MustChange
	out.Body.TOTP.Set, out.Body.TOTP.At, out.Body.TOTP.Used = h.TOTP, orNever(h.TOTPAt), orNever(h.TOTPUsed)
	out.Body.Passkeys = passkeyBodies(h.Passkeys)
	out.Body.RecoveryCodes.Left, out.Body.RecoveryCodes.All = h.RecoveryLeft, h.RecoveryAll
	return out, err
}

func (r *Room) apiPassword(ctx context.Context, in *passwordInput) (*nothing, error) {
	who, session, err := me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.ChangePassword(ctx, PasswordChange{
		Person: who, Session: session, Current: secret.Of(in.Body.Current), New: secret.Of(in.Body.New),
	})
}

func (r *Room) apiPasskeys(ctx context.Context, _ *emptyInput) (*passkeyListOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	h, err := r.Held(ctx, who)
	out := &passkeyListOutput{}
	out.Body.Items = passkeyBodies(h.Passkeys)
	return out, err
}

func (r *Room) apiBeginPasskey(ctx context.Context, _ *emptyInput) (*passkeyBegunOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	options, ticket, err := r.BeginPasskey(ctx, who)
	return &passkeyBegunOutput{passkeyBegun{options, ticket.Reveal()}}, err
}

func (r *Room) apiAddPasskey(ctx context.Context, in *passkeyNewInput) (*passkeyOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := json.Marshal(in.Body.Answer)
	if err != nil {
		return nil, err
	}
	key, err := r.AddPasskey(ctx, who, secret.Of(in.Body.Ticket), answer, in.Body.Name)
	return &passkeyOutput{passkeyBody(key)}, err
}

func (r *Room) apiRenamePasskey(ctx context.Context, in *passkeyNameInput) (*passkeyOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.RenamePasskey(ctx, who, in.Passkey, in.Body.Name); err != nil {
		return nil, err
	}
	key, err := r.OnePasskey(ctx, who, in.Passkey)
	return &passkeyOutput{passkeyBody(key)}, err
}

func (r *Room) apiRemovePasskey(ctx context.Context, in *passkeyInput) (*nothing, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.RemovePasskey(ctx, who, in.Passkey)
}

func (r *Room) apiOfferTOTP(ctx context.Context, _ *emptyInput) (*totpOfferOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	o, err := r.OfferTOTP(ctx, who)
	out := &totpOfferOutput{}
	out.Body.Secret, out.Body.URI, out.Body.Ticket, out.Body.Until = o.Secret.Reveal(), o.URI.Reveal(), o.Ticket.Reveal(), o.Until
	return out, err
}

func (r *Room) apiAddTOTP(ctx context.Context, in *totpInput) (*nothing, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.AddTOTP(ctx, who, secret.Of(in.Body.Ticket), in.Body.Code)
}

func (r *Room) apiRemoveTOTP(ctx context.Context, _ *emptyInput) (*nothing, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.RemoveTOTP(ctx, who)
}

func (r *Room) apiRecovery(ctx context.Context, _ *emptyInput) (*codesOutput, error) {
	who, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	codes, err := r.MakeRecovery(ctx, who)
	out := &codesOutput{}
	for _, code := range codes {
		out.Body.Codes = append(out.Body.Codes, code.Reveal())
	}
	return out, err
}
