package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sekisho/sekisho/internal/store"
)

// seat is this node's place as the sequencer, if it has it: one among all
// nodes holds the fence of audit_head, and a tree grows under that fence only.
type seat struct {
	mu     sync.Mutex
	fence  int64 // 0: somebody else's, or nobody's
	epoch  int64
	tree   *tree
	signed signed
	moved  bool // the head moved since the last beat
	inStep bool // the tally counts all that is in the tree

	// What this node saw of another's head, and for how many looks it has not
	// changed. Clocks are not compared: nodes may disagree about the time.
	seenFence, seenBeat int64
	silent              int
}

// signed is the newest checkpoint.
type signed struct {
	size int64
	at   time.Time
}

const (
	// look is how often each node looks by itself, woken or not.
	look = 500 * time.Millisecond
	// silentMost looks without a beat, and the seat is free.
	silentMost = 5
	// pace is the least time between two drains, so that under a trickle of
	// writes the tree does not double the commits.
	pace = 250 * time.Millisecond
)

// batchMost is how many records one step moves: on SQLite everybody waits
// meanwhile, on PostgreSQL only the round trips count.
func (l *Log) batchMost() int {
	if l.store.Engine() == "sqlite" {
		return 128 // with 512 the 99th percentile of a group of 64 doubled (measured)
	}
	return 2048
}

// errUnseated says that another node has the seat; errMoved that a record is no
// longer where it was read. Both mean: read again.
var (
	errUnseated = errors.New("audit: another node is the sequencer")
	errMoved    = errors.New("audit: the records of this batch were moved meanwhile")
)

// sequenceUntil is the sequencer's life on this node.
func (l *Log) sequenceUntil(ctx context.Context, woken <-chan struct{}) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var told string
	for {
		looked := false
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			looked = true
		case <-woken:
		}
		err := l.drain(ctx, looked)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errUnseated) && err.Error() != told {
			l.log.Error("the audit log does not grow", "err", err)
			told = err.Error()
		}
		if err == nil {
			told = ""
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace):
		}
	}
}

// drain integrates until nothing waits, if this node has or gets the seat.
// looked says that half a second has passed since the last such call.
func (l *Log) drain(ctx context.Context, looked bool) error {
	for {
		n, err := l.step(ctx, looked, false)
		if err != nil {
			return err
		}
		if n < l.batchMost() {
			return l.catchUp(ctx, tallyTiles)
		}
		looked = false
	}
}

// Integrate returns once everything that was committed before the call is in
// the tree, by this node or by another.
func (l *Log) Integrate(ctx context.Context) error {
	newest, err := l.newest(ctx)
	if err != nil || newest == "" {
		return err
	}
	for {
		n, err := l.step(ctx, false, false)
		if err == nil && n < l.batchMost() {
			return nil
		}
		if err != nil {
			if err := l.waitForSeat(ctx, err); err != nil {
				return err
			}
		}
		if waiting, err := l.waitsUpTo(ctx, newest); err != nil || !waiting {
			return err
		}
	}
}

// waitForSeat counts half a second of another sequencer's silence; other
// failures than that there is one are the caller's.
func (l *Log) waitForSeat(ctx context.Context, failed error) error {
	if !errors.Is(failed, errUnseated) && !errors.Is(failed, errMoved) {
		return failed
	}
	if err := l.takeSeat(ctx, true); err == nil || !errors.Is(err, errUnseated) {
		return err
	}
	return sleep(ctx, look)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// newest is the greatest id that waits; "" if none does.
func (l *Log) newest(ctx context.Context) (newest string, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		err := v.Row("SELECT id FROM audit_pending ORDER BY id DESC LIMIT 1").Scan(&newest)
		if errors.Is(err, store.ErrNoRow) {
			return nil
		}
		return err
	})
	return newest, err
}

// waitsUpTo reports whether one of those that newest was the greatest of, or
// one that came later in their midst, still waits.
func (l *Log) waitsUpTo(ctx context.Context, newest string) (waits bool, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		var n int
		err := v.Row("SELECT count(*) FROM audit_pending WHERE id <= $1", newest).Scan(&n)
		waits = n > 0
		return err
	})
	return waits, err
}

