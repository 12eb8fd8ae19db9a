package org_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// atOnce runs n at once and counts how they ended, by code ("" is done).
func atOnce(t *testing.T, n int, f func(i int) error) map[string]int {
	t.Helper()
	ended := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			ended[fault.Code(err)]++
			if err != nil && fault.As(err) == nil {
				t.Errorf("broken: %v", err)
			}
		})
	}
	close(start)
	all.Wait()
	return ended
}

func administrators(t *testing.T, r *org.Register, where id.Org) (left int) {
	t.Helper()
	holders, err := r.Holders(ctx, where, org.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range holders {
		if g, err := r.Grants(ctx, who); err != nil {
			t.Fatal(err)
		} else if g.Holds(where, org.RoleWrite) {
			left++
		}
	}
	return left
}

// However 64 administrators take the role from each other at the same time, on
// every way there is: one stays.
func TestA124OneAdministratorStays(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		const many = 16
		var all []org.Person
		for i := range many {
			p := add(t, s, r, fmt.Sprintf("chief%02d", i))
			c.member(c.momiji, p, org.Administrator)
			all = append(all, p)
		}
		all = append(all, c.botan)
		ended := atOnce(t, 64, func(i int) error {
			actor, who := by(all[i%len(all)]), all[(i+1+i/len(all))%len(all)]
			switch i % 4 {
			case 0:
				return r.DropMember(ctx, actor, c.momiji.ID, who.ID)
			case 1:
				m, err := r.Member(ctx, c.momiji.ID, who.ID)
				if err != nil {
					return err
				}
				m.Roles = []id.Role{org.User}
				return r.PutMember(ctx, actor, m)
			case 2:
				p, err := r.Person(ctx, who.ID)
				if err != nil {
					return err
				}
				p.State = org.Disabled
				_, err = r.ChangePerson(ctx, actor, p)
				return err
			}
			return r.DeletePerson(ctx, actor, who.ID)
		})
		// And then each leaves.
		left := atOnce(t, len(all), func(i int) error { return r.DropMember(ctx, by(all[i]), c.momiji.ID, all[i].ID) })
		r.Forget()
		if n := administrators(t, r, c.momiji.ID); n < 1 {
			t.Errorf("nobody is left: %v %v", ended, left)
		}
		if ended[""] == 0 {
			t.Errorf("nothing happened: %v", ended)
		}
	})
}

