package sender

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

type (
	audienceBody struct {
		Everybody bool     `json:"everybody,omitempty" doc:"Everybody of the organization"`
		People    []string `json:"people,omitempty" doc:"Ids of people"`
		Groups    []string `json:"groups,omitempty" doc:"Ids of groups"`
	}
	templateBody struct {
		Name        string        `json:"name" doc:"Lower-case letters, digits, hyphens"`
		Title       string        `json:"title" doc:"With places for arguments, as in {amount}"`
		Text        string        `json:"text,omitempty" doc:"With places for arguments"`
		Fields      []Field       `json:"fields,omitempty" doc:"At most 20, with places for arguments"`
		Approval    *approvalBody `json:"approval,omitempty" doc:"People approve or refuse"`
		Actions     []Action      `json:"actions,omitempty" doc:"At most 3"`
		Priority    string        `json:"priority,omitempty" enum:"normal,high,urgent" doc:"normal if it is left out"`
		OneDecision bool          `json:"one_decision,omitempty" doc:"The first decision ends it for all"`

		Languages map[string]Texts `json:"languages,omitempty" doc:"The texts in other languages, by \"en\" or \"ja\", with the same places; what is missing is read as it stands above"`
	}
	// CardSenderContent is what a card sender may do.
	CardSenderContent struct {
		Name      string         `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
		Title     string         `json:"title,omitempty" doc:"As people read it on cards; the name if it is left out"`
		Role      string         `json:"role" enum:"admin,creator,auditor" doc:"A creator sends, and sees what it sent; an admin sees and withdraws what any sender sent; an auditor only sees it"`
		Callback  string         `json:"callback,omitempty" doc:"Where decisions are told; https"`
		Signature string         `json:"signature,omitempty" enum:"jwt,http" doc:"A token as the body, or an HTTP message signature; jwt if it is left out"`
		Alg       string         `json:"alg,omitempty" enum:"ES256,RS256" doc:"ES256 if it is left out"`
		Audience  audienceBody   `json:"audience" doc:"Whom it may reach"`
		Templates []templateBody `json:"templates,omitempty" doc:"Cards with places for arguments, at most 50"`
		Networks  []string       `json:"networks,omitempty" doc:"CIDRs besides public ones that the callback may stand in"`
		Urgent    bool           `json:"urgent,omitempty" doc:"Its urgent cards pass quiet hours"`
		Rate      int            `json:"rate,omitempty" minimum:"0" maximum:"600" doc:"Messages a minute; 60 if it is left out"`
		Disabled  bool           `json:"disabled,omitempty" doc:"Its tokens do not count"`
	}
	// CardSenderBody is a card sender as the API returns it.
	CardSenderBody struct {
		ID string `json:"id"`
		CardSenderContent
		Made    time.Time `json:"made" doc:"When it was added"`
		Changed time.Time `json:"changed" doc:"When it was changed last"`
		Version int64     `json:"version" doc:"Send it back with a change"`
	}
	inOrg struct {
		Org string `path:"org"`
	}
	inSender struct {
		Org    string `path:"org"`
		Sender string `path:"sender" doc:"Id of the card sender"`
	}
	newSenderInput struct {
		Org  string `path:"org"`
		Body CardSenderContent
	}
	changeSenderInput struct {
		Org    string `path:"org"`
		Sender string `path:"sender" doc:"Id of the card sender"`
		Body   struct {
			CardSenderContent
			Version int64 `json:"version" doc:"As it was read"`
		}
	}
	senderOutput struct{ Body CardSenderBody }
	sendersOut   struct {
		Body struct {
			Items []CardSenderBody `json:"items" doc:"By name"`
		}
	}
	nothing struct{}
	// CardSenderTokenBody is a service token without its value.
	CardSenderTokenBody struct {
		ID   string     `json:"id"`
		Made time.Time  `json:"made" doc:"When it was made"`
		By   string     `json:"by" doc:"Who made it"`
		Ends time.Time  `json:"ends" doc:"When it ends by itself"`
		Used *time.Time `json:"used,omitempty" doc:"When it was last used"`
	}
	tokensOutput struct {
		Body struct {
			Items []CardSenderTokenBody `json:"items" doc:"The newest first"`
		}
	}
	newTokenInput struct {
		Org    string `path:"org"`
		Sender string `path:"sender" doc:"Id of the card sender"`
		Body   struct {
			Days         int  `json:"days" doc:"1 to 365"`
			OverlapHours *int `json:"overlap_hours,omitempty" minimum:"0" doc:"The other tokens end after so long; they stay as they are if it is left out"`
		}
	}
	newTokenOutput struct {
		Body struct {
			CardSenderTokenBody
			Value string `json:"value" doc:"Shown this once"`
		}
	}
	inToken struct {
		Org    string `path:"org"`
		Sender string `path:"sender" doc:"Id of the card sender"`
		Token  string `path:"issued" doc:"Id of the token"`
	}
	keysOutput struct {
		Body struct {
			Items []signingKeyBody `json:"items" doc:"The newest first"`
		}
	}
	signingKeyBody struct {
		ID    string     `json:"id" doc:"The kid of what it signs"`
		Alg   string     `json:"alg" enum:"ES256,RS256" doc:"What it signs by"`
		State string     `json:"state" enum:"next,signing,before,gone"`
		PEM   string     `json:"pem" doc:"The public half"`
		Made  time.Time  `json:"made" doc:"When it was made"`
		Signs time.Time  `json:"signs" doc:"From when it signs"`
		Ends  *time.Time `json:"ends,omitempty" doc:"Until when it is published"`
	}
	followInput struct {
		Body struct {
			Alg   string `json:"alg" enum:"ES256,RS256" doc:"What it signs by"`
			After string `json:"after" doc:"Id of the key that signs now: two presses make one key"`
			Now   bool   `json:"now,omitempty" doc:"At once: those before it count no more"`
		}
	}
	keyOutput struct{ Body signingKeyBody }
)

// manageAPI registers what administrators do with senders, and operators with the
// keys that sign.
func (r *Room) manageAPI(m *web.Mux) {
	const path, tag = "/organizations/{org}/card-senders", "card-senders"
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{tag}}
	}
	read := web.Route{Permission: Read, Target: "org"}
	write := web.Route{Permission: Write, Target: "org", Fresh: web.Recent}
	made := op(http.MethodPost, path, "add-card-sender", "Add a program that may send cards")
	made.DefaultStatus = http.StatusCreated
	token := op(http.MethodPost, path+"/{sender}/tokens", "make-card-sender-token", "Make a service token; its value is shown this once")
	token.DefaultStatus = http.StatusCreated
	web.API(m, read, op(http.MethodGet, path, "list-card-senders", "Programs that may send cards"), r.apiSenders)
	web.API(m, write, web.MayWait(made), r.apiAdd)
	web.API(m, read, op(http.MethodGet, path+"/{sender}", "get-card-sender", "One of them"), r.apiSender)
	web.API(m, write, web.MayWait(op(http.MethodPut, path+"/{sender}", "change-card-sender", "Change what a program may do")), r.apiChange)
	web.API(m, write, op(http.MethodDelete, path+"/{sender}", "remove-card-sender", "Remove it with its tokens; its open cards are withdrawn"), r.apiDrop)
	web.API(m, read, op(http.MethodGet, path+"/{sender}/tokens", "list-card-sender-tokens", "Its service tokens, those that are over too"), r.apiTokens)
	web.API(m, write, token, r.apiMakeToken)
	web.API(m, write, op(http.MethodDelete, path+"/{sender}/tokens/{issued}", "revoke-card-sender-token", "Make a service token invalid at once"), r.apiRevoke)
	web.API(m, web.Route{Permission: Keys}, op(http.MethodGet, "/signing-keys", "list-signing-keys", "The keys by which the house signs what it says to others"), r.apiKeys)
	web.API(m, web.Route{Permission: Keys, Fresh: web.Recent}, op(http.MethodPost, "/signing-keys", "follow-signing-key", "Let a new key follow the one that signs"), r.apiFollow)
}

func approvalOf(comment string) *approvalBody {
	if comment == "" {
		return nil
	}
	return &approvalBody{comment}
}

func senderBody(s Sender) CardSenderBody {
	b := CardSenderBody{ID: string(s.ID), Made: s.Made, Changed: s.Changed, Version: s.Revision, CardSenderContent: CardSenderContent{
		Name: s.Name, Title: s.Title, Role: string(s.Role), Callback: s.Callback, Signature: string(s.Signature), Alg: string(s.Alg),
		Audience: audienceBody{Everybody: s.Audience.Everybody, People: texts(s.Audience.People), Groups: texts(s.Audience.Groups)},
		Networks: s.Networks, Urgent: s.Urgent, Rate: s.Rate, Disabled: !s.Enabled,
	}}
	for _, t := range s.Templates {
		b.Templates = append(b.Templates, templateBody{
			t.Name, t.Title, t.Text, t.Fields, approvalOf(t.Comment), t.Actions, t.Priority, t.Single, t.Languages,
		})
	}
	return b
}

func texts[T ~string](all []T) (some []string) {
	for _, one := range all {
		some = append(some, string(one))
	}
	return some
}

func asIDs[T ~string](all []string) (some []T) {
	for _, one := range all {
		some = append(some, T(one))
	}
	return some
}

func (c CardSenderContent) sender(in id.Org) Sender {
	s := Sender{
		Org: in, Name: c.Name, Title: c.Title, Role: Role(c.Role), Callback: c.Callback, Signature: Signature(c.Signature), Alg: jws.Alg(c.Alg),
		Audience: Audience{Everybody: c.Audience.Everybody, People: asIDs[id.Person](c.Audience.People), Groups: asIDs[id.Group](c.Audience.Groups)},
		Networks: c.Networks, Urgent: c.Urgent, Rate: c.Rate, Enabled: !c.Disabled,
	}
	for _, t := range c.Templates {
		content := Content{Title: t.Title, Text: t.Text, Fields: t.Fields, Actions: t.Actions, Priority: t.Priority, Single: t.OneDecision, Languages: t.Languages}
		if t.Approval != nil {
			if content.Comment = t.Approval.Comment; content.Comment == "" {
				content.Comment = "never"
			}
		}
		s.Templates = append(s.Templates, Template{t.Name, content})
	}
	return s
}

func (r *Room) apiSenders(ctx context.Context, in *inOrg) (*sendersOut, error) {
	all, err := r.List(ctx, id.Org(in.Org))
	out := &sendersOut{}
	out.Body.Items = []CardSenderBody{}
	for _, s := range all {
		out.Body.Items = append(out.Body.Items, senderBody(s))
	}
	return out, err
}

func (r *Room) apiSender(ctx context.Context, in *inSender) (*senderOutput, error) {
	s, err := r.Get(ctx, id.Org(in.Org), id.Sender(in.Sender))
	return &senderOutput{senderBody(s)}, err
}

func (r *Room) apiAdd(ctx context.Context, in *newSenderInput) (*senderOutput, error) {
	s, err := r.Put(ctx, web.ActorOf(ctx).Principal, in.Body.sender(id.Org(in.Org)))
	return &senderOutput{senderBody(s)}, err
}

func (r *Room) apiChange(ctx context.Context, in *changeSenderInput) (*senderOutput, error) {
	s := in.Body.sender(id.Org(in.Org))
	s.ID, s.Revision = id.Sender(in.Sender), max(in.Body.Version, 1)
	s, err := r.Put(ctx, web.ActorOf(ctx).Principal, s)
	return &senderOutput{senderBody(s)}, err
}

func (r *Room) apiDrop(ctx context.Context, in *inSender) (*nothing, error) {
	return &nothing{}, r.Drop(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Sender(in.Sender))
}

func tokenBody(t Issued) CardSenderTokenBody {
	b := CardSenderTokenBody{ID: t.ID, Made: t.Made, By: string(t.By), Ends: t.Ends}
	if !t.Used.IsZero() {
		b.Used = &t.Used
	}
	return b
}

func (r *Room) apiTokens(ctx context.Context, in *inSender) (*tokensOutput, error) {
	if _, err := r.Get(ctx, id.Org(in.Org), id.Sender(in.Sender)); err != nil {
		return nil, err
	}
	all, err := r.Tokens(ctx, id.Org(in.Org), id.Sender(in.Sender))
	out := &tokensOutput{}
	out.Body.Items = []CardSenderTokenBody{}
	for _, t := range all {
		out.Body.Items = append(out.Body.Items, tokenBody(t))
	}
	return out, err
}

func (r *Room) apiMakeToken(ctx context.Context, in *newTokenInput) (*newTokenOutput, error) {
	actor := web.ActorOf(ctx)
	lease := Lease{Days: in.Body.Days, Overlap: -1}
	if in.Body.OverlapHours != nil {
		lease.Overlap = time.Duration(min(*in.Body.OverlapHours, 24*DaysMost)) * time.Hour
	}
	t, value, err := r.MakeToken(ctx, actor.Principal, actor.Session, id.Org(in.Org), id.Sender(in.Sender), lease)
	out := &newTokenOutput{}
	out.Body.CardSenderTokenBody, out.Body.Value = tokenBody(t), value.Reveal()
	return out, err
}

func (r *Room) apiRevoke(ctx context.Context, in *inToken) (*nothing, error) {
	return &nothing{}, r.Revoke(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Sender(in.Sender), in.Token)
}
