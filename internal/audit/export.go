package audit

import (
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/sekisho/sekisho/internal/store"
)

// Export writes the log as it stands, for Verify, and leaves a record that says
// who took it. What is committed is integrated and signed before, where this
// node may do so.
func (l *Log) Export(ctx context.Context, reader Reader, w io.Writer) error {
	size, err := l.settled(ctx)
	if err != nil {
		return err
	}
	if err := l.read(ctx, reader, "audit.exported", "", map[string]string{"size": strconv.FormatInt(size, 10)}); err != nil {
		return err
	}
	return l.export(ctx, w, size)
}

// settled integrates and signs as far as this node may, and returns the size of
// the tree.
func (l *Log) settled(ctx context.Context) (size int64, err error) {
	if err := l.Integrate(ctx); err != nil {
		return 0, err
	}
	if l.options.Sealer != nil {
		if _, err := l.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("the newest records are not covered by a checkpoint", "err", err)
		}
	}
	err = l.store.House().Read(ctx, func(v *store.View) error {
		head, err := readHead(v)
		size = head.size
		return err
	})
	return size, err
}

// export writes the first size records, block by block, each block in a read
// of its own: nothing that it reads ever moves again.
func (l *Log) export(ctx context.Context, w io.Writer, size int64) error {
	key, _, err := l.storedKey(ctx)
	if err != nil && !errors.Is(err, store.ErrNoRow) {
		return err
	}
	buf := jsonLine(nil, headLine{Format: exportFormat, Origin: l.options.Origin, Key: key, Size: size})
	for from := int64(0); from < size; from += tileWidth {
		until := min(from+tileWidth, size)
		base := len(buf)
		err := l.store.House().Read(ctx, func(v *store.View) (err error) {
			buf, err = exportBlock(v, buf[:base], from, until)
			return err
		})
		if err != nil {
			return err
		}
		if len(buf) >= 256<<10 {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err = w.Write(jsonLine(buf, endLine{End: size}))
	return err
}

func exportBlock(v *store.View, buf []byte, from, until int64) ([]byte, error) {
	leaves, err := readTile(v, 0, from/tileWidth)
	if err != nil {
		return buf, err
	}
	// A tile that is short is exported as it is: Verify names the record.
	leaves = leaves[:min(int64(len(leaves)), (until-from)*hashLen)]
	buf = jsonLine(buf, leavesLine{Leaves: leaves, From: from})
	notes, err := notesBetween(v, from, until)
	if err != nil {
		return buf, err
	}
	since, ids, err := placesOf(v, from/tileWidth)
	if err != nil {
		return buf, err
	}
	ids = ids[:min(int64(len(ids)), max(0, until-since))]
	found, err := bodies(v, ids)
	if err != nil {
		return buf, err
	}
	hidden, err := notSaid(v, ids, found)
	if err != nil {
		return buf, err
	}
	for i, record := range ids {
		body, ok := found[record]
		if !ok {
			continue // Verify names it
		}
		index := since + int64(i)
		buf, notes = appendNotes(buf, notes, index)
		fs, err := decodeBody(body)
		if err != nil || hidden[record] {
			fs = nil // its line has no fields, and does not fit its leaf
		}
		buf = recordLine(buf, index, fs)
	}
	buf, _ = appendNotes(buf, notes, until)
	return buf, nil
}

// appendNotes writes the checkpoints of a size up to size.
func appendNotes(buf []byte, notes []checkpointLine, size int64) ([]byte, []checkpointLine) {
	for len(notes) > 0 && notes[0].Size <= size {
		buf = jsonLine(buf, notes[0])
		notes = notes[1:]
	}
	return buf, notes
}

func notesBetween(v *store.View, after, until int64) ([]checkpointLine, error) {
	rows, err := v.Query("SELECT size, note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size, epoch", after, until)
	return store.Collect(rows, err, func(scan func(...any) error) (c checkpointLine, err error) {
		err = scan(&c.Size, &c.Checkpoint)
		return c, err
	})
}
