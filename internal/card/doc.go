// Package card is the one list of questions that wait for a person: from outside
// systems, from our own asks, and from apps that may send them.
//
//	open → deciding → applied | failed | superseded | withdrawn | expired
//
// A decision on an outside card is committed with who, when, how surely and what
// was shown, with its record and its effect, in one write; then it is brought to
// the system, and the card is applied only when it was read back. A poll that
// fails or brings less closes nothing: each missing question is asked for by
// its own name first.
//
// Texts of others are cut, cleaned of controls, and marks that turn or hide text
// are spelled out before they are stored, so that they are inert wherever they
// are shown.
//
// Read first: card.go, sheet.go, then decide.go and driver.go (a decision's way)
// and poll.go (where cards come from).
package card
