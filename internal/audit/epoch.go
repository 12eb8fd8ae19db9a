package audit

import (
	"context"
	"strconv"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// eventEpoch is the record that opens an epoch; Verify reads its fields.
const (
	eventEpoch     = "audit.epoch-opened"
	fieldEpoch     = "epoch"
	fieldForkSize  = "fork-size"
	fieldForkRoot  = "fork-root"
	fieldForkLast  = "fork-last-checkpoint"
	fieldWhyOpened = "reason"
)

// Epoch returns the number of the epoch that the log is in: 1 in a house that
// was never restored.
func (l *Log) Epoch(ctx context.Context) (epoch int64, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		head, err := readHead(v)
		epoch = head.epoch
		return err
	})
	return epoch, err
}

// OpenEpoch begins a new epoch, as a restore does (A160). The record that opens
// it holds the fork point: how many records the restored log had, and their
// root. Checkpoints of the epoch before that go beyond the fork are not
// contradicted silently: Verify shows them as a fork. It returns the new
// epoch's number.
func (l *Log) OpenEpoch(ctx context.Context, by id.Principal, reason string) (int64, error) {
	if err := l.Integrate(ctx); err != nil {
		return 0, err
	}
	epoch, err := l.openEpoch(ctx, by, reason, 0)
	if err != nil {
		return 0, err
	}
	if l.options.Sealer != nil {
		_, err = l.Checkpoint(ctx)
	}
	return epoch, err
}

// openEpoch begins the next epoch, numbered least or more.
func (l *Log) openEpoch(ctx context.Context, by id.Principal, reason string, least int64) (int64, error) {
	s := &l.seat
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.seated(ctx, false); err != nil {
		return 0, fault.New(fault.Busy, "audit-other-sequencer").Because(err)
	}
	root, err := s.tree.root()
	if err != nil {
		return 0, err
	}
	size, epoch, last := s.tree.size, max(s.epoch+1, least), s.signed.size
	err = l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec("UPDATE audit_head SET epoch = $4, beat = beat + 1 WHERE one = 1 AND size = $1 AND fence = $2 AND epoch = $3", size, s.fence, s.epoch, epoch)
		if err == nil && n != 1 {
			err = errUnseated
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: eventEpoch, By: by, Fields: map[string]string{
			fieldEpoch:     strconv.FormatInt(epoch, 10),
			fieldForkSize:  strconv.FormatInt(size, 10),
			fieldForkRoot:  root.String(),
			fieldForkLast:  strconv.FormatInt(last, 10),
			fieldWhyOpened: reason,
		}})
	})
	s.tree = nil // learn again: epoch and all
	if err != nil {
		s.lost(err)
	}
	return epoch, err
}