// Lag returns how long the oldest record has been waiting for its place in the
// tree; 0 if none waits. More than a second is an alarm.
func (l *Log) Lag(ctx context.Context) (time.Duration, error) {
	var body []byte
	err := l.store.House().Read(ctx, func(v *store.View) error {
		err := v.Row("SELECT r.body FROM audit_pending p JOIN audit_record r ON r.id = p.id ORDER BY p.id LIMIT 1").Scan(&body)
		if errors.Is(err, store.ErrNoRow) {
			return nil
		}
		return err
	})
	if err != nil || body == nil {
		return 0, err
	}
	fs, err := decodeBody(body)
	if err != nil {
		return 0, err
	}
	at, err := time.Parse(atLayout, fs.get(fieldAt))
	return max(0, l.clock.Now().Sub(at)), err
}

// waiter is a record on its way into the tree.
type waiter struct {
	id   string
	leaf tlog.Hash
	body []byte
}

// step moves a batch of records into the tree and, when it is time or
// sign says so, signs it. What costs time is done before the transaction.
func (l *Log) step(ctx context.Context, looked, sign bool) (int, error) {
	s := &l.seat
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.seated(ctx, looked); err != nil {
		return 0, err
	}
	batch, err := l.next(ctx)
	if err != nil {
		return 0, err
	}
	grown := s.tree.clone()
	for i := range batch {
		grown.add(batch[i].leaf)
	}
	cp, err := l.sign(ctx, grown, sign)
	if err != nil {
		return 0, err
	}
	if len(batch) == 0 && cp == nil {
		return 0, l.beat(ctx, looked)
	}
	if err := l.grow(ctx, batch, grown, cp); err != nil {
		s.lost(err)
		return 0, err
	}
	s.tree, s.moved = grown, true
	s.tree.full = nil
	if cp != nil {
		s.signed = signed{cp.Size, cp.At}
		l.wakeOutside()
	}
	return len(batch), nil
}

