package org_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// company is a provider with a customer that lets it in as account
// administrator, and people by login.
type company struct {
	*testing.T
	r                      *org.Register
	s                      *store.Store
	kaede, momiji, hinoki  org.Organization
	chika, aoi, botan, emi org.Person // administrator and operator, account administrator, administrator of momiji, user of both
}

func newCompany(t *testing.T, r *org.Register, s *store.Store) *company {
	c := &company{T: t, r: r, s: s}
	c.kaede = c.organization(org.Organization{Name: "kaede", Type: org.Provider})
	c.momiji = c.organization(org.Organization{Name: "momiji", Type: org.Customer, Parent: c.kaede.ID, ParentRoles: []string{"accounts-administrator"}})
	c.hinoki = c.organization(org.Organization{Name: "hinoki", Type: org.Provider})
	c.chika, c.aoi, c.botan, c.emi = add(t, s, r, "chika"), add(t, s, r, "aoi"), add(t, s, r, "botan"), add(t, s, r, "emi")
	c.member(c.kaede, c.chika, org.Administrator, org.Operator)
	c.member(c.kaede, c.aoi, org.Accounts)
	c.member(c.momiji, c.botan, org.Administrator)
	c.member(c.kaede, c.emi, org.User)
	c.member(c.momiji, c.emi, org.User)
	return c
}

func (c *company) organization(o org.Organization) org.Organization {
	c.Helper()
	saved, err := c.r.PutOrganization(ctx, root, o)
	if err != nil {
		c.Fatal(err)
	}
	return saved
}

func (c *company) member(o org.Organization, p org.Person, roles ...id.Role) {
	c.Helper()
	if err := c.r.PutMember(ctx, root, c.seat(o, p, roles...)); err != nil {
		c.Fatal(err)
	}
}

// seat is a membership as it would be put.
func (c *company) seat(o org.Organization, p org.Person, roles ...id.Role) org.Member {
	m := org.Member{Org: o.ID, Person: p.ID, Roles: roles}
	if now, err := c.r.Member(ctx, o.ID, p.ID); err == nil {
		m.Version, m.Manager, m.State = now.Version, now.Manager, now.State
	}
	return m
}

// off is a membership as it would be disabled.
func (c *company) off(o org.Organization, p org.Person) org.Member {
	m, err := c.r.Member(ctx, o.ID, p.ID)
	if err != nil {
		c.Fatal(err)
	}
	m.State = org.Disabled
	return m
}

func (c *company) person(p org.Person) org.Person {
	c.Helper()
	now, err := c.r.Person(ctx, p.ID)
	if err != nil {
		c.Fatal(err)
	}
	return now
}

// put changes a person as they are now.
func (c *company) put(by id.Principal, p org.Person, change func(*org.Person)) error {
	now := c.person(p)
	change(&now)
	_, err := c.r.ChangePerson(ctx, by, now)
	return err
}

func (c *company) org(by id.Principal, o org.Organization, change func(*org.Organization)) error {
	now, err := c.r.Organization(ctx, o.ID)
	if err != nil {
		return err
	}
	change(&now)
	_, err = c.r.PutOrganization(ctx, by, now)
	return err
}

func (c *company) in(f func(tx *store.Tx) error) error {
	err := c.s.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := f(tx); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "person.changed", By: root, Target: "person:" + string(c.emi.ID)})
	})
	c.r.Forget()
	return err
}

func by(p org.Person) id.Principal { return id.OfPerson(p.ID) }

