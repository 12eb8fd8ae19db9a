// Package demand holds what organizations ask of people who sign in: the rules,
// what they come to for a person, and what changing one would change.
package demand

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Manage is the permission to say how people of the organization sign in.
const Manage = "signin.policy"

// Bounds of sessions where no policy says otherwise.
const (
	DefaultIdle     = 12 * time.Hour
	DefaultAbsolute = 7 * 24 * time.Hour
)

// Rules are the sign-in policies of all organizations.
type Rules struct {
	store    *store.Store
	clock    clock.Clock
	register *org.Register
	factors  *factor.Room
	holder   Holder
}

// New makes the rules.
func New(s *store.Store, c clock.Clock, register *org.Register, factors *factor.Room) *Rules {
	return &Rules{store: s, clock: c, register: register, factors: factors}
}

// Doors registers the pages and operations.
func (r *Rules) Doors(m *web.Mux) {
	r.pages(m)
	r.api(m)
}

// SignInPolicy is what an organization asks of people who act in it. Several
// may apply to a person: then everything that any of them asks for counts, and
// the shorter time.
type SignInPolicy struct {
	Org  id.Org
	ID   string
	Name string // unique in the organization
	// Require are the methods that must have been used. A passkey stands for
	// all others, for it is two factors in one; a recovery code stands for
	// TOTP. Mail is a legacy challenge that adds nothing to the assurance.
	Require []factor.Method
	// Roles and Groups limit it to who has one of them; none is everybody.
	Roles  []id.Role
	Groups []id.Group
	// Idle and Absolute bound sessions; 0 leaves the defaults.
	Idle, Absolute time.Duration
	Wish           factor.PasskeyWish // of new passkeys
	Version        int64
}

// Demand is what all policies that apply to a person ask for together.
type Demand struct {
	Methods        []factor.Method // in the order in which they are asked
	Idle, Absolute time.Duration
	Wish           factor.PasskeyWish
	Policies       []string // names, to say why
}

// Bounds of what a policy may say.
const (
	IdleLeast     = 5 * time.Minute
	AbsoluteMost  = 90 * 24 * time.Hour
	policyModels  = 100
	policyTargets = 100
)

// Missing returns what the proofs lack, in the order in which it is asked.
func (d Demand) Missing(proofs []factor.Proof) (missing []factor.Method) {
	used := func(m ...factor.Method) bool {
		return slices.ContainsFunc(proofs, func(p factor.Proof) bool { return slices.Contains(m, p.Method) })
	}
	if used(factor.ByPasskey) {
		return nil
	}
	for _, m := range d.Methods {
		if !used(m) && !(m == factor.ByTOTP && used(factor.ByRecovery)) {
			missing = append(missing, m)
		}
	}
	return missing
}

// DemandOn reads what an organization asks of a person; without an organization
// nothing beyond the defaults.
func (r *Rules) DemandOn(ctx context.Context, which id.Org, who id.Person) (Demand, error) {
	d := Demand{Idle: DefaultIdle, Absolute: DefaultAbsolute}
	if which == "" {
		return d, nil
	}
	all, err := r.Policies(ctx, which)
	if err != nil || len(all) == 0 {
		return d, err
	}
	roles, groups, err := r.placesOf(ctx, which, who, all)
	if err != nil {
		return d, err
	}
	for _, p := range all {
		if p.applies(roles, groups) {
			d.add(p)
		}
	}
	slices.SortFunc(d.Methods, func(a, b factor.Method) int {
		return slices.Index(factor.Requirable, a) - slices.Index(factor.Requirable, b)
	})
	return d, nil
}

// placesOf reads the roles and groups of a person, the latter only if a policy
// asks.
func (r *Rules) placesOf(ctx context.Context, which id.Org, who id.Person, all []SignInPolicy) ([]id.Role, []id.Group, error) {
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return nil, nil, err
	}
	roles := grants.Roles(which)
	if !slices.ContainsFunc(all, func(p SignInPolicy) bool { return len(p.Groups) > 0 }) {
		return roles, nil, nil
	}
	groups, err := r.register.GroupIDsOf(ctx, which, who)
	return roles, groups, err
}

