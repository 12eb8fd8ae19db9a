package change

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// roles are roles that are made or changed.
type roles struct{ room *Room }

// holdRole asks for a role.
func (r *Room) holdRole(ctx context.Context, by id.Principal, role org.Role) error {
	c := request.Change{Sort: Role, By: by, Thing: "role"}
	err := r.Store.Org(role.Org).Read(ctx, func(v *store.View) error {
		if err := r.Register.Need(v, by, role.Org, org.RoleWrite); err != nil {
			return err
		}
		all, err := r.Register.RolesIn(v, role.Org)
		if err != nil {
			return err
		}
		var before org.Role
		names := map[id.Role]string{}
		for _, one := range all {
			if names[one.ID] = one.Name; one.ID == role.ID {
				before = one
			}
		}
		if before.ID != "" {
			c.Thing = "role:" + string(role.ID)
		}
		if c.Title = strings.TrimSpace(role.Title); c.Title == "" {
			c.Title = role.Name
		}
		c.Base, c.Lines = "", nil
		named := func(which []id.Role) (some []string) {
			for _, one := range which {
				some = append(some, names[one])
			}
			return some
		}
		c.Lines = slices.Concat(
			field("name", before.Name, role.Name), field("title", before.Title, c.Title),
			set("permission", before.Permissions, role.Permissions), set("includes", named(before.Includes), named(role.Includes)),
		)
		permits, err := r.Register.Permits(v, role)
		if err != nil {
			return err
		}
		c.Facts = fact(nil, "role", role.Name)
		c.Facts = fact(c.Facts, "permits", strings.Join(permits, ", "))
		holders, err := r.Register.HoldersIn(v, role.Org, role.ID)
		if len(holders) > 0 {
			c.Facts = fact(c.Facts, "holders", number(len(holders)))
		}
		c.Base = roleBase(before, permits)
		return err
	})
	if err != nil {
		return err
	}
	return r.hold(ctx, role.Org, Role, c, role)
}

// roleBase binds the role as it is, and all that it would permit.
func roleBase(before org.Role, permits []string) string { return digest(before, permits) }

func (roles) needs() string { return org.RoleWrite }

func (s roles) base(v *store.View, in id.Org, kept []byte) (string, error) {
	var role, before org.Role
	if err := json.Unmarshal(kept, &role); err != nil {
		return "", err
	}
	all, err := s.room.Register.RolesIn(v, in)
	if err != nil {
		return "", err
	}
	for _, one := range all {
		if one.ID == role.ID {
			before = one
		}
	}
	permits, err := s.room.Register.Permits(v, role)
	return roleBase(before, permits), err
}

func (s roles) ready(_ context.Context, _ id.Principal, _ id.Org, kept []byte) (made, error) {
	m := madeRole{register: s.room.Register}
	err := json.Unmarshal(kept, &m.role)
	return m, err
}

type madeRole struct {
	register *org.Register
	role     org.Role
}

func (m madeRole) things() []string { return []string{"role:" + string(m.role.ID)} }

func (m madeRole) do(tx *store.Tx, by id.Principal) ([]store.Event, error) {
	e, err := m.register.SetRole(tx, by, m.role)
	return []store.Event{e}, err
}

func (m madeRole) done() { m.register.Forget() }
