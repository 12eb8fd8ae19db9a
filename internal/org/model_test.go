package org_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// extra are permissions of rooms above: one that every user has, one of the
// house.
var extra = []org.Permission{{Name: "app.use", Roles: []string{"user", "nobodys"}}, {Name: "house.run", House: true}}

func everyPermission() []org.Permission { return append(org.Permissions(), extra...) }

// The model says the rules once more, as plainly as can be: without versions,
// statements and memory.
type modelOrg struct {
	org.Organization
	members map[id.Person]org.Member
	roles   map[id.Role]org.Role
}

type model struct {
	orgs   map[id.Org]*modelOrg
	people map[id.Person]org.State
}

type perms map[string]bool

// permits are the permissions of roles in an organization, those of the house
// among them.
func (m *model) permits(o *modelOrg, roles []id.Role) perms {
	all, seen := perms{}, map[id.Role]bool{}
	for len(roles) > 0 {
		role := roles[0]
		if roles = roles[1:]; seen[role] {
			continue
		}
		seen[role] = true
		if custom, ok := o.roles[role]; ok {
			for _, p := range custom.Permissions {
				all[p] = true
			}
			roles = append(roles, custom.Includes...)
		}
		for _, p := range everyPermission() {
			switch role {
			case org.Administrator:
				all[p.Name] = all[p.Name] || !p.House
			case org.Operator:
				all[p.Name] = all[p.Name] || p.House
			default:
				all[p.Name] = all[p.Name] || slices.Contains(p.Roles, string(role))
			}
		}
		if role == org.Operator || role == org.Accounts || role == org.Auditor {
			roles = append(roles, org.User)
		}
	}
	maps.DeleteFunc(all, func(_ string, held bool) bool { return !held })
	return all
}

func house(name string) bool {
	return slices.ContainsFunc(everyPermission(), func(p org.Permission) bool { return p.Name == name && p.House })
}

// holds is what a person holds in an organization; latent, as if everybody and
// everything were active.
func (m *model) holds(who id.Person, where id.Org, latent bool) perms {
	all := perms{}
	if state, there := m.people[who]; !there || state == org.Deleted || state != org.Active && !latent {
		return all
	}
	for _, o := range m.orgs {
		member, ok := o.members[who]
		if !ok || (member.State != org.Active || o.State != org.Active) && !latent {
			continue
		}
		permits := m.permits(o, member.Roles)
		for p := range permits {
			if house(p) && o.Type == org.Provider || !house(p) && o.ID == where {
				all[p] = true
			}
		}
		if below := m.orgs[where]; below != nil && below.Parent == o.ID && o.Type == org.Provider && permits[org.Below] {
			for p := range m.permits(below, ids(below.ParentRoles)) {
				if !house(p) {
					all[p] = true
				}
			}
		}
	}
	return all
}

func ids(roles []string) (all []id.Role) {
	for _, role := range roles {
		all = append(all, id.Role(role))
	}
	return all
}

// chiefs are who can act with a built-in role, by person.
func (m *model) chiefs(o *modelOrg, role id.Role) (all []id.Person) {
	for who, member := range o.members {
		if m.people[who] == org.Active && member.State == org.Active && slices.Contains(member.Roles, role) {
			all = append(all, who)
		}
	}
	return all
}

func (m *model) providers() (active, operators int) {
	for _, o := range m.orgs {
		if o.Type == org.Provider && o.State == org.Active {
			active++
			operators += len(m.chiefs(o, org.Operator))
		}
	}
	return active, operators
}

// strengths is what everybody holds everywhere, before an act.
type strengths struct {
	real, latent         places
	chiefs               map[id.Org]int
	providers, operators int
}

func (m *model) strengths() strengths {
	s := strengths{real: places{}, latent: places{}, chiefs: map[id.Org]int{}}
	for who := range m.people {
		s.real[who], s.latent[who] = map[id.Org]perms{}, map[id.Org]perms{}
		for where := range m.orgs {
			s.real[who][where], s.latent[who][where] = m.holds(who, where, false), m.holds(who, where, true)
		}
	}
	for where, o := range m.orgs {
		s.chiefs[where] = len(m.chiefs(o, org.Administrator))
	}
	s.providers, s.operators = m.providers()
	return s
}

// walk is a random life of a small house beside its model.
type walk struct {
	*rapid.T
	r      *org.Register
	s      *store.Store
	m      *model
	orgs   []id.Org
	people []id.Person
}