func (p SignInPolicy) applies(roles []id.Role, groups []id.Group) bool {
	if len(p.Roles) == 0 && len(p.Groups) == 0 {
		return true
	}
	return slices.ContainsFunc(p.Roles, func(one id.Role) bool { return slices.Contains(roles, one) }) ||
		slices.ContainsFunc(p.Groups, func(one id.Group) bool { return slices.Contains(groups, one) })
}

func (d *Demand) add(p SignInPolicy) {
	for _, m := range p.Require {
		if !slices.Contains(d.Methods, m) {
			d.Methods = append(d.Methods, m)
		}
	}
	if p.Idle > 0 {
		d.Idle = min(d.Idle, p.Idle)
	}
	if p.Absolute > 0 {
		d.Absolute = min(d.Absolute, p.Absolute)
	}
	d.Wish.Attestation = d.Wish.Attestation || p.Wish.Attestation
	d.Wish.Deny = append(d.Wish.Deny, p.Wish.Deny...)
	switch {
	case len(p.Wish.Allow) > 0 && len(d.Wish.Allow) > 0: // both must allow it
		d.Wish.Allow = slices.DeleteFunc(d.Wish.Allow, func(m string) bool { return !slices.Contains(p.Wish.Allow, m) })
		if len(d.Wish.Allow) == 0 {
			d.Wish.Allow = []string{"-"} // none that exists
		}
	case len(p.Wish.Allow) > 0:
		d.Wish.Allow = slices.Clone(p.Wish.Allow)
	}
	d.Policies = append(d.Policies, p.Name)
}

