package org

import (
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// These read everything there is of a kind, for manifests: what is compared and
// exported is the whole. Pages and lists ask Search, Organizations and the like.

// AllOrganizations reads every organization by title, in one statement.
func AllOrganizations(v *store.View) ([]Organization, error) { return allOrgs(v.House()) }

// AllPeople reads everybody who is not deleted, by login, in one statement.
func AllPeople(v *store.View) ([]Person, error) { return allPeople(v.House()) }

// AllMembers reads the members of an organization with their roles, by person,
// in two statements; without roles that are lent for a time.
func AllMembers(v *store.View, org id.Org) ([]Member, error) { return allMembers(v.Org(org)) }

// AllGroups reads the groups of an organization by name, each with what is
// directly in it, in three statements; without who is in it for a time.
func AllGroups(v *store.View, org id.Org) ([]Group, error) { return groupsOf(v.Org(org), false) }

// AllRoles reads the roles that an organization made, by name, in one
// statement. The built-in ones are no rows: see BuiltIn.
func AllRoles(v *store.View, org id.Org) ([]Role, error) { return rolesIn(v.Org(org)) }
