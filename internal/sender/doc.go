// Package sender lets other programs put cards before people, and tells them what
// was decided.
//
// A *sender* is such a program: a role (admin, creator or auditor), a bound on
// whom it may reach, an address that decisions are told to, and service tokens.
// Who shows a token is the sender and nobody else: it can send, look and
// withdraw, and every other door is closed to it. What it sends is a *message*;
// each person whom it reaches gets a card (← card), and decides as on any other.
//
// A decision is told as an effect: signed by the house's own key, the same
// identifier at every try, and the card says what was decided once the program
// has answered with success.
//
// Read first: sender.go and audience.go (who may reach whom), message.go (what is
// sent), then callback.go (how decisions are told).
package sender
