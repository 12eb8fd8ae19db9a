// Package org keeps organizations, people, members, groups and roles: who there
// is, where they belong and what they may do. Everything above it asks here.
//
// A Person is a natural person with one login in the house. A Member is a
// person in an organization, with roles, groups, a manager and a state there; a
// person may be a member of several. A role is a named set of permissions and
// may include other roles. Who changes anything here acts within what he holds
// himself: nobody makes somebody stronger than himself, and nobody touches
// somebody who is.
//
// Identifiers are never used again: a new person with an old login inherits
// nothing.
//
// This is floor 3: it has no doors. The room people is its door.
//
// Read first: org.go (the things), power.go (who may do what), store.go.
package org
