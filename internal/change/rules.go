package change

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// The sorts of what says who decides and what is asked for at sign-in. Rotas,
// what is said of things and senders are sorts by the kinds of their papers.
const (
	SignInPolicy      = "sign-in-policy"
	SignInPolicyEnd   = "sign-in-policy-end"
	CardPolicy        = "card-policy"
	CardPolicyEnd     = "card-policy-end"
	ApprovalPolicy    = "approval-policy"
	ApprovalPolicyEnd = "approval-policy-end"
	Delegation        = "delegation"
)

// holdRules asks for a change of what says who decides.
func (r *Room) holdRules(ctx context.Context, by id.Principal, in id.Org, wanted any) error {
	switch w := wanted.(type) {
	case demand.SignInPolicy:
		return asked(ctx, r, SignInPolicy, by, in, w)
	case demand.EndedPolicy:
		return asked(ctx, r, SignInPolicyEnd, by, in, w)
	case presence.Policy:
		return asked(ctx, r, CardPolicy, by, in, w)
	case presence.Ended:
		return asked(ctx, r, CardPolicyEnd, by, in, w)
	case request.ApprovalPolicy:
		return asked(ctx, r, ApprovalPolicy, by, in, w)
	case request.EndedPolicy:
		return asked(ctx, r, ApprovalPolicyEnd, by, in, w)
	case request.Delegation:
		return asked(ctx, r, Delegation, by, in, w)
	case paper.Wanted:
		return asked(ctx, r, w.Kind, by, in, w)
	}
	return store.ErrHeld
}

// signInShown is what is shown of a sign-in policy.
type signInShown struct {
	Name           string
	Require        []factor.Method
	Role           []id.Role
	Group          []id.Group
	Idle, Absolute time.Duration
	Passkeys       factor.PasskeyWish
}

func showSignIn(p demand.SignInPolicy) []string {
	return fields(signInShown{p.Name, p.Require, sorted(p.Roles), sorted(p.Groups), p.Idle, p.Absolute, p.Wish})
}

func (r *Room) signInSorts(rules *demand.Rules) {
	thing := func(p demand.SignInPolicy) string { return "sign-in-policy:" + p.ID }
	look := func(v *store.View, in id.Org, p demand.SignInPolicy) (glance, error) {
		now, err := demand.PolicyIn(v, in, p.ID)
		return glance{thing: thing(p), title: now.Name, before: showSignIn(now), base: now.Version}, err
	}
	r.sorts[SignInPolicy] = written[demand.SignInPolicy]{
		room: r, name: SignInPolicy, permission: demand.Manage, lifts: thing,
		look: func(v *store.View, in id.Org, p demand.SignInPolicy) (glance, error) {
			g, err := look(v, in, p)
			g.title, g.after = p.Name, showSignIn(p)
			return g, err
		},
		write: func(tx *store.Tx, by id.Principal, p demand.SignInPolicy) (store.Event, error) {
			return rules.SetPolicy(tx.Org(p.Org), by, p)
		},
	}
	r.sorts[SignInPolicyEnd] = written[demand.EndedPolicy]{
		room: r, name: SignInPolicyEnd, permission: demand.Manage, lifts: func(w demand.EndedPolicy) string { return thing(w.SignInPolicy) },
		look: func(v *store.View, in id.Org, w demand.EndedPolicy) (glance, error) {
			return look(v, in, w.SignInPolicy)
		},
		write: func(tx *store.Tx, by id.Principal, w demand.EndedPolicy) (store.Event, error) {
			return rules.EndPolicy(tx.Org(w.Org), by, w.SignInPolicy)
		},
	}
}

// cardShown is what is shown of a card policy.
type cardShown struct {
	Name string
	Spec presence.Spec
}

func (r *Room) cardSorts(desk *presence.Desk) {
	look := func(v *store.View, in id.Org, which string) (glance, error) {
		now, err := presence.PolicyIn(v, in, which)
		return glance{thing: "card-policy:" + which, title: now.Name, before: fields(cardShown{now.Name, now.Spec}), base: now.Version}, err
	}
	r.sorts[CardPolicy] = written[presence.Policy]{
		room: r, name: CardPolicy, permission: presence.Permission, lifts: func(p presence.Policy) string { return "card-policy:" + p.ID },
		look: func(v *store.View, in id.Org, p presence.Policy) (glance, error) {
			g, err := look(v, in, p.ID)
			g.title, g.after = p.Name, fields(cardShown{p.Name, p.Spec})
			return g, err
		},
		write: func(tx *store.Tx, by id.Principal, p presence.Policy) (store.Event, error) {
			return desk.Set(tx, by, &p)
		},
	}
	r.sorts[CardPolicyEnd] = written[presence.Ended]{
		room: r, name: CardPolicyEnd, permission: presence.Permission, lifts: func(w presence.Ended) string { return "card-policy:" + w.ID },
		look: func(v *store.View, in id.Org, w presence.Ended) (glance, error) { return look(v, in, w.ID) },
		write: func(tx *store.Tx, by id.Principal, w presence.Ended) (store.Event, error) {
			return desk.DropIn(tx, by, w.Org, w.ID)
		},
	}
}

