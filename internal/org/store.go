package org

import (
	"encoding/json"
	"errors"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// list keeps names in one column; what we wrote ourselves always reads.
func list[T ~string](names []T) string {
	if names == nil {
		names = []T{}
	}
	text, _ := json.Marshal(names)
	return string(text)
}

func unlist[T ~string](text string) (names []T) {
	_ = json.Unmarshal([]byte(text), &names)
	return names
}

const orgColumns = "SELECT id, name, title, type, parent, state, parent_roles, created, version FROM org "

func scanOrg(scan func(...any) error) (Organization, error) {
	var o Organization
	var roles string
	var created int64
	err := scan(&o.ID, &o.Name, &o.Title, &o.Type, &o.Parent, &o.State, &roles, &created, &o.Version)
	o.ParentRoles, o.Created = unlist[string](roles), store.FromMicros(created)
	return o, err
}

func oneOrg(v *store.View, query string, args ...any) (Organization, error) {
	o, err := scanOrg(v.Row(orgColumns+query, args...).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return o, unknownOrg("")
	}
	return o, err
}

func unknownOrg(id.Org) error { return fault.New(fault.NotFound, "organization-unknown") }

func orgByID(v *store.View, which id.Org) (Organization, error) {
	return oneOrg(v, "WHERE id = $1", words.Kept(string(which)))
}

func orgByName(v *store.View, name string) (Organization, error) {
	return oneOrg(v, "WHERE name = $1", words.Kept(name))
}

func orgsBelow(v *store.View, parent id.Org) ([]Organization, error) {
	rows, err := v.Query(orgColumns+"WHERE parent = $1 ORDER BY title, id", string(parent))
	return store.Collect(rows, err, scanOrg)
}

// orgsAfter pages through organizations by title; text is looked for in folded
// titles and names.
func orgsAfter(v *store.View, text, title, after string, limit int) ([]Organization, error) {
	rows, err := v.Query(orgColumns+`WHERE (title, id) > ($1, $2)
		AND ($3 = '' OR fold LIKE $3 ESCAPE '!') ORDER BY title, id LIMIT $4`, title, after, pattern(text), int64(limit))
	return store.Collect(rows, err, scanOrg)
}

func allOrgs(v *store.View) ([]Organization, error) {
	rows, err := v.Query(orgColumns + "ORDER BY title, id")
	return store.Collect(rows, err, scanOrg)
}

// otherProviders counts the active providers but one.
// providers reads the active ones, the oldest first.
func providers(v *store.View) ([]id.Org, error) {
	rows, err := v.Query("SELECT id FROM org WHERE type = 'provider' AND state = 'active' ORDER BY id")
	return store.Collect(rows, err, scanID[id.Org])
}

func otherProviders(v *store.View, without id.Org) (others int64, err error) {
	err = v.Row("SELECT COUNT(*) FROM org WHERE type = 'provider' AND state = 'active' AND id <> $1", string(without)).Scan(&others)
	return others, err
}

func insertOrg(tx *store.Tx, o Organization) error {
	n, err := tx.Exec(`INSERT INTO org (id, name, title, fold, type, parent, state, parent_roles, created, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) ON CONFLICT DO NOTHING`,
		string(o.ID), o.Name, o.Title, o.fold(), string(o.Type), string(o.Parent), string(o.State),
		list(o.ParentRoles), store.Micros(o.Created))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "organization-name-taken", "name", o.Name)
	}
	return err
}

func updateOrg(tx *store.Tx, o Organization) error {
	other, err := orgByName(&tx.View, o.Name)
	if err == nil && other.ID != o.ID {
		return fault.New(fault.Conflict, "organization-name-taken", "name", o.Name)
	}
	if err != nil && fault.As(err) == nil {
		return err
	}
	n, err := tx.Exec(`UPDATE org SET name = $1, title = $2, fold = $3, type = $4, parent = $5, state = $6, parent_roles = $7, version = version + 1
		WHERE id = $8 AND version = $9`,
		o.Name, o.Title, o.fold(), string(o.Type), string(o.Parent), string(o.State), list(o.ParentRoles), string(o.ID), o.Version)
	return changedOr(n, err)
}

// changedOr says that somebody was faster.
func changedOr(n int64, err error) error {
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

func deleteOrg(tx *store.Tx, which id.Org) error {
	for _, statement := range []string{
		"DELETE FROM group_group WHERE org = $1", "DELETE FROM group_member WHERE org = $1", "DELETE FROM people_group WHERE org = $1",
		"DELETE FROM member_role WHERE org = $1", "DELETE FROM member WHERE org = $1", "DELETE FROM role WHERE org = $1",
		"DELETE FROM person_gram WHERE org = $1",
	} {
		if _, err := tx.Org(which).Exec(statement); err != nil {
			return err
		}
	}
	_, err := tx.Exec("DELETE FROM org WHERE id = $1", string(which))
	return err
}

const roleColumns = "SELECT org, id, name, title, permissions, includes, version FROM role "

func scanRole(scan func(...any) error) (Role, error) {
	var r Role
	var permissions, includes string
	err := scan(&r.Org, &r.ID, &r.Name, &r.Title, &permissions, &includes, &r.Version)
	r.Permissions, r.Includes = unlist[string](permissions), unlist[id.Role](includes)
	return r, err
}

// rolesIn reads the roles that an organization made, by name.
func rolesIn(v *store.View) ([]Role, error) {
	rows, err := v.Query(roleColumns + "WHERE org = $1 ORDER BY name")
	return store.Collect(rows, err, scanRole)
}

func insertRole(tx *store.Tx, r Role) error {
	n, err := tx.Exec(`INSERT INTO role (org, id, name, title, permissions, includes, version)
		VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT DO NOTHING`,
		string(r.ID), r.Name, r.Title, list(r.Permissions), list(r.Includes))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "role-name-taken", "name", r.Name)
	}
	return err
}

func updateRole(tx *store.Tx, r Role) error {
	n, err := tx.Exec(`UPDATE role SET name = $2, title = $3, permissions = $4, includes = $5, version = version + 1
		WHERE org = $1 AND id = $6 AND version = $7`,
		r.Name, r.Title, list(r.Permissions), list(r.Includes), string(r.ID), r.Version)
	return changedOr(n, err)
}

// deleteRole takes the role from everybody who has it.
func deleteRole(tx *store.Tx, which id.Role) error {
	if _, err := tx.Exec("DELETE FROM member_role WHERE org = $1 AND role = $2", string(which)); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM role WHERE org = $1 AND id = $2", string(which))
	return err
}

// holdersOf reads who has a role, disabled members included.
func holdersOf(v *store.View, role id.Role) ([]id.Person, error) {
	rows, err := v.Query("SELECT person FROM member_role WHERE org = $1 AND role = $2 ORDER BY person", string(role))
	return store.Collect(rows, err, scanID[id.Person])
}

func scanID[T ~string](scan func(...any) error) (T, error) {
	var one T
	return one, scan(&one)
}

// longest is more than what a pattern is held against: name, blank and title.
const longest = 200

// pattern is a text for LIKE with ! as escape; "" stays "".
func pattern(text string) string {
	runes := []rune(words.Kept(words.Fold(text)))
	if len(runes) == 0 {
		return ""
	}
	escaped := make([]rune, 0, len(runes)+2)
	escaped = append(escaped, '%')
	for _, r := range runes[:min(len(runes), longest)] {
		if r == '%' || r == '_' || r == '!' {
			escaped = append(escaped, '!')
		}
		escaped = append(escaped, r)
	}
	return string(append(escaped, '%'))
}
