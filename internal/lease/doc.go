// Package lease keeps everything that is out: who holds what until when, from
// which ask. A lease begins in the write that lets the thing out, and ends in
// the write that takes it back: when its time is over, when it is given back,
// when somebody revokes it. Ending one touches no other lease and no sign-in.
//
//	out → back     taken back, in the same write
//	    → taking   the taking is under way: an effect on the outside is not
//	               proven yet, or what keeps the thing refused; tried again
//	               until it is back, and shown as stuck meanwhile
//
// A timer of job ends a lease at its time. A timer that was parked, cut off or
// never fired is no way to keep something: every process looks for leases that
// are overdue as well.
//
// This is floor 5: it has no doors. The hall (request) is its door.
//
// Read first: lease.go, then ledger.go.
package lease
