// Package token is the room of personal API tokens: a program acts by one as its
// person, in one organization, with the permissions that it names and that the
// person still holds.
//
// Read first: manage.go (making and revoking), then token.go (what each use asks).
package token