// approvalShown is what is shown of an approval policy.
type approvalShown struct {
	Name  string
	Place int
	Spec  request.Spec
}

func showApproval(p request.ApprovalPolicy) []string {
	if p.Name == "" {
		return nil
	}
	return fields(approvalShown{p.Name, p.Place, p.Spec})
}

func (r *Room) approvalSorts(hall Hall) {
	look := func(v *store.View, in id.Org, which string) (glance, error) {
		now, err := request.PolicyIn(v, in, which)
		g := glance{thing: "approval-policy", title: now.Name, before: showApproval(now), base: now.Version}
		if now.ID != "" {
			g.thing += ":" + which
		}
		return g, err
	}
	r.sorts[ApprovalPolicy] = written[request.ApprovalPolicy]{
		room: r, name: ApprovalPolicy, permission: request.Policy, lifts: func(p request.ApprovalPolicy) string { return "approval-policy:" + p.ID },
		look: func(v *store.View, in id.Org, p request.ApprovalPolicy) (glance, error) {
			g, err := look(v, in, p.ID)
			g.title, g.after = p.Name, showApproval(p)
			return g, err
		},
		write: func(tx *store.Tx, by id.Principal, p request.ApprovalPolicy) (store.Event, error) {
			return hall.SetPolicy(tx, by, &p)
		},
	}
	r.sorts[ApprovalPolicyEnd] = written[request.EndedPolicy]{
		room: r, name: ApprovalPolicyEnd, permission: request.Policy, lifts: func(w request.EndedPolicy) string { return "approval-policy:" + w.ID },
		look: func(v *store.View, in id.Org, w request.EndedPolicy) (glance, error) { return look(v, in, w.ID) },
		write: func(tx *store.Tx, by id.Principal, w request.EndedPolicy) (store.Event, error) {
			return hall.DropPolicy(tx, by, w.Org, w.ID)
		},
	}
	r.sorts[Delegation] = written[request.Delegation]{
		room: r, name: Delegation, permission: request.Policy, lifts: func(d request.Delegation) string { return "delegation:" + d.ID },
		look: lookDelegation,
		write: func(tx *store.Tx, by id.Principal, d request.Delegation) (store.Event, error) {
			return hall.SetDelegation(tx, by, &d)
		},
	}
}

// delegationShown is what is shown of a delegation.
type delegationShown struct {
	From, To     id.Person
	Starts, Ends time.Time
	Kind         []string
	Reason       string
}

func lookDelegation(v *store.View, in id.Org, d request.Delegation) (glance, error) {
	now, err := request.DelegationIn(v, in, d.ID)
	title, bad := named(v, d.From, d.To)
	if err == nil {
		err = bad
	}
	shown := func(d request.Delegation) []string {
		return fields(delegationShown{d.From, d.To, d.Starts, d.Ends, d.Kinds, d.Reason})
	}
	g := glance{thing: "delegation", title: title, before: shown(now), after: shown(d), base: now.Version}
	if now.ID != "" {
		g.thing += ":" + d.ID
	}
	return g, err
}

// paperSorts are papers that move who decides, by their kind.
func (r *Room) paperSorts(kept map[string]paper.Kept) {
	for kind, drawer := range kept {
		r.sorts[kind] = written[paper.Wanted]{
			room: r, name: kind, permission: drawer.Needs(), lifts: func(w paper.Wanted) string { return kind + ":" + w.ID },
			look: func(v *store.View, in id.Org, w paper.Wanted) (glance, error) {
				return lookPaper(v, in, drawer, kind, w)
			},
			write: func(tx *store.Tx, by id.Principal, w paper.Wanted) (store.Event, error) {
				return drawer.Write(tx, by, w)
			},
		}
	}
}

func lookPaper(v *store.View, in id.Org, drawer paper.Kept, kind string, w paper.Wanted) (glance, error) {
	now, err := drawer.Now(v, in, w.ID)
	g := glance{thing: kind, title: w.Name, base: now.Version}
	if now.ID != "" {
		g.thing += ":" + w.ID
		g.before = append([]string{"name: " + now.Name}, fieldsOf(now.Spec)...)
	}
	if w.Gone {
		g.title = now.Name
		return g, err
	}
	g.after = append([]string{"name: " + w.Name}, fieldsOf(w.Spec)...)
	return g, err
}

// named are people by name, from one to the other.
func named(v *store.View, from, to id.Person) (string, error) {
	people, err := org.PeopleByID(v, []id.Person{from, to})
	return people[from].DisplayName + " → " + people[to].DisplayName, err
}
