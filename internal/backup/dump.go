package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// dump writes one snapshot of s and fills in the header on the way. sign signs
// the manifest; nil where the copy goes from hand to hand, then its wrappings
// of the root key are all in it.
func dump(ctx context.Context, s *store.Store, w io.Writer, h *Header, sign func(string) (string, error), progress Progress) error {
	out := newFrames(w)
	err := s.House().Read(ctx, func(v *store.View) error {
		if err := describe(s, v, h, sign == nil); err != nil {
			return err
		}
		content, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if err := out.write(frameHeader, content); err != nil {
			return err
		}
		d := dumper{view: v, out: out, whole: sign == nil, total: h.rows(), progress: progress}
		for _, table := range h.Tables {
			if err := d.table(ctx, table); err != nil {
				return err
			}
		}
		d.say()
		return nil
	})
	if err != nil {
		return err
	}
	sum, err := out.sum()
	if err != nil {
		return err
	}
	text := manifestText(h, sum)
	if sign != nil {
		if text, err = sign(text); err != nil {
			return err
		}
	}
	if err := out.write(frameManifest, []byte(text)); err != nil {
		return err
	}
	return out.w.Flush()
}

// describe fills in what the header says of the snapshot.
func describe(s *store.Store, v *store.View, h *Header, whole bool) (err error) {
	h.Format, h.Engine = formatNow, s.Engine()
	if h.Migrations, err = store.Migrations(v); err != nil {
		return err
	}
	tables, err := s.Tables(v)
	if err != nil {
		return err
	}
	h.Tables = make([]Table, len(tables))
	for i, table := range tables {
		h.Tables[i].Table = table
		if h.Tables[i].Rows, err = countRows(v, table, whole); err != nil {
			return err
		}
	}
	h.Checkpoint, h.AuditKey, err = newest(v)
	return err
}

// dumper writes the rows of tables.
type dumper struct {
	view        *store.View
	out         *frames
	whole       bool
	done, total int64
	progress    Progress
	row         []byte
}

func (d *dumper) table(ctx context.Context, table Table) error {
	if err := d.out.write(frameTable, []byte(table.Name)); err != nil {
		return err
	}
	var digest digest
	err := eachRow(d.view, table.Table, d.whole, func(values []any) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.row, err = appendRow(d.row[:0], table.Columns, values); err != nil {
			return fault.New(fault.Unmet, "backup-value-unfit", "table", table.Name).Because(err)
		}
		if len(d.row) > rowMost {
			return fault.New(fault.Unmet, "backup-value-unfit", "table", table.Name).Because(errors.New("the row is too long"))
		}
		digest.add(d.row)
		if d.done++; d.done%progressEvery == 0 {
			d.say()
		}
		return d.out.write(frameRow, d.row)
	})
	if err != nil {
		return err
	}
	if digest.rows != table.Rows {
		return fmt.Errorf("backup: table %s had %d rows and gave %d in one snapshot", table.Name, table.Rows, digest.rows)
	}
	return d.out.write(frameEnd, digest.bytes())
}

func (d *dumper) say() {
	if d.progress != nil {
		d.progress(d.done, d.total)
	}
}