// What nobody may do, by whoever tries.
func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		nobody := org.Person{ID: id.New[id.Person](housetest.Epoch)}
		weak, err := r.PutRole(ctx, root, org.Role{Org: c.kaede.ID, Name: "clerk", Permissions: []string{org.Write, org.RoleWrite, org.PeopleWrite}})
		if err != nil {
			t.Fatal(err)
		}
		daichi, fumi := add(t, s, r, "daichi"), add(t, s, r, "fumi")
		c.member(c.kaede, daichi, weak.ID)
		c.member(c.hinoki, fumi, org.User)
		local, err := r.PutRole(ctx, root, org.Role{Org: c.momiji.ID, Name: "clerk", Permissions: []string{org.Write}})
		if err != nil {
			t.Fatal(err)
		}
		gaku := add(t, s, r, "gaku")
		c.member(c.momiji, gaku, local.ID)
		role := func(by org.Person, in org.Organization, role org.Role) error {
			role.Org, role.Name = in.ID, "new"
			_, err := r.PutRole(ctx, id.OfPerson(by.ID), role)
			return err
		}
		put := func(by org.Person, m org.Member) error { return r.PutMember(ctx, id.OfPerson(by.ID), m) }
		for _, try := range []struct {
			name, want string
			err        error
		}{
			{"A123 a stronger role", "stronger-than-you", put(c.aoi, c.seat(c.kaede, c.emi, org.Administrator))},
			{"A123 their own role", "stronger-than-you", put(c.aoi, c.seat(c.kaede, c.aoi, org.Administrator))},
			{"A123 the role of a stronger one", "stronger-than-you", put(c.aoi, c.seat(c.kaede, c.chika, org.User))},
			{"A123 end a stronger one", "stronger-than-you", r.DropMember(ctx, by(c.aoi), c.kaede.ID, c.chika.ID)},
			{"A123 disable a stronger one", "stronger-than-you", put(c.aoi, c.off(c.kaede, c.chika))},
			{"A123 a role with more", "stronger-than-you", role(daichi, c.kaede, org.Role{Permissions: []string{org.PeopleErase}})},
			{"A123 a role that includes more", "stronger-than-you", role(daichi, c.kaede, org.Role{Includes: []id.Role{org.Administrator}})},
			{"A123 a role of the house", "stronger-than-you", role(daichi, c.kaede, org.Role{Permissions: []string{"house.run"}})},
			{"A123 the house in a customer", "role-invalid", role(c.botan, c.momiji, org.Role{Permissions: []string{"house.run"}})},
			{"A123 operator in a customer", "member-invalid", put(c.botan, c.seat(c.momiji, c.emi, org.Operator))},
			{"A123 let the parent in", "stronger-than-you", c.org(by(gaku), c.momiji, func(o *org.Organization) { o.ParentRoles = []string{"administrator"} })},
			{"A123 become a provider", "stronger-than-you", c.org(by(c.botan), c.momiji, func(o *org.Organization) { o.Type, o.Parent = org.Provider, "" })},
			{"A123 leave the parent", "organization-unknown", c.org(by(c.botan), c.momiji, func(o *org.Organization) { o.Parent = c.hinoki.ID })},
			{"A123 close one's own", "not-permitted", c.org(by(c.botan), c.momiji, func(o *org.Organization) { o.State = org.Disabled })},
			{"A123 delete one's own", "not-permitted", r.DropOrganization(ctx, by(c.botan), c.momiji.ID)},
			{"A123 a provider by who is none of the house", "stronger-than-you", func() error {
				_, err := r.PutOrganization(ctx, by(c.botan), org.Organization{Name: "sugi", Type: org.Provider})
				return err
			}()},
			{"A123 a customer whose parent gets more", "stronger-than-you", func() error {
				_, err := r.PutOrganization(ctx, by(daichi), org.Organization{Name: "sugi", Type: org.Customer, Parent: c.kaede.ID, ParentRoles: []string{"administrator"}})
				return err
			}()},
			{"A123 the address of a stronger one", "stronger-than-you", c.put(by(c.aoi), c.chika, func(p *org.Person) { p.Email = "aoi@kaede.example" })},
			{"A123 the login of a stronger one", "stronger-than-you", c.put(by(c.aoi), c.chika, func(p *org.Person) { p.Login = "aoi2" })},
			{"A123 the state of a stronger one", "stronger-than-you", c.put(by(c.aoi), c.chika, func(p *org.Person) { p.State = org.Disabled })},
			{"A123 the address of who belongs elsewhere too", "person-elsewhere-too", c.put(by(c.botan), c.emi, func(p *org.Person) { p.Email = "botan@momiji.example" })},
			{"A123 delete who belongs elsewhere too", "person-elsewhere-too", r.DeletePerson(ctx, by(c.botan), c.emi.ID)},
			{"one's own address", "not-permitted", c.put(by(c.emi), c.emi, func(p *org.Person) { p.Email = "emi@kaede.example" })},
			{"one's own state", "not-permitted", c.put(by(c.emi), c.emi, func(p *org.Person) { p.State = org.Disabled })},
			{"invited again", "person-invalid", c.put(root, c.emi, func(p *org.Person) { p.State = org.Invited })},
			{"R4 take in a stranger", "person-unknown", put(c.botan, org.Member{Org: c.momiji.ID, Person: fumi.ID, Roles: []id.Role{org.User}})},
			{"R4 take in nobody", "person-unknown", put(c.botan, org.Member{Org: c.momiji.ID, Person: nobody.ID, Roles: []id.Role{org.User}})},
			{"R4 a stranger", "person-unknown", c.put(by(c.botan), fumi, func(p *org.Person) { p.Login = "\x00 malformed" })},
			{"R4 nobody", "person-unknown", func() error { _, err := r.ChangePerson(ctx, by(c.botan), nobody); return err }()},
			{"R4 delete a stranger", "person-unknown", r.DeletePerson(ctx, by(c.botan), fumi.ID)},
			{"R4 delete nobody", "person-unknown", r.DeletePerson(ctx, by(c.botan), nobody.ID)},
			{"R4 a stranger's organization", "organization-unknown", put(c.botan, org.Member{Org: c.hinoki.ID, Person: c.botan.ID})},
			{"R4 no organization", "organization-unknown", put(c.botan, org.Member{Org: "\x00", Person: c.botan.ID})},
			{"the parent does what it may", "stronger-than-you", put(c.chika, c.seat(c.momiji, c.emi, org.Administrator))},
			{"last administrator steps down", "last-administrator", put(c.chika, c.seat(c.kaede, c.chika, org.User))},
			{"last administrator leaves", "last-administrator", r.DropMember(ctx, by(c.chika), c.kaede.ID, c.chika.ID)},
			{"last administrator is disabled there", "last-administrator", r.PutMember(ctx, root, c.off(c.momiji, c.botan))},
			{"last administrator is disabled", "last-administrator", c.put(root, c.chika, func(p *org.Person) { p.State = org.Disabled })},
			{"last administrator is deleted", "last-administrator", r.DeletePerson(ctx, root, c.botan.ID)},
			{"last operator steps down", "last-operator", put(c.chika, c.seat(c.kaede, c.chika, org.Administrator))},
			{"last operator's organization is disabled", "last-operator", c.org(root, c.kaede, func(o *org.Organization) { o.State = org.Disabled })},
			{"last operator's organization is deleted", "last-operator", r.DropOrganization(ctx, root, c.kaede.ID)},
			{"a provider with others below", "organization-has-others", func() error {
				c.member(c.hinoki, fumi, org.Operator)
				return r.DropOrganization(ctx, root, c.kaede.ID)
			}()},
			{"A123 who is deleted", "person-unknown", r.PutMember(ctx, root, org.Member{Org: c.momiji.ID, Person: nobody.ID})},
		} {
			if fault.Code(try.err) != try.want {
				t.Errorf("%s: want %s, got %v", try.name, try.want, try.err)
			}
		}
	})
}

