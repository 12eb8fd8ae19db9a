// Package signet keeps the keys by which the house signs what it says to others:
// decisions told to apps, and who calls an adapter of the card protocol.
//
//	ahead → signing → kept → gone
//
// A key is made when it is needed first, one for each algorithm, and stands
// sealed. Who verifies fetches the public halves and keeps them for a while, so
// a new key is published an hour before it signs, and the one before stays
// published for a day after its last signature. A key that somebody else may
// have is replaced at once instead. The private half is erased when a key is
// gone; its public half and times stay.
package signet