func (w *walk) anyOrg() id.Org { return w.orgs[rapid.IntRange(0, len(w.orgs)-1).Draw(w.T, "org")] }

func (w *walk) anyPerson() id.Person {
	return w.people[rapid.IntRange(0, len(w.people)-1).Draw(w.T, "person")]
}

// anyRoles draws roles that are there, some that are nowhere too.
func (w *walk) anyRoles(in id.Org) []id.Role {
	known := []id.Role{org.Administrator, org.Accounts, org.Auditor, org.User, org.Operator, "nothing"}
	if o := w.m.orgs[in]; o != nil {
		known = append(known, slices.Sorted(maps.Keys(o.roles))...)
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(known), 0, 3, rapid.ID[id.Role]).Draw(w.T, "roles")
}

func (w *walk) anyPermissions() []string {
	var known []string
	for _, p := range everyPermission() {
		known = append(known, p.Name)
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(known), 0, 3, rapid.ID[string]).Draw(w.T, "permissions")
}

func (w *walk) write(f func(tx *store.Tx) (store.Event, error)) error {
	err := w.s.House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	w.r.Forget()
	return err
}

// setMember and its neighbours do one random thing and tell the model if it was
// accepted.
func (w *walk) setMember(by id.Principal) error {
	m := org.Member{Org: w.anyOrg(), Person: w.anyPerson(), State: org.Active}
	m.Roles = w.anyRoles(m.Org)
	if rapid.IntRange(0, 3).Draw(w.T, "off") == 0 {
		m.State = org.Disabled
	}
	if now, err := w.r.Member(ctx, m.Org, m.Person); err == nil {
		m.Version = now.Version
	}
	err := w.r.PutMember(ctx, by, m)
	if err == nil {
		w.m.orgs[m.Org].members[m.Person] = m
	}
	return err
}

func (w *walk) endMember(by id.Principal) error {
	where, who := w.anyOrg(), w.anyPerson()
	err := w.r.DropMember(ctx, by, where, who)
	if err == nil {
		delete(w.m.orgs[where].members, who)
	}
	return err
}

func (w *walk) setRole(by id.Principal) error {
	where := w.anyOrg()
	role := org.Role{
		Org: where, Name: rapid.StringMatching("[a-c]").Draw(w.T, "name"), Permissions: w.anyPermissions(), Includes: w.anyRoles(where),
	}
	if o := w.m.orgs[where]; o != nil {
		for _, known := range o.roles {
			if known.Name == role.Name {
				now, err := w.r.Role(ctx, where, known.ID)
				if err != nil {
					return err
				}
				role.ID, role.Version = known.ID, now.Version
			}
		}
	}
	saved, err := w.r.PutRole(ctx, by, role)
	if err == nil {
		w.m.orgs[where].roles[saved.ID] = saved
	}
	return err
}

func (w *walk) endRole(by id.Principal) error {
	where := w.anyOrg()
	o := w.m.orgs[where]
	if o == nil || len(o.roles) == 0 {
		return nil
	}
	role := rapid.SampledFrom(slices.Sorted(maps.Keys(o.roles))).Draw(w.T, "role")
	err := w.r.DropRole(ctx, by, where, role)
	if err == nil {
		delete(o.roles, role)
		for who, m := range o.members {
			m.Roles = slices.DeleteFunc(slices.Clone(m.Roles), func(r id.Role) bool { return r == role })
			o.members[who] = m
		}
	}
	return err
}

