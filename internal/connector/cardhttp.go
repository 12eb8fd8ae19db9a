package connector

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/wire/cardhttp"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// The card protocol that is known from Workspace ONE Mobile Flows, on the side of
// the server: an adapter renders cards of a system that no definition can
// describe, and executes their actions. Every address that it gives must be its
// own (C21).

// Signet are the keys by which the house says who calls (← signet).
type Signet interface {
	// Signers returns the key that signs by an algorithm now, and the one before
	// while it is published; nil for none.
	Signers(ctx context.Context, alg jws.Alg) (signing, before *jws.Private, err error)
}

// SignerOf signs by a key, nil by none.
func SignerOf(key *jws.Private) Signer {
	if key == nil {
		return nil
	}
	return signer{key}
}

type signer struct{ key *jws.Private }

// Sign implements Signer.
func (s signer) Sign(claims map[string]any) (string, error) { return s.key.Sign("JWT", claims) }

// signed gives a call to an adapter its keys and the person's address.
func (x *Session) signed(ctx context.Context, who id.Person) error {
	if x.Definition.Kind != KindCard || x.desk.signet == nil {
		return nil
	}
	alg, _ := x.System.Settings["signature"].(string)
	now, before, err := x.desk.signet.Signers(ctx, jws.Alg(cmp.Or(alg, string(jws.ES256))))
	if err != nil {
		return err
	}
	x.signer, x.before, x.email = SignerOf(now), SignerOf(before), x.desk.emailOf(ctx, who)
	return nil
}

// adapter is an open line to one.
type adapter struct {
	*definition.Line
	e    *Engine
	c    Call
	base string
}

func (e *Engine) adapter(c Call, op string) (*adapter, error) {
	c.Op = op
	line, p := e.Open(c)
	if p != nil {
		return nil, p
	}
	if c.Signer == nil {
		return nil, &Problem{Kind: Failed, Message: "no key signs for the adapter"}
	}
	base, _ := line.Settings()["base_url"].(string)
	return &adapter{line, e, c, base}, nil
}

// send makes a request that says who we are and whom it is for; aud is the exact
// address, so that the token serves nowhere else.
func (a *adapter) send(ctx context.Context, step, method, to string, body []byte, header http.Header) (*egress.Answer, error) {
	at, p := a.Link(a.absolute(to))
	if p != nil {
		p.Step = step
		return nil, p
	}
	got, err := a.sendBy(ctx, a.c.Signer, step, method, at, body, header)
	if err == nil && unknownKey(got) && a.c.Before != nil { // refused before anything was done: it keeps the key from before
		got, err = a.sendBy(ctx, a.c.Before, step, method, at, body, header)
	}
	if err != nil {
		return nil, err
	}
	if p := a.judge(step, got); p != nil {
		return nil, p
	}
	return got, nil
}

// unknownKey reports whether the adapter does not accept who we say we are.
func unknownKey(got *egress.Answer) bool {
	return (got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden) && got.Header.Get("X-Backend-Status") == ""
}

