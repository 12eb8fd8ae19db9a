// Package review has what people hold looked at again: a campaign says what
// (memberships in groups, roles, leases), by whom and by when, and each grant
// becomes a question in the reviewers' list of cards. Kept or ended, with a
// reason and for exactly what was shown; what nobody answers is ended, or goes
// to further people first. Nobody reviews what they hold themselves.
//
//	round: filling → open → (escalated →) closing → closed
//	item:  open → kept | ended | gone | stuck
//
// Gone is a grant that was no more when it was looked at; stuck is one that may
// not be ended, such as the last administrator's.
//
// Read first: campaign.go (what is said), round.go (how it runs), decide.go (the
// one write that decides).
package review