func (w *walk) setOrg(by id.Principal) error {
	o := org.Organization{Type: org.Customer, Name: "o" + string(id.New[id.Org](housetest.Epoch)[10:])}
	if rapid.Bool().Draw(w.T, "change") {
		now, err := w.r.Organization(ctx, w.anyOrg())
		if err != nil {
			return err
		}
		o = now
	} else if len(w.orgs) > 5 {
		return nil
	}
	switch rapid.IntRange(0, 3).Draw(w.T, "what") {
	case 0:
		o.State = rapid.SampledFrom([]org.State{org.Active, org.Disabled}).Draw(w.T, "state")
	case 1:
		o.ParentRoles = rapid.SampledFrom([][]string{nil, {"accounts-administrator"}, {"auditor", "user"}, {"administrator"}, {"operator"}}).Draw(w.T, "parent roles")
	case 2:
		o.Type = rapid.SampledFrom([]org.Type{org.Provider, org.Customer}).Draw(w.T, "type")
	}
	if o.Version == 0 || rapid.IntRange(0, 3).Draw(w.T, "move") == 0 {
		o.Parent = w.anyOrg()
	}
	if o.Type == org.Provider {
		o.Parent = ""
	}
	saved, err := w.r.PutOrganization(ctx, by, o)
	if err != nil {
		return err
	}
	if known := w.m.orgs[saved.ID]; known != nil {
		known.Organization = saved
		return nil
	}
	w.m.orgs[saved.ID] = &modelOrg{saved, map[id.Person]org.Member{}, map[id.Role]org.Role{}}
	w.orgs = append(w.orgs, saved.ID)
	return nil
}

func (w *walk) endOrg(by id.Principal) error {
	where := w.anyOrg()
	err := w.r.DropOrganization(ctx, by, where)
	if err == nil {
		delete(w.m.orgs, where) // its identifier is still drawn
	}
	return err
}

func (w *walk) putPerson(by id.Principal) error {
	p, err := w.r.Person(ctx, w.anyPerson())
	if err != nil {
		return err
	}
	p.State = rapid.SampledFrom([]org.State{org.Active, org.Disabled, org.Invited}).Draw(w.T, "state")
	p.Email = rapid.SampledFrom([]string{"", "a@kaede.example", p.Email}).Draw(w.T, "email")
	if _, err = w.r.ChangePerson(ctx, by, p); err == nil {
		w.m.people[p.ID] = p.State
	}
	return err
}

func (w *walk) endPerson(by id.Principal) error {
	who := w.anyPerson()
	err := w.r.DeletePerson(ctx, by, who)
	if err == nil {
		w.m.people[who] = org.Deleted
		for _, o := range w.m.orgs {
			delete(o.members, who)
		}
	}
	return err
}

func (w *walk) accept(id.Principal) error {
	who := w.anyPerson()
	err := w.write(func(tx *store.Tx) (store.Event, error) {
		_, err := w.r.Accept(tx, who)
		return store.Event{Name: "person.enabled", By: root, Target: "person:" + string(who)}, err
	})
	if err == nil {
		w.m.people[who] = org.Active
	}
	return err
}

