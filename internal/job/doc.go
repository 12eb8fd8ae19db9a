// Package job does what the house has decided to do outside, once: intent,
// fence, probe (R8). And it lets things happen at a time.
//
// An effect is written by Intend in the same transaction as the decision, so
// neither is there without the other. A Desk, one in each process, claims it
// (committed before anything is sent), calls the driver outside any
// transaction, and writes the end with its witness:
//
//	intended → inflight → done
//	                    ↘ intended (it is certain that nothing was done)
//	                    ↘ parked   (an operator says Retry or Skip)
//
// A row found inflight after a crash may still take effect, because the outside
// system does not notice that its caller died. So recovery waits out the fence,
// then probes for the marker (the effect's id), then stamps the row afresh and
// commits, and only then calls again. Probing without waiting doubles, and so
// does calling without the fresh stamp, once the second call is interrupted too.
// Only the owner of the last claim (owner, fence_no) may move a row.
//
// Effects of one line (a ticket) go out in the order of their decisions. A
// parked effect holds up its own line until it is skipped or done, and nothing
// else; that of a driver that is Aside holds up nothing at all.
//
// What cannot be had: a process that is stopped for longer than the fence
// between its last look at the clock and the first byte it sends will double an
// effect, since the outside system does not know our fencing numbers. The call's
// time is measured from its stamp, so the window is a few instructions wide. And
// a wall clock that is set ahead while no process of the house runs makes a stamp
// look older than it is, unseen.
//
// Payloads and results stay readable in the database, in the console and in
// backups: they name secrets by id and never hold one.
//
// Read first: effect.go, driver.go, then desk.go (who is next), call.go (one
// effect's way) and claim.go (the rows).
package job

import "embed"

// Schema is the tables of effects, lines and timers.
//
//go:embed schema
var Schema embed.FS

// Words are the sentences of the problems.
//
//go:embed words
var Words embed.FS
