// Package presence says how surely somebody has to be who they are before they
// decide a card: the card policies of an organization, what a session has
// proven, and what was typed while a person went to prove more.
//
// Everything that any policy that applies asks for counts, and the shorter
// time. A condition that cannot be judged applies: nobody gets past a policy by
// breaking it. Rooms in which something is decided ask in the write that decides.
//
// Read first: presence.go, then policy.go.
package presence