// wipe empties the house for the next walk.
func wipe(t *rapid.T, s *store.Store) {
	err := s.House().Write(ctx, func(tx *store.Tx) store.End {
		for _, statement := range []string{
			"DELETE FROM org", "DELETE FROM person", "DELETE FROM member", "DELETE FROM member_role", "DELETE FROM role", "DELETE FROM person_gram",
			"DELETE FROM people_group", "DELETE FROM group_member", "DELETE FROM group_group",
		} {
			if _, err := tx.Exec(statement); err != nil {
				return store.Abort(err)
			}
		}
		return store.Done(store.Event{Name: "organization.deleted", By: root})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// begin makes a house of two providers, a customer and six people.
func (w *walk) begin() {
	for _, o := range []org.Organization{{Name: "kaede", Type: org.Provider}, {Name: "sakura", Type: org.Provider}, {Name: "momiji", Type: org.Customer, ParentRoles: []string{"accounts-administrator"}}} {
		if o.Type == org.Customer {
			o.Parent = w.orgs[0]
		}
		saved, err := w.r.PutOrganization(ctx, root, o)
		if err != nil {
			w.Fatal(err)
		}
		w.orgs = append(w.orgs, saved.ID)
		w.m.orgs[saved.ID] = &modelOrg{saved, map[id.Person]org.Member{}, map[id.Role]org.Role{}}
	}
	for i, name := range []string{"aoi", "botan", "chika", "daichi", "emi", "fumi"} {
		p := org.Person{ID: id.New[id.Person](housetest.Epoch), Login: name, State: org.Active, Created: housetest.Epoch}
		if i == 5 {
			p.State = org.Invited
		}
		if err := w.write(func(tx *store.Tx) (store.Event, error) { return w.r.AddPerson(tx, root, p) }); err != nil {
			w.Fatal(err)
		}
		w.people = append(w.people, p.ID)
		w.m.people[p.ID] = p.State
	}
	for range 8 {
		if err := w.setMember(root); err != nil && fault.As(err) == nil {
			w.Fatal(err)
		}
	}
}

// act is a way to change something; under a strict one nobody comes to hold,
// even by being enabled, what the actor does not hold.
type act struct {
	name   string
	do     func(*walk, id.Principal) error
	strict bool
}

var acts = []act{
	{"set member", (*walk).setMember, true},
	{"set member too", (*walk).setMember, true},
	{"end member", (*walk).endMember, true},
	{"set role", (*walk).setRole, true},
	{"end role", (*walk).endRole, true},
	{"set organization", (*walk).setOrg, false},
	{"set organization too", (*walk).setOrg, false},
	{"end organization", (*walk).endOrg, true},
	{"put person", (*walk).putPerson, true},
	{"end person", (*walk).endPerson, true},
	{"accept", (*walk).accept, false},
}

// step lets somebody do something and holds what became of it to the laws.
func (w *walk) step() (accepted bool) {
	before := w.m.strengths()
	by := id.OfPerson(w.anyPerson())
	if rapid.IntRange(0, 5).Draw(w.T, "root") == 0 {
		by = root
	}
	names := make([]string, len(acts))
	for i, a := range acts {
		names[i] = a.name
	}
	name := rapid.SampledFrom(names).Draw(w.T, "act")
	a := acts[slices.Index(names, name)]
	if err := a.do(w, by); err != nil {
		if fault.As(err) == nil {
			w.Fatalf("broken: %v", err)
		}
		return false
	}
	after := w.m.strengths()
	w.lastStay(before, after)
	if actor := by.Person(); actor != "" {
		w.nobodyStronger("give", before, before.latent, after.latent, actor)
		if a.strict {
			w.nobodyStronger("wake", before, before.real, after.real, actor)
		}
	}
	return true
}

type places = map[id.Person]map[id.Org]perms

// nobodyStronger wants all that is held now to have been held before, or by
// the actor, who in a new organization counts as in its parent.
func (w *walk) nobodyStronger(what string, s strengths, before, after places, actor id.Person) {
	for who, held := range after {
		for where, now := range held {
			from := where
			if _, known := s.chiefs[where]; !known {
				from = w.m.orgs[where].Parent
			}
			for p := range now {
				if before[who][where][p] || s.real[actor][from][p] || house(p) && (anywhere(before[who], p) || anywhere(s.real[actor], p)) {
					continue
				}
				w.Fatalf("A123 %s could %s %s of %s in %s, and does not hold it", actor, what, p, who, where)
			}
		}
	}
}

func anywhere(held map[id.Org]perms, p string) bool {
	for _, there := range held {
		if there[p] {
			return true
		}
	}
	return false
}

func (w *walk) lastStay(before, after strengths) {
	for where, n := range after.chiefs {
		if before.chiefs[where] > 0 && n == 0 {
			w.Fatalf("%s lost its last administrator", where)
		}
	}
	if before.providers > 0 && after.providers == 0 || before.operators > 0 && after.operators == 0 {
		w.Fatalf("the house lost its last provider or operator: %d %d", after.providers, after.operators)
	}
}

// agree compares what the register says with the model.
func (w *walk) agree() {
	for _, who := range w.people {
		g, err := w.r.Grants(ctx, who)
		if err != nil {
			w.Fatal(err)
		}
		for _, where := range w.orgs {
			want := slices.Sorted(maps.Keys(w.m.holds(who, where, false)))
			if got := g.Of(where); !slices.Equal(got, want) {
				w.Fatalf("%s in %s: %v, the model says %v", who, where, got, want)
			}
			for _, p := range want {
				if !g.Holds(where, p) {
					w.Fatalf("%s in %s: %s is in Of and not in Holds", who, where, p)
				}
			}
		}
	}
}

// Whatever anybody does in any house: nobody holds afterwards what whoever did
// it did not hold there, the last ones stay, and the grants are those of the
// model.
func TestA123RandomHouses(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		steps := 0
		rapid.Check(t, func(t *rapid.T) {
			wipe(t, s)
			r.Forget()
			w := &walk{T: t, r: r, s: s, m: &model{map[id.Org]*modelOrg{}, map[id.Person]org.State{}}}
			w.begin()
			for range 25 {
				if w.step() {
					steps++
					w.agree()
				}
			}
		})
		if steps < 200 {
			t.Errorf("only %d acts were accepted: the walk shows nothing", steps)
		}
	})
}
