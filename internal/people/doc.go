// Package people is the door of org: the pages, the API, the manifests and the
// lists by which organizations, people, members, groups and roles are looked
// after, and each person's own profile.
//
// It holds no tables and decides nothing about who may do what: org does, in
// the transaction that writes. What it adds is the way: inviting somebody and
// making them a member in one write, reading a list of hundreds with every
// problem named by row and column before anything changes, and saying before a
// deletion what stays and what goes.
//
// Nobody learns here that a person of another organization exists: what is not
// of an organization that the reader knows is not there (R4). An invitation
// always makes a new, empty person; who has an account already joins with it
// when they accept (Join).
//
// Read first: people.go (what it needs of its neighbours), invite.go, import.go.
package people