// The last provider stays however it would go.
func TestLastProviderStays(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		if err := r.DropOrganization(ctx, root, c.hinoki.ID); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"disabled": c.org(root, c.kaede, func(o *org.Organization) { o.State = org.Disabled }),
			"deleted":  r.DropOrganization(ctx, root, c.kaede.ID),
			"a customer": c.org(root, c.kaede, func(o *org.Organization) {
				o.Type, o.Parent = org.Customer, c.kaede.ID
			}),
		} {
			if fault.Code(err) != "last-provider" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Who is as strong may do all of it.
func TestWithinWhatIsHeld(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		fresh, fumi := add(t, s, r, "fresh"), add(t, s, r, "fumi")
		c.member(c.hinoki, fumi, org.User)
		for name, err := range map[string]error{
			"as strong as themselves":     r.PutMember(ctx, by(c.aoi), org.Member{Org: c.kaede.ID, Person: fresh.ID, Roles: []id.Role{org.Accounts}}),
			"who belongs to both changes": c.put(by(c.chika), c.emi, func(p *org.Person) { p.Email = "emi@kaede.example" }),
			"own names":                   c.put(by(c.emi), c.emi, func(p *org.Person) { p.DisplayName = "江見" }),
			"leave":                       r.DropMember(ctx, by(c.emi), c.momiji.ID, c.emi.ID),
			"a customer": func() error {
				_, err := r.PutOrganization(ctx, by(c.chika), org.Organization{Name: "sugi", Type: org.Customer, Parent: c.kaede.ID})
				return err
			}(),
			"the parent closes": c.org(by(c.chika), c.momiji, func(o *org.Organization) { o.State = org.Disabled }),
			"and opens":         c.org(by(c.chika), c.momiji, func(o *org.Organization) { o.State = org.Active }),
			"who agreed": c.in(func(tx *store.Tx) error {
				_, err := r.JoinMember(tx, by(c.botan), org.Member{Org: c.momiji.ID, Person: fumi.ID, Roles: []id.Role{org.User}})
				return err
			}),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A disabled administrator is nobody's to take over, an old link does not
// enable anybody, and who is invited is nobody's last.
func TestStates(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		second := add(t, s, r, "second")
		c.member(c.kaede, second, org.Administrator)
		if err := c.put(root, second, func(p *org.Person) { p.State = org.Disabled }); err != nil {
			t.Fatal(err)
		}
		if err := c.put(by(c.aoi), second, func(p *org.Person) { p.Email = "aoi@kaede.example" }); fault.Code(err) != "stronger-than-you" {
			t.Errorf("A123 take over a disabled one: %v", err)
		}
		if err := c.put(by(c.aoi), second, func(p *org.Person) { p.State = org.Active }); fault.Code(err) != "stronger-than-you" {
			t.Errorf("A123 enable a stronger one: %v", err)
		}
		if err := c.put(by(second), second, func(p *org.Person) { p.DisplayName = "二番" }); fault.Code(err) != "person-disabled" {
			t.Errorf("a disabled one changes themselves: %v", err)
		}
		if err := r.DropMember(ctx, by(second), c.kaede.ID, second.ID); err == nil {
			t.Error("a disabled one leaves by themselves")
		}
		err := c.in(func(tx *store.Tx) error { _, err := r.Accept(tx, second.ID); return err })
		if fault.Code(err) != "person-disabled" {
			t.Errorf("A054 an old link: %v", err)
		}
		if g, err := r.Grants(ctx, second.ID); err != nil || len(g.Of(c.kaede.ID)) > 0 || g.Sees(c.kaede.ID) {
			t.Errorf("a disabled one holds %v %v", g.Of(c.kaede.ID), err)
		}
		if err := r.DeletePerson(ctx, root, second.ID); err != nil {
			t.Errorf("a disabled administrator is nobody's last: %v", err)
		}
		if err := c.org(root, c.momiji, func(o *org.Organization) { o.State = org.Disabled }); err != nil {
			t.Fatal(err)
		}
		g, err := r.Grants(ctx, c.botan.ID)
		if err != nil || g.Member(c.momiji.ID) || g.Holds(c.momiji.ID, org.PeopleRead) {
			t.Errorf("members of a disabled organization hold nothing: %v %v", g.Of(c.momiji.ID), err)
		}
		if g, err = r.Grants(ctx, c.chika.ID); err != nil || !g.Holds(c.momiji.ID, org.PeopleWrite) || g.Holds(c.momiji.ID, org.RoleWrite) {
			t.Errorf("its parent acts there by what it allows: %v %v", g.Of(c.momiji.ID), err)
		}
		if !g.Holds(c.momiji.ID, "app.use") {
			t.Error("what is included in an allowed role counts")
		}
		standing(t, r, s, c.chika, c.momiji, org.Standing{Person: org.Active, Organization: org.Disabled, Member: org.Active})
		standing(t, r, s, c.botan, c.momiji, org.Standing{Person: org.Active, Organization: org.Disabled, Member: org.Active})
		standing(t, r, s, c.botan, c.kaede, org.Standing{Person: org.Active, Organization: org.Active})
		standing(t, r, s, c.botan, org.Organization{ID: "none"}, org.Standing{Person: org.Active, Organization: org.Deleted})
		standing(t, r, s, second, c.kaede, org.Standing{Person: org.Deleted, Organization: org.Active})
	})
}

func standing(t *testing.T, r *org.Register, s *store.Store, p org.Person, o org.Organization, want org.Standing) {
	t.Helper()
	err := s.House().Read(ctx, func(v *store.View) error {
		got, err := r.StandingOf(v, p.ID, o.ID)
		if got != want {
			t.Errorf("%s in %s: %+v, want %+v", p.Login, o.Name, got, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A new person with an old login is nobody's heir.
func TestA054NothingIsInherited(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		old := add(t, s, r, "Old.Login")
		c.member(c.kaede, old, org.Accounts)
		m := c.seat(c.kaede, c.emi, org.User)
		m.Manager = old.ID
		if err := r.PutMember(ctx, root, m); err != nil {
			t.Fatal(err)
		}
		g, err := r.PutGroup(ctx, root, org.Group{Org: c.kaede.ID, Name: "sales", Members: []id.Person{old.ID, c.emi.ID}})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.DeletePerson(ctx, root, old.ID); err != nil {
			t.Fatal(err)
		}
		again := add(t, s, r, "ｏｌｄ．ｌｏｇｉｎ")
		if again.ID == old.ID {
			t.Fatal("one identifier twice")
		}
		if m, err := r.Member(ctx, c.kaede.ID, c.emi.ID); err != nil || m.Manager != "" {
			t.Errorf("the manager stays: %+v %v", m, err)
		}
		if g, err = r.Group(ctx, c.kaede.ID, g.ID); err != nil || !slices.Equal(g.Members, []id.Person{c.emi.ID}) {
			t.Errorf("the group keeps them: %+v %v", g, err)
		}
		for _, who := range []org.Person{old, again} {
			if g, err := r.Grants(ctx, who.ID); err != nil || len(g.Of(c.kaede.ID)) > 0 {
				t.Errorf("%s holds %v %v", who.ID, g.Of(c.kaede.ID), err)
			}
		}
		for _, where := range []id.Org{c.kaede.ID, ""} {
			found, err := r.Search(ctx, org.Query{Org: where, Text: "old.login"})
			if want := map[id.Org]int{"": 1}[where]; err != nil || len(found.People) != want {
				t.Errorf("found in %q: %v %v", where, found.People, err)
			}
		}
		if p := c.person(old); p.Login+p.Email+p.DisplayName != "" || p.State != org.Deleted {
			t.Errorf("what is left: %+v", p)
		}
		err = c.in(func(tx *store.Tx) error {
			_, err := r.AddPerson(tx, root, org.Person{ID: old.ID, Login: "other", State: org.Active, Created: housetest.Epoch})
			return err
		})
		if fault.As(err) == nil {
			t.Errorf("an identifier is used again: %v", err)
		}
	})
}

// An address that somebody merely says is theirs takes nothing from who proved
// it.
func TestA051UnprovenAddresses(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		const address = "Emi@kaede.example"
		for _, p := range []org.Person{c.emi, c.aoi} {
			if err := c.put(root, p, func(p *org.Person) { p.Email = address }); err != nil {
				t.Fatal(err)
			}
		}
		found := func(login string) (p org.Person, err error) {
			err = s.House().Read(ctx, func(v *store.View) (err error) { p, err = r.ByLogin(v, login); return err })
			return p, err
		}
		if _, err := found(address); fault.Code(err) != "person-unknown" {
			t.Errorf("nobody proved it: %v", err)
		}
		if err := c.in(func(tx *store.Tx) error { return r.Verify(tx, c.emi.ID, "emi@KAEDE.example") }); err != nil {
			t.Fatal(err)
		}
		if p, err := found("ＥＭＩ@kaede.example"); err != nil || p.ID != c.emi.ID {
			t.Errorf("who proved it: %+v %v", p, err)
		}
		err := c.in(func(tx *store.Tx) error {
			_, err := r.AddPerson(tx, root, org.Person{ID: id.New[id.Person](housetest.Epoch), Login: "emi@kaede.example", State: org.Active, Created: housetest.Epoch})
			return err
		})
		if fault.Code(err) != "login-taken" {
			t.Errorf("a login that is another's address: %v", err)
		}
		if err := c.put(root, c.emi, func(p *org.Person) { p.Email, p.Verified = "new@kaede.example", true }); err != nil {
			t.Fatal(err)
		}
		if c.person(c.emi).Verified {
			t.Error("a new address counts as proven")
		}
		if err := c.in(func(tx *store.Tx) error { return r.Verify(tx, c.emi.ID, address) }); fault.Code(err) != "email-changed" {
			t.Errorf("a link to the old address: %v", err)
		}
	})
}

// One login has one form however it is typed; what would look like it is no
// login.
func TestA043SpellingsOfALogin(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		p := add(t, s, r, "aoi.K")
		for _, spelling := range []string{
			"aoi.k", "AOI.K", "Aoi.k", " aoi.k", "aoi.k\n", "\u3000aoi.k\u3000", "ａｏｉ．ｋ", "ＡＯＩ．Ｋ", "aoi.\u212a", "𝐚𝐨𝐢.k", "ⓐoi.k", "\taoi．K ",
		} {
			err := s.House().Read(ctx, func(v *store.View) error {
				found, err := r.ByLogin(v, spelling)
				if found.ID != p.ID {
					t.Errorf("%q finds %+v", spelling, found)
				}
				return err
			})
			if err != nil {
				t.Errorf("%q: %v", spelling, err)
			}
			if _, err := tryAdd(s, r, org.Person{Login: spelling}); fault.Code(err) != "login-taken" {
				t.Errorf("%q is another login: %v", spelling, err)
			}
		}
		for _, unknown := range []string{"", "\x00", "aoi.k\x00", "\xff", "аoi.k", "aoi k", "a\u200boi.k", strings.Repeat("a", 1<<16)} {
			err := s.House().Read(ctx, func(v *store.View) error { _, err := r.ByLogin(v, unknown); return err })
			if fault.Code(err) != "person-unknown" {
				t.Errorf("%.20q: %v", unknown, err)
			}
		}
	})
}