// Two who remove each other: one is done, the other refused.
func TestA124TwoRemoveEachOther(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		for i := range 8 {
			other := add(t, s, r, fmt.Sprintf("other%d", i))
			c.member(c.momiji, other, org.Administrator)
			two := []org.Person{c.botan, other}
			ended := atOnce(t, 2, func(i int) error { return r.DropMember(ctx, by(two[i]), c.momiji.ID, two[1-i].ID) })
			r.Forget()
			if n := administrators(t, r, c.momiji.ID); n != 1 || ended[""] != 1 {
				t.Fatalf("%d are left: %v", n, ended)
			}
			if holders, _ := r.Holders(ctx, c.momiji.ID, org.Administrator); holders[0] != c.botan.ID {
				c.member(c.momiji, c.botan, org.Administrator)
				if err := r.DropMember(ctx, root, c.momiji.ID, other.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// Of 64 who make or change the same thing at once, one does; the others hear
// that they were not alone.
func TestA124OneOfMany(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		member, err := r.Member(ctx, c.kaede.ID, c.emi.ID)
		if err != nil {
			t.Fatal(err)
		}
		group, err := r.PutGroup(ctx, root, org.Group{Org: c.kaede.ID, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		emi := c.person(c.emi)
		for _, try := range []struct {
			name, others string
			f            func(i int) error
		}{
			{"a role given", "changed-meanwhile", func(i int) error {
				m := member
				m.Roles = []id.Role{[]id.Role{org.Auditor, org.Accounts}[i%2]}
				return r.PutMember(ctx, root, m)
			}},
			{"a login", "login-taken", func(i int) error {
				_, err := tryAdd(s, r, org.Person{Login: []string{"Ｓａｍｅ", "same", "SAME"}[i%3]})
				return err
			}},
			{"a person", "changed-meanwhile", func(i int) error {
				p := emi
				p.DisplayName = fmt.Sprint("emi ", i)
				_, err := r.ChangePerson(ctx, root, p)
				return err
			}},
			{"an organization", "organization-name-taken", func(int) error {
				_, err := r.PutOrganization(ctx, root, org.Organization{Name: "same", Type: org.Provider})
				return err
			}},
			{"a role", "role-name-taken", func(int) error {
				_, err := r.PutRole(ctx, root, org.Role{Org: c.kaede.ID, Name: "same"})
				return err
			}},
			{"a group", "changed-meanwhile", func(i int) error {
				g := group
				g.Title = fmt.Sprint("title ", i)
				_, err := r.PutGroup(ctx, root, g)
				return err
			}},
			{"the end of a member", "person-unknown", func(int) error { return r.DropMember(ctx, root, c.momiji.ID, c.emi.ID) }},
		} {
			ended := atOnce(t, 64, try.f)
			if ended[""] != 1 || ended[""]+ended[try.others]+ended["store-busy"] != 64 {
				t.Errorf("%s: %v", try.name, ended)
			}
		}
	})
}

// Groups that 64 put into each other at once make no circle, and managers none
// either.
func TestA124NoCircles(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		const many = 8
		var groups [many]org.Group
		var people [many]org.Person
		for i := range many {
			var err error
			if groups[i], err = r.PutGroup(ctx, root, org.Group{Org: c.kaede.ID, Name: fmt.Sprint("g", i)}); err != nil {
				t.Fatal(err)
			}
			people[i] = add(t, s, r, fmt.Sprint("m", i))
			c.member(c.kaede, people[i], org.User)
		}
		atOnce(t, 64, func(i int) error {
			g, err := r.Group(ctx, c.kaede.ID, groups[i%many].ID)
			if err != nil {
				return err
			}
			g.Groups = append(g.Groups, groups[(i+1+i/many)%many].ID)
			_, err = r.PutGroup(ctx, root, g)
			return err
		})
		atOnce(t, 64, func(i int) error {
			m, err := r.Member(ctx, c.kaede.ID, people[i%many].ID)
			if err != nil {
				return err
			}
			m.Manager = people[(i+1+i/many)%many].ID
			return r.PutMember(ctx, root, m)
		})
		all, err := r.Groups(ctx, c.kaede.ID)
		if err != nil {
			t.Fatal(err)
		}
		inner := map[id.Group][]id.Group{}
		for _, g := range all {
			inner[g.ID] = g.Groups
		}
		for _, g := range all {
			if leads(inner, g.ID, g.ID) {
				t.Errorf("%s is in itself", g.Name)
			}
		}
		above := map[id.Person][]id.Person{}
		for _, p := range people {
			m, err := r.Member(ctx, c.kaede.ID, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if m.Manager != "" {
				above[p.ID] = []id.Person{m.Manager}
			}
		}
		for _, p := range people {
			if leads(above, p.ID, p.ID) {
				t.Errorf("%s is above themselves", p.Login)
			}
		}
	})
}

// leads reports whether one comes to another by at least one step.
func leads[T comparable](next map[T][]T, from, to T) bool {
	seen, ahead := map[T]bool{}, slices.Clone(next[from])
	for len(ahead) > 0 {
		one := ahead[0]
		if ahead = ahead[1:]; one == to {
			return true
		}
		if !seen[one] {
			seen[one] = true
			ahead = append(ahead, next[one]...)
		}
	}
	return false
}

// What was read before a change is not kept as what is true after it.
func TestForgetIsForAnswersOnTheirWay(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if _, err := r.Grants(ctx, c.emi.ID); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		for i := range 100 {
			roles := []id.Role{[]id.Role{org.Auditor, org.User}[i%2]}
			if err := r.PutMember(ctx, root, c.seat(c.kaede, c.emi, roles...)); err != nil {
				t.Fatal(err)
			}
			if g, err := r.Grants(ctx, c.emi.ID); err != nil || g.Holds(c.kaede.ID, org.PeopleRead) != (i%2 == 0) {
				t.Fatalf("change %d is not seen on its own node: %v", i, err)
			}
		}
		close(stop)
		readers.Wait()
	})
}