// settle brings a policy into its form and returns all that is wrong.
func (p *SignInPolicy) settle() *fault.Fault {
	var bad fault.Checks
	if !org.NameForm.MatchString(p.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	for _, m := range p.Require {
		if !slices.Contains(factor.Requirable, m) {
			bad.Add("require", "method-unknown", "method", string(m), "known", "passkey, password, totp, mail")
		}
	}
	if slices.Equal(p.Require, []factor.Method{factor.ByMail}) {
		bad.Add("require", "method-mail-alone")
	}
	if p.Idle != 0 && p.Idle < IdleLeast || p.Idle > AbsoluteMost {
		bad.Add("session.idle", "duration-out-of-bounds", "least", IdleLeast.String(), "most", AbsoluteMost.String())
	}
	if p.Absolute != 0 && p.Absolute < IdleLeast || p.Absolute > AbsoluteMost {
		bad.Add("session.absolute", "duration-out-of-bounds", "least", IdleLeast.String(), "most", AbsoluteMost.String())
	}
	for _, list := range []*[]string{&p.Wish.Allow, &p.Wish.Deny} {
		for i, model := range *list {
			if (*list)[i] = strings.ToLower(model); !modelForm.MatchString((*list)[i]) {
				bad.Add("passkeys", "model-malformed", "model", model)
			}
		}
	}
	if len(p.Wish.Allow)+len(p.Wish.Deny) > policyModels || len(p.Roles)+len(p.Groups) > policyTargets {
		bad.Add("applies_to", "list-too-long", "limit", policyModels)
	}
	return bad.Fault("policy-invalid")
}

func (p SignInPolicy) event(name string, by id.Principal) store.Event {
	methods := make([]string, len(p.Require))
	for i, m := range p.Require {
		methods[i] = string(m)
	}
	return store.Event{Name: name, Org: p.Org, By: by, Target: "sign-in-policy:" + p.ID, Fields: map[string]string{
		"name": p.Name, "require": strings.Join(methods, " "), "idle": p.Idle.String(), "absolute": p.Absolute.String(),
	}}
}

// Policies lists the policies of an organization by name.
func (r *Rules) Policies(ctx context.Context, which id.Org) (all []SignInPolicy, err error) {
	err = r.store.Org(which).Read(ctx, func(v *store.View) (err error) {
		all, err = policiesOf(v)
		return err
	})
	return all, err
}

// Policy returns one policy.
func (r *Rules) Policy(ctx context.Context, which id.Org, policy string) (SignInPolicy, error) {
	all, err := r.Policies(ctx, which)
	if err != nil {
		return SignInPolicy{}, err
	}
	i := slices.IndexFunc(all, func(p SignInPolicy) bool { return p.ID == policy })
	if i < 0 {
		return SignInPolicy{}, fault.New(fault.NotFound, "policy-unknown")
	}
	return all[i], nil
}

// PutPolicy makes a policy (p.Version 0; p.ID is made if empty) or changes one.
// Sessions that stand keep their bounds until the person enters the
// organization again.
func (r *Rules) PutPolicy(ctx context.Context, by id.Principal, p SignInPolicy) (SignInPolicy, error) {
	if p.ID == "" {
		p.ID = id.New[string](r.clock.Now())
	}
	err := r.store.Org(p.Org).Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.SetPolicy(tx, by, p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		return p, r.orHold(ctx, err, by, p.Org, p)
	}
	return r.Policy(ctx, p.Org, p.ID)
}

// SetPolicy is PutPolicy in the caller's write. Who acts holds Policy in that
// organization, on every door: who applies manifests of the whole house need
// not be its administrator.
func (r *Rules) SetPolicy(tx *store.Tx, by id.Principal, p SignInPolicy) (store.Event, error) {
	if err := r.register.Need(&tx.View, by, p.Org, Manage); err != nil {
		return store.Event{}, err
	}
	if f := p.settle(); f != nil {
		return store.Event{}, f
	}
	if err := p.checkTargets(&tx.View); err != nil {
		return store.Event{}, err
	}
	if p.Version == 0 { // policies add up: one more asks for more
		return p.event("sign-in-policy.added", by), insertPolicy(tx, p)
	}
	if r.holder != nil && tx.Held(by, "sign-in-policy:"+p.ID) {
		return store.Event{}, store.ErrHeld
	}
	return p.event("sign-in-policy.changed", by), updatePolicy(tx, p)
}

// DropPolicy deletes a policy.
func (r *Rules) DropPolicy(ctx context.Context, by id.Principal, which id.Org, policy string) error {
	p, err := r.Policy(ctx, which, policy)
	if err != nil {
		return err
	}
	err = r.store.Org(which).Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.EndPolicy(tx, by, p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	return r.orHold(ctx, err, by, which, EndedPolicy{p})
}

// EndPolicy is DropPolicy in the caller's write.
func (r *Rules) EndPolicy(tx *store.Tx, by id.Principal, p SignInPolicy) (store.Event, error) {
	if err := r.register.Need(&tx.View, by, p.Org, Manage); err != nil {
		return store.Event{}, err
	}
	if r.holder != nil && tx.Held(by, "sign-in-policy:"+p.ID) {
		return store.Event{}, store.ErrHeld
	}
	return p.event("sign-in-policy.deleted", by), deletePolicy(tx.Org(p.Org), p.ID)
}

// checkTargets refuses roles and groups that the organization does not have: a
// policy for nobody would look like protection.
func (p SignInPolicy) checkTargets(v *store.View) error {
	roles, groups, err := namesIn(v, p.Org)
	if err != nil {
		return err
	}
	var bad fault.Checks
	for _, role := range p.Roles {
		if _, ok := roles[role]; !ok {
			bad.Add("applies_to", "role-unknown", "role", string(role))
		}
	}
	for _, group := range p.Groups {
		if _, ok := groups[group]; !ok {
			bad.Add("applies_to", "group-unknown")
		}
	}
	if f := bad.Fault("policy-invalid"); f != nil {
		return f
	}
	return nil
}

// modelForm is an AAGUID as text.
var modelForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// WishOf implements factor.Guard.
func (r *Rules) WishOf(ctx context.Context, who id.Person) (factor.PasskeyWish, error) {
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return factor.PasskeyWish{}, err
	}
	var all Demand
	for _, o := range slices.Concat(grants.Orgs, grants.Below()) {
		d, err := r.DemandOn(ctx, o.ID, who)
		if err != nil {
			return factor.PasskeyWish{}, err
		}
		all.add(SignInPolicy{Wish: d.Wish})
	}
	return all.Wish, nil
}

// Strictest is what all policies of an organization ask for together: before
// somebody has roles there, nobody knows which of them will apply.
func (r *Rules) Strictest(ctx context.Context, in id.Org) (Demand, error) {
	d := Demand{Idle: DefaultIdle, Absolute: DefaultAbsolute}
	all, err := r.Policies(ctx, in)
	for _, p := range all {
		d.add(p)
	}
	return d, err
}
