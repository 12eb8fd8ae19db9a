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

// EraseField drops value and salt of one field of a record and keeps the
// field's hash, so that all proofs hold. The erasure leaves a record of its
// own. A record that is not in the tree yet is refused: a second later it is.
func (l *Log) EraseField(ctx context.Context, by id.Principal, record id.Record, name string) error {
	if slices.Contains(fixedFields, name) {
		return fault.New(fault.Unmet, "audit-field-fixed", "field", name)
	}
	return l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		fs, err := placed(&tx.View, record)
		if err != nil {
			return store.Abort(err)
		}
		i := fs.find(name)
		if i < 0 {
			return store.Abort(fault.New(fault.NotFound, "audit-field-unknown", "field", name))
		}
		said := termsOf(fs)
		fs.erase(i)
		_, err = tx.Exec("UPDATE audit_record SET body = $1 WHERE id = $2", fs.encode(nil), string(record))
		if err == nil {
			err = unsay(tx, map[string][]string{secondOf(string(record)): said})
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{
			Name: "audit.field-erased", Org: id.Org(fs.get(fieldOrg)), By: by, Target: "record:" + string(record),
			Fields: map[string]string{"field": name},
		})
	})
}

// placed reads a record that is in the tree, and else says why it is not.
func placed(v *store.View, record id.Record) (fields, error) {
	var body []byte
	err := v.Row("SELECT body FROM audit_record WHERE id = $1", string(record)).Scan(&body)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "audit-record-unknown", "id", string(record))
	}
	if err != nil {
		return nil, err
	}
	waits, err := waiting(v, string(record))
	if err == nil && waits {
		err = fault.New(fault.Busy, "audit-record-waiting", "id", string(record)).RetryAfter(time.Second)
	}
	if err != nil {
		return nil, err
	}
	return decodeBody(body)
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
	if err := l.countAll(ctx); err != nil { // what is gone cannot be counted
		return 0, err
	}
	for {
		s, err := l.oldest(ctx, lowest(before))
		if err != nil || len(s.ids) == 0 {
			return moved, err
		}
		if _, err := w.Write(s.lines); err != nil {
			return moved, err
		}
		if f, ok := w.(interface{ Sync() error }); ok {
			if err := f.Sync(); err != nil {
				return moved, err
			}
		}
		if err := l.takeOut(ctx, by, s); err != nil {
			return moved, err
		}
		moved += int64(len(s.ids))
	}
}

// stretch is what is archived at once: the records from a leaf on, in order.
type stretch struct {
	from  int64
	ids   []string
	lines []byte
	terms map[string][]string // what they say, by second
}

// oldest reads the oldest records, up to the first that is not older.
func (l *Log) oldest(ctx context.Context, before string) (s stretch, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		from, ids, err := firstPlaces(v, archiveStretch)
		if err != nil {
			return err
		}
		if n := slices.IndexFunc(ids, func(record string) bool { return record >= before }); n >= 0 {
			ids = ids[:n]
		}
		found, err := bodies(v, ids)
		if err != nil {
			return err
		}
		s = stretch{from: from, ids: ids, terms: map[string][]string{}}
		for i, record := range ids {
			body, ok := found[record]
			if !ok {
				return missing(from + int64(i))
			}
			fs, err := decodeBody(body)
			if err != nil {
				return err
			}
			s.lines = recordLine(s.lines, from+int64(i), fs)
			second := secondOf(record)
			s.terms[second] = append(s.terms[second], termsOf(fs)...)
		}
		return nil
	})
	return s, err
}

func (l *Log) takeOut(ctx context.Context, by id.Principal, s stretch) error {
	until, digest := s.from+int64(len(s.ids)), sha256.Sum256(s.lines)
	return l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		n, err := inChunks(tx, largest(l.store.Engine()), sqlGone, 1, anys(s.ids))
		if err == nil && n != int64(len(s.ids)) {
			err = errMoved
		}
		if err == nil {
			err = dropPlaces(tx, until)
		}
		if err == nil {
			err = unsay(tx, s.terms)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: eventArchived, By: by, Fields: map[string]string{
			fieldFrom: strconv.FormatInt(s.from, 10), fieldUntil: strconv.FormatInt(until, 10), fieldDigest: hex.EncodeToString(digest[:]),
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