func (a *adapter) sendBy(ctx context.Context, by Signer, step, method string, at egress.URL, body []byte, header http.Header) (*egress.Answer, error) {
	now := a.e.Clock().Now()
	token, err := by.Sign(map[string]any{"aud": []string{at.String()}, "eml": a.c.Email, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
	if err != nil {
		return nil, &Problem{Kind: Failed, Message: "the token for the adapter could not be signed", Err: err}
	}
	backend, _ := a.Settings()["backend_url"].(string)
	for name, value := range map[string]string{
		"Authorization": "Bearer " + token, "X-Connector-Base-Url": backend, "X-Routing-Prefix": a.base + "/", "Accept-Language": cmp.Or(a.c.Language, "en"), "Accept": "application/json",
	} {
		header.Set(name, value)
	}
	got, p := a.Send(ctx, step, egress.Request{Method: method, URL: at, Header: header, Body: body}, true)
	if p != nil {
		return nil, p
	}
	return got, nil
}

// absolute is an address of the adapter; a path stands below its own.
func (a *adapter) absolute(to string) string {
	if strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
		base, err := url.Parse(a.base)
		if err != nil {
			return to
		}
		return base.Scheme + "://" + base.Host + to
	}
	return to
}

// judge reads the adapter's way of saying what the system behind it said.
func (a *adapter) judge(step string, got *egress.Answer) *Problem {
	behind, _ := strconv.Atoi(got.Header.Get("X-Backend-Status"))
	switch {
	case got.Status < 300:
		return a.Fail(step, got, 0, "")
	case behind >= 400:
		return a.Fail(step, got, behind, "the system behind the adapter answered HTTP "+strconv.Itoa(behind))
	case got.Status == http.StatusUnauthorized, got.Status == http.StatusForbidden: // it is our signature that it refuses, not the person
		return a.Fail(step, got, http.StatusTeapot, "the adapter does not accept our signature")
	}
	return a.Fail(step, got, got.Status, "HTTP "+strconv.Itoa(got.Status)+" "+cardhttp.Mistakes(got.Body))
}

// discover reads the adapter's description; nobody has to prove anything for it.
func (a *adapter) discover(ctx context.Context) (*cardhttp.Discovery, error) {
	if said := a.e.known.Get(a.base, a.e.Clock().Mono()); said != nil {
		return said, nil
	}
	at, p := a.Link(a.base + "/")
	if p != nil {
		return nil, p
	}
	got, p := a.Send(ctx, "discovery", egress.Request{Method: http.MethodGet, URL: at, Header: http.Header{"Accept": {"application/json"}}}, false)
	if p != nil {
		return nil, p
	}
	if p := a.judge("discovery", got); p != nil {
		return nil, p
	}
	var d cardhttp.Discovery
	if err := json.Unmarshal(got.Body, &d); err != nil || d.Types["card"].Endpoint.Href == "" {
		return nil, &Problem{Kind: Invalid, Message: "the adapter describes no cards", Step: "discovery", Err: err}
	}
	a.e.known.Put(a.base, &d, a.e.Clock().Mono())
	return &d, nil
}

// cardWhoami asks whether the person's token works.
func (e *Engine) cardWhoami(ctx context.Context, c Call) (Party, error) {
	a, err := e.adapter(c, OpWhoami)
	if err != nil {
		return Party{}, err
	}
	a.e.known.Drop(a.base)
	d, err := a.discover(ctx)
	if err == nil && d.TestAuth.Href != "" {
		_, err = a.send(ctx, "test_auth", http.MethodGet, d.TestAuth.Href, nil, http.Header{})
	}
	if err != nil {
		return Party{}, err
	}
	return Party{NativeID: c.Email, Email: c.Email}, nil
}

// poll asks for the person's cards.
func (a *adapter) poll(ctx context.Context) ([]cardhttp.Card, error) {
	d, err := a.discover(ctx)
	if err != nil {
		return nil, err
	}
	tokens := map[string][]string{}
	for name, field := range d.Types["card"].Fields {
		if strings.Contains(strings.ToLower(field.Env), "email") {
			tokens[name] = []string{a.c.Email}
		}
	}
	body, err := json.Marshal(map[string]any{"tokens": tokens, "config": a.Settings()["config"]})
	if err != nil {
		return nil, &Problem{Kind: Failed, Message: "the settings of the adapter have no JSON form", Err: err}
	}
	got, err := a.send(ctx, "cards", http.MethodPost, d.Types["card"].Endpoint.Href, body, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		a.e.known.Drop(a.base)
		return nil, err
	}
	var answer cardhttp.Answer
	if err := json.Unmarshal(got.Body, &answer); err != nil {
		a.e.known.Drop(a.base)
		return nil, &Problem{Kind: Invalid, Message: "the adapter's cards have another form", Step: "cards", Err: err}
	}
	return slices.DeleteFunc(answer.Objects, func(h cardhttp.Card) bool { return h.Key() == "" || !a.own(h) }), nil
}

// own reports whether all that can be pressed lies at the adapter: a card that
// leads elsewhere is not shown (C21).
func (a *adapter) own(h cardhttp.Card) bool {
	return !slices.ContainsFunc(h.Actions, func(action cardhttp.Action) bool {
		_, p := a.Link(a.absolute(action.URL.Href))
		return action.Key != "OPEN_IN" && action.Key != "DISMISS" && p != nil
	})
}

func (e *Engine) cards(ctx context.Context, c Call) ([]Approval, error) {
	a, err := e.adapter(c, OpApprovals)
	if err != nil {
		return nil, err
	}
	all, err := a.poll(ctx)
	if err != nil {
		return nil, err
	}
	s := &shape{zone: time.UTC}
	out := make([]Approval, 0, len(all))
	for _, h := range all {
		out = append(out, a.approval(s, h))
	}
	if s.bad != nil {
		return nil, s.bad
	}
	return out, nil
}

func (e *Engine) card(ctx context.Context, c Call, id string) (Approval, error) {
	all, err := e.cards(ctx, c)
	if err != nil {
		return Approval{}, err
	}
	if i := slices.IndexFunc(all, func(a Approval) bool { return a.ID == id }); i >= 0 {
		return all[i], nil
	}
	return Approval{}, &Problem{Kind: NotFound, Message: "the adapter has no such card"}
}

// approval makes our model of a card.
func (a *adapter) approval(s *shape, h cardhttp.Card) Approval {
	out := Approval{
		ID: s.id(map[string]any{"id": h.Key()}, "id", true), ETag: h.Hash, Title: visible(cmp.Or(h.Header.Title, h.Name)), State: Pending,
		DueAt: s.time(map[string]any{"due_date": h.DueDate}, "due_date"), URL: a.shown(h.Header.Links.Title),
	}
	for _, line := range append(slices.Clone(h.Header.Subtitle), h.Body.Description) {
		if line != "" {
			out.Lines = append(out.Lines, visible(line))
		}
	}
	for _, f := range h.Body.Fields {
		value := cmp.Or(f.Description, f.Subtitle)
		for _, c := range f.Content {
			value = strings.TrimSpace(value + "\n" + c.Text)
		}
		if value != "" && len(out.Fields) < mostLines {
			out.Fields = append(out.Fields, Field{visible(f.Title), visible(value)})
		}
	}
	for _, action := range h.Actions {
		out.Actions = append(out.Actions, a.action(action))
		kind := out.Actions[len(out.Actions)-1].Kind
		out.CanDecide = out.CanDecide || kind == Direct || kind == Ask // it has nothing else that is decided
	}
	return out
}

var actionKinds = map[string]ActionKind{"DIRECT": Direct, "USER_INPUT": Ask, "OPEN_IN": Visit, "DISMISS": Dismiss}

func (a *adapter) action(h cardhttp.Action) Action {
	out := Action{
		ID: h.ID, Label: visible(h.Label), Completed: visible(h.Completed), Kind: cmp.Or(actionKinds[h.Key], Direct),
		Primary: h.Primary, Repeats: h.Repeated, Removes: h.Removes, Set: h.Set,
	}
	if out.Kind == Visit {
		out.URL = a.shown(h.URL.Href)
	}
	for _, in := range h.Input {
		field := Input{ID: in.ID, Label: visible(in.Label), Format: cmp.Or(in.Format, "text"), Min: in.Min, Max: in.Max}
		for value, label := range in.Options {
			field.Options = append(field.Options, Option{Value: value, Label: visible(label)})
		}
		slices.SortFunc(field.Options, func(x, y Option) int { return strings.Compare(x.Value, y.Value) })
		out.Inputs = append(out.Inputs, field)
	}
	return out
}

// shown is an address that a person may be sent to: at the adapter or at the
// system behind it, else none.
func (a *adapter) shown(text string) string {
	if _, p := a.Link(text); p == nil {
		return text
	}
	backend, _ := a.Settings()["backend_url"].(string)
	if backend != "" && strings.HasPrefix(text, backend+"/") {
		return text
	}
	return ""
}

func (e *Engine) cardDecide(context.Context, Call, Verdict) (Approval, error) {
	return Approval{}, &Problem{Kind: Invalid, Message: "a card of an adapter has actions of its own"}
}

// cardAct presses an action and polls: the card must have changed or gone. The
// adapter gets the same key for the same action of the same card, so that a
// repetition after a crash does nothing.
func (e *Engine) cardAct(ctx context.Context, c Call, id, action string, input map[string]string) (Approval, error) {
	a, err := e.adapter(c, OpApproval)
	if err != nil {
		return Approval{}, err
	}
	all, err := a.poll(ctx)
	if err != nil {
		return Approval{}, err
	}
	i := slices.IndexFunc(all, func(h cardhttp.Card) bool { return h.Key() == id })
	if i < 0 {
		return Approval{}, &Problem{Kind: NotFound, Message: "the adapter has no such card"}
	}
	k := slices.IndexFunc(all[i].Actions, func(h cardhttp.Action) bool { return h.ID == action })
	if k < 0 {
		return Approval{}, &Problem{Kind: Conflict, Message: "the card has no such action any more"}
	}
	before, press := all[i], all[i].Actions[k]
	form, p := formOf(press, input)
	if p != nil {
		return Approval{}, p
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Idempotency-Key": {id + ":" + action}}
	if _, err := a.send(ctx, "action", cmp.Or(press.Type, http.MethodPost), press.URL.Href, []byte(form.Encode()), header); err != nil {
		return Approval{}, err
	}
	return a.after(ctx, before, press)
}

// after reads back what became of the card.
func (a *adapter) after(ctx context.Context, before cardhttp.Card, press cardhttp.Action) (Approval, error) {
	all, err := a.poll(ctx)
	if err != nil {
		return Approval{}, err
	}
	s := &shape{zone: time.UTC}
	i := slices.IndexFunc(all, func(h cardhttp.Card) bool { return h.Key() == before.Key() })
	if i < 0 {
		gone := a.approval(s, before)
		gone.State, gone.Actions = Closed, nil
		return gone, nil
	}
	if all[i].Hash == before.Hash && !press.Repeated {
		return Approval{}, &Problem{Kind: NotApplied, Message: "the adapter answered success and the card is as before", Step: "action", Sent: true}
	}
	return a.approval(s, all[i]), nil
}

// formOf is what an action sends: its own parameters, and the input that it asks
// for within its limits.
func formOf(h cardhttp.Action, input map[string]string) (url.Values, *Problem) {
	if h.Key != "DIRECT" && h.Key != "USER_INPUT" {
		return nil, &Problem{Kind: Invalid, Message: "this action is not sent"}
	}
	form := url.Values{}
	for name, value := range h.Request {
		form.Set(name, definition.Text(value))
	}
	for _, in := range h.Input {
		value := input[in.ID]
		n := len([]rune(value))
		_, offered := in.Options[value]
		if n < in.Min || in.Max > 0 && n > in.Max || n > longestText || len(in.Options) > 0 && !offered {
			return nil, &Problem{Kind: Invalid, Message: in.ID + ": the value does not fit"}
		}
		form.Set(in.ID, value)
	}
	return form, nil
}