// next reads the records that wait longest. Ids have gaps and come in any
// order, so those read here are moved by name and never "all up to".
func (l *Log) next(ctx context.Context) (batch []waiter, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT p.id, p.leaf, r.body FROM audit_pending p
			LEFT JOIN audit_record r ON r.id = p.id ORDER BY p.id LIMIT $1`, l.batchMost())
		batch, err = store.Collect(rows, err, func(scan func(...any) error) (w waiter, err error) {
			var leaf []byte
			if err = scan(&w.id, &leaf, &w.body); err == nil && len(leaf) != hashLen {
				err = fmt.Errorf("audit: record %s has a leaf of %d bytes", w.id, len(leaf))
			}
			copy(w.leaf[:], leaf)
			return w, err
		})
		return err
	})
	return batch, err
}

// sqlHead moves the head, and the tally with it where that is in step.
const sqlHead = `UPDATE audit_head SET size = $1, beat = beat + 1, tallied = CASE WHEN tallied = $2 THEN $1 ELSE tallied END
	WHERE one = 1 AND size = $2 AND fence = $3 AND epoch = $4 RETURNING tallied`

// grow is the one transaction in which records get their place. The head is
// moved first: of two sequencers one waits here and then finds that it lost.
func (l *Log) grow(ctx context.Context, batch []waiter, to *tree, cp *Checkpoint) error {
	s := &l.seat
	ids := idsOf(batch)
	moved, terms, tallies := anys(ids), termArgs(batch), tallyBatch(batch)
	first, inStep := largest(l.store.Engine()), false
	err := l.store.House().Append(ctx, func(tx *store.Tx) store.End {
		var n, upto int64
		err := tx.Row(sqlHead, to.size, s.tree.size, s.fence, s.epoch).Scan(&upto)
		if errors.Is(err, store.ErrNoRow) {
			err = errUnseated
		}
		inStep = upto == to.size
		if err == nil {
			n, err = inChunks(tx, first, sqlMoved, 1, moved)
		}
		if err == nil && n != int64(len(batch)) {
			err = errMoved
		}
		if err == nil {
			err = putPlaces(tx, s.tree.size, ids)
		}
		if err == nil {
			_, err = inChunks(tx, first, sqlTerms, termColumns, terms)
		}
		if err == nil && inStep {
			_, err = inChunks(tx, first, sqlTally, tallyColumns, tallies)
		}
		for _, t := range to.changed() {
			if err == nil {
				_, err = tx.Exec(`INSERT INTO audit_tile (level, n, hashes) VALUES ($1, $2, $3)
					ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`, t.level, t.n, t.hashes)
			}
		}
		if err == nil && cp != nil {
			err = insertCheckpoint(tx, cp)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSequence)
	})
	s.inStep = err == nil && inStep
	return err
}

// lost forgets what may no longer be so: whatever happened, the database knows
// it better now.
func (s *seat) lost(err error) {
	s.tree, s.inStep = nil, false
	if errors.Is(err, errUnseated) {
		s.fence = 0
	}
}

// seated makes sure that this node has the seat and knows the tree.
func (l *Log) seated(ctx context.Context, looked bool) error {
	s := &l.seat
	if s.fence == 0 {
		if err := l.sit(ctx, looked); err != nil {
			return err
		}
	}
	if s.tree != nil {
		return nil
	}
	err := l.learn(ctx)
	if err != nil {
		s.lost(err)
	}
	return err
}

// takeSeat is seated for callers that do not hold the lock.
func (l *Log) takeSeat(ctx context.Context, looked bool) error {
	l.seat.mu.Lock()
	defer l.seat.mu.Unlock()
	return l.seated(ctx, looked)
}

type headRow struct {
	size, epoch, fence, beat int64
	owner                    string
}

func readHead(v *store.View) (h headRow, err error) {
	err = v.Row("SELECT size, epoch, fence, beat, owner FROM audit_head WHERE one = 1").Scan(&h.size, &h.epoch, &h.fence, &h.beat, &h.owner)
	return h, err
}

// sit takes the seat if it is free: nobody's, or its owner was silent for
// silentMost looks. On SQLite there is one process (the data folder is
// locked), so whoever sat there is gone.
func (l *Log) sit(ctx context.Context, looked bool) error {
	s := &l.seat
	var head headRow
	err := l.store.House().Read(ctx, func(v *store.View) (err error) {
		head, err = readHead(v)
		return err
	})
	if err != nil {
		return err
	}
	if head.fence != s.seenFence || head.beat != s.seenBeat {
		s.seenFence, s.seenBeat, s.silent = head.fence, head.beat, 0
	} else if looked {
		s.silent++
	}
	if head.owner != "" && l.store.Engine() != "sqlite" && s.silent < silentMost {
		return errUnseated
	}
	if err := l.claim(ctx, head); err != nil {
		return err
	}
	s.silent, s.fence, s.tree, s.inStep = 0, head.fence+1, nil, false
	return nil
}

// claim raises the fence, if nobody else did meanwhile.
func (l *Log) claim(ctx context.Context, seen headRow) error {
	return l.store.House().Append(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec("UPDATE audit_head SET fence = fence + 1, beat = beat + 1, owner = $1 WHERE one = 1 AND fence = $2 AND beat = $3",
			l.owner(), seen.fence, seen.beat)
		if err == nil && n != 1 {
			err = errUnseated
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// owner is never empty: that would mean "nobody".
func (l *Log) owner() string { return "node:" + string(l.node) }

// learn reads the tree under the fence that this node has.
func (l *Log) learn(ctx context.Context) error {
	s := &l.seat
	return l.store.House().Read(ctx, func(v *store.View) error {
		head, err := readHead(v)
		if err != nil {
			return err
		}
		if head.fence != s.fence {
			return errUnseated
		}
		newest, err := newestCheckpoint(v)
		if err != nil {
			return err
		}
		s.epoch, s.signed = head.epoch, signed{newest.Size, newest.At}
		s.tree, err = loadTree(v, head.size)
		return err
	})
}

// beat tells other nodes that this one still sits. SQLite has no other nodes.
func (l *Log) beat(ctx context.Context, looked bool) error {
	s := &l.seat
	if !looked || l.store.Engine() == "sqlite" {
		return nil
	}
	if s.moved {
		s.moved = false
		return nil
	}
	return l.underFence(ctx, "UPDATE audit_head SET beat = beat + 1 WHERE one = 1 AND fence = $1")
}

// release gives the seat up, so that another node need not wait.
func (l *Log) release(ctx context.Context) error {
	l.seat.mu.Lock()
	defer l.seat.mu.Unlock()
	if l.seat.fence == 0 {
		return nil
	}
	err := l.underFence(ctx, "UPDATE audit_head SET owner = '', beat = beat + 1 WHERE one = 1 AND fence = $1")
	l.seat.fence, l.seat.tree = 0, nil
	if errors.Is(err, errUnseated) {
		return nil
	}
	return err
}

func (l *Log) underFence(ctx context.Context, statement string) error {
	err := l.store.House().Append(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec(statement, l.seat.fence)
		if err == nil && n != 1 {
			err = errUnseated
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	if err != nil {
		l.seat.lost(err)
	}
	return err
}
