package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// fixedFields cannot be erased: without them a record has no place and no
// meaning.
var fixedFields = []string{fieldID, fieldAt, fieldNode, fieldSeq, fieldName, fieldOrg}

// eraseColumn is the column that repeats a field.
var eraseColumn = map[string]string{fieldBy: "by_", fieldTarget: "target"}

// EraseField drops value and salt of one field of a record and keeps the
// field's hash, so that all proofs hold. The erasure leaves a record of its
// own. A record that is not in the tree yet is refused: a second later it is.
func (l *Log) EraseField(ctx context.Context, by id.Principal, record id.Record, name string) error {
	if slices.Contains(fixedFields, name) {
		return fault.New(fault.Unmet, "audit-field-fixed", "field", name)
	}
	return l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		var body []byte
		err := tx.Row("SELECT body FROM audit_record WHERE id = $1", string(record)).Scan(&body)
		if errors.Is(err, store.ErrNoRow) {
			return store.Abort(l.absent(&tx.View, record))
		}
		if err != nil {
			return store.Abort(err)
		}
		fs, err := decodeBody(body)
		if err != nil {
			return store.Abort(err)
		}
		i := fs.find(name)
		if i < 0 {
			return store.Abort(fault.New(fault.NotFound, "audit-field-unknown", "field", name))
		}
		fs.erase(i)
		set := ""
		if column := eraseColumn[name]; column != "" {
			set = ", " + column + " = ''"
		}
		if _, err := tx.Exec("UPDATE audit_record SET body = $1"+set+" WHERE id = $2", fs.encode(nil), string(record)); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{
			Name: "audit.field-erased", Org: id.Org(fs.get(fieldOrg)), By: by, Target: "record:" + string(record),
			Fields: map[string]string{"field": name},
		})
	})
}

// absent says why there is no such record in the tree.
func (l *Log) absent(v *store.View, record id.Record) error {
	var one int
	err := v.Row("SELECT 1 FROM audit_pending WHERE id = $1", string(record)).Scan(&one)
	if errors.Is(err, store.ErrNoRow) {
		return fault.New(fault.NotFound, "audit-record-unknown", "id", string(record))
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Busy, "audit-record-waiting", "id", string(record)).RetryAfter(time.Second)
}

// eventArchived is the record of a stretch that was taken out.
const (
	eventArchived = "audit.archived"
	fieldFrom     = "from"
	fieldUntil    = "until"
	fieldDigest   = "sha256"
)

// Archived is a stretch of records, From inclusive to Until exclusive, whose
// bodies were written to an archive. Digest is the SHA-256 of the lines.
type Archived struct {
	From, Until int64
	Digest      [sha256.Size]byte
}

func archivedOf(fs fields) (a Archived, ok bool) {
	from, err1 := strconv.ParseInt(fs.get(fieldFrom), 10, 64)
	until, err2 := strconv.ParseInt(fs.get(fieldUntil), 10, 64)
	digest, err3 := hex.DecodeString(fs.get(fieldDigest))
	if errors.Join(err1, err2, err3) != nil || len(digest) != sha256.Size || from < 0 || until <= from {
		return a, false
	}
	a.From, a.Until = from, until
	copy(a.Digest[:], digest)
	return a, true
}

// archiveStretch is how many records leave at once.
const archiveStretch = 1000

// Archive moves the bodies of records older than before to w, oldest first, as
// lines of an export, and keeps their leaf hashes, so that the tree stays
// whole. Each stretch is written (and synced, if w has Sync) before it is
// taken out, in a transaction that leaves a record with its digest. It stops
// at the first record that is younger, and returns how many it moved.
func (l *Log) Archive(ctx context.Context, by id.Principal, before time.Time, w io.Writer) (moved int64, err error) {
	for {
		lines, from, until, err := l.stretch(ctx, lowest(before))
		if err != nil || from == until {
			return moved, err
		}
		if _, err := w.Write(lines); err != nil {
			return moved, err
		}
		if f, ok := w.(interface{ Sync() error }); ok {
			if err := f.Sync(); err != nil {
				return moved, err
			}
		}
		if err := l.takeOut(ctx, by, from, until, sha256.Sum256(lines)); err != nil {
			return moved, err
		}
		moved += until - from
	}
}

// stretch reads the oldest records, up to the first that is not older.
func (l *Log) stretch(ctx context.Context, before string) (lines []byte, from, until int64, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT id, idx, body FROM audit_record ORDER BY idx LIMIT $1", archiveStretch)
		if err != nil {
			return err
		}
		for rows.Next() {
			var record string
			var index int64
			var body []byte
			if err := rows.Scan(&record, &index, &body); err != nil {
				return errors.Join(err, rows.Close())
			}
			fs, err := decodeBody(body)
			if err != nil {
				return errors.Join(err, rows.Close())
			}
			if record >= before {
				break
			}
			if len(lines) == 0 {
				from, until = index, index
			}
			if index != until {
				return errors.Join(missing(until), rows.Close())
			}
			lines, until = recordLine(lines, index, fs), index+1
		}
		return rows.Close()
	})
	return lines, from, until, err
}

func (l *Log) takeOut(ctx context.Context, by id.Principal, from, until int64, digest [sha256.Size]byte) error {
	return l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec("DELETE FROM audit_record WHERE idx >= $1 AND idx < $2", from, until)
		if err == nil && n != until-from {
			err = errMoved
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: eventArchived, By: by, Fields: map[string]string{
			fieldFrom: strconv.FormatInt(from, 10), fieldUntil: strconv.FormatInt(until, 10), fieldDigest: hex.EncodeToString(digest[:]),
		}})
	})
}

// VerifyArchive holds an archive against the stretches that a verified log says
// were taken out (Report.Archived), and returns how many records it holds.
// Other stretches than those in r are not asked for: an archive is one file of
// many.
func VerifyArchive(ctx context.Context, r io.Reader, stretches []Archived) (records int64, err error) {
	starts := map[int64]Archived{}
	for _, a := range stretches {
		starts[a.From] = a
	}
	sum := sha256.New()
	var now Archived
	next := int64(-1)
	err = eachLine(ctx, r, func(line *parsedLine) error {
		if line.err != nil || line.kind != kindRecord {
			return fault.New(fault.Invalid, "audit-export-unreadable", "line", line.number, "record", max(0, next))
		}
		if next < 0 {
			now, next = starts[line.index], line.index
			sum.Reset()
		}
		if line.index != next || now.Until == 0 {
			return fault.New(fault.Unmet, "audit-order-broken", "record", line.index)
		}
		sum.Write(line.raw)
		records, next = records+1, next+1
		if next < now.Until {
			return nil
		}
		next = -1
		if !bytes.Equal(sum.Sum(nil), now.Digest[:]) {
			return fault.New(fault.Unmet, "audit-archive-altered", "record", now.From, "last", now.Until-1)
		}
		return nil
	})
	if err == nil && next >= 0 {
		err = fault.New(fault.Unmet, "audit-export-cut", "size", next, "want", now.Until)
	}
	return records, err
}