func tryAdd(s *store.Store, r *org.Register, p org.Person) (org.Person, error) {
	p.ID, p.Created = id.New[id.Person](housetest.Epoch), housetest.Epoch
	if p.State == "" {
		p.State = org.Active
	}
	err := s.House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.AddPerson(tx, root, p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	return p, err
}

// The form of what is said of a person: the field and what is wrong with it.
func TestFormOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		name80, name81 := strings.Repeat("楓", 80), strings.Repeat("楓", 81)
		for _, try := range []struct {
			name  string
			p     org.Person
			wrong string // field: code
		}{
			{"no login", org.Person{}, "login: field-required"},
			{"blank login", org.Person{Login: " \u3000"}, "login: field-required"},
			{"64 characters", org.Person{Login: strings.Repeat("a", 64)}, ""},
			{"65 characters", org.Person{Login: strings.Repeat("a", 65)}, "login: field-too-long"},
			{"65 wide characters", org.Person{Login: strings.Repeat("ａ", 65)}, "login: field-too-long"},
			{"Cyrillic а", org.Person{Login: "аoi"}, "login: login-malformed"},
			{"Greek ο", org.Person{Login: "aοi"}, "login: login-malformed"},
			{"ß, which folds to ss", org.Person{Login: "straße"}, "login: login-malformed"},
			{"long s", org.Person{Login: "ſato"}, ""},
			{"inner blank", org.Person{Login: "a oi"}, "login: login-malformed"},
			{"turned", org.Person{Login: "a\u202eoi"}, "login: login-malformed"},
			{"unseen", org.Person{Login: "a\u200boi"}, "login: login-malformed"},
			{"variant", org.Person{Login: "a\ufe0foi"}, "login: login-malformed"},
			{"ends with a dot", org.Person{Login: "aoi."}, "login: login-malformed"},
			{"no UTF-8", org.Person{Login: "a\xff"}, "login: login-malformed"},
			{"zero", org.Person{Login: "a\x00b"}, "login: login-malformed"},
			{"kanji", org.Person{Login: "楓"}, "login: login-malformed"},
			{"80 characters", org.Person{Login: "n80", DisplayName: name80}, ""},
			{"81 characters", org.Person{Login: "n81", DisplayName: name81}, "display_name: field-too-long"},
			{"all names too long", org.Person{Login: "n82", FamilyName: name81, GivenName: name81, Reading: name81, DisplayName: "x"}, "family_name: field-too-long given_name: field-too-long reading: field-too-long"},
			{"A128 turned name", org.Person{Login: "n83", DisplayName: "a\u202eb"}, "display_name: text-has-controls"},
			{"A128 unseen in a name", org.Person{Login: "n84", FamilyName: "a\u200bb", DisplayName: "x"}, "family_name: text-has-controls"},
			{"a name of nothing", org.Person{Login: "n85", DisplayName: "\u3164"}, "display_name: text-has-controls"},
			{"two lines", org.Person{Login: "n86", DisplayName: "a\nb"}, "display_name: text-has-controls"},
			{"no UTF-8 in a name", org.Person{Login: "n87", DisplayName: "\xff"}, "display_name: text-not-utf8"},
			{"mixed alphabets", org.Person{Login: "n88", DisplayName: "Аlice"}, "display_name: name-mixes-alphabets"},
			{"Japanese with Latin", org.Person{Login: "n89", DisplayName: "山田Alice"}, ""},
			{"a variant of a character", org.Person{Login: "n90", FamilyName: "葛\U000e0100城"}, ""},
			{"A052 two @", org.Person{Login: "n91", Email: "a@x.example@evil.example"}, "email: mail-address-malformed"},
			{"A052 quoted", org.Person{Login: "n92", Email: `"a@x.example"@evil.example`}, "email: mail-address-malformed"},
			{"IDN", org.Person{Login: "n93", Email: "aoi@楓商事.example"}, ""},
			{"language", org.Person{Login: "n94", Locale: "fr"}, "locale: locale-unknown"},
			{"zone", org.Person{Login: "n95", TimeZone: "Asia/Tokio"}, "time_zone: time-zone-unknown"},
			{"the server's zone", org.Person{Login: "n96", TimeZone: "Local"}, "time_zone: time-zone-unknown"},
			{"a path for a zone", org.Person{Login: "n97", TimeZone: "../../etc/passwd"}, "time_zone: time-zone-unknown"},
			{"Tokyo", org.Person{Login: "n98", TimeZone: "Asia/Tokyo", Locale: "ja"}, ""},
			{"state", org.Person{Login: "n99", State: org.Deleted}, "state: person-state-unknown"},
		} {
			_, err := tryAdd(s, r, try.p)
			var said []string
			if f := fault.As(err); f != nil {
				for _, field := range f.Fields {
					said = append(said, field.Path+": "+field.Code)
				}
			} else if err != nil {
				t.Errorf("%s: %v", try.name, err)
			}
			if got := strings.Join(said, " "); got != try.wrong || (err == nil) != (try.wrong == "") {
				t.Errorf("%s: %q, want %q (%v)", try.name, got, try.wrong, err)
			}
		}
	})
}
