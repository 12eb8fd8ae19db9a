package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/store"
)

// formatNow is the only format there is.
const formatNow = 1

// Header says what a copy holds.
type Header struct {
	Format     int       `json:"format"`
	MadeAt     time.Time `json:"made_at"`
	Version    string    `json:"version"` // of the program
	Engine     string    `json:"engine"`  // it was read from
	Migrations []int64   `json:"migrations"`
	Tables     []Table   `json:"tables"`
	AuditKey   string    `json:"audit_key"`  // public
	Checkpoint string    `json:"checkpoint"` // newest signed note; "" if there is none
	Recipients []string  `json:"recipients"` // the recovery recipient first; none: the copy is not a file
	// Root is the root key, encrypted to the recipients but the first: theirs is
	// no kit that could open what the database has.
	Root []byte `json:"root,omitempty"`
}

// Table is a table with the number of its rows.
type Table struct {
	store.Table
	Rows int64 `json:"rows"`
}

func (h *Header) rows() (n int64) {
	for _, t := range h.Tables {
		n += t.Rows
	}
	return n
}

// The kinds of frames.
const (
	frameHeader   = 'H'
	frameTable    = 'T'
	frameRow      = 'R'
	frameEnd      = 'E'
	frameManifest = 'M'
)

// The caps on what is read, of which each stops a hostile file early (A153).
const (
	headerMost   = 1 << 20
	manifestMost = 64 << 10
	rowMost      = 64 << 20
	tableMost    = 10_000
	columnMost   = 1_000
)

const frameHead = 5 // bytes before the content

// The tags of values.
const (
	tagNull = iota
	tagInteger
	tagText
	tagBytes
)

// frames writes frames and hashes all of them.
type frames struct {
	w    *bufio.Writer
	hash hash.Hash
	head [frameHead]byte
}

func newFrames(w io.Writer) *frames {
	sum := sha256.New()
	return &frames{w: bufio.NewWriterSize(io.MultiWriter(w, sum), 256<<10), hash: sum}
}

func (f *frames) write(kind byte, content []byte) error {
	f.head[0] = kind
	binary.BigEndian.PutUint32(f.head[1:], uint32(len(content))) //nolint:gosec // content is capped
	if _, err := f.w.Write(f.head[:]); err != nil {
		return err
	}
	_, err := f.w.Write(content)
	return err
}

// sum is the hash of what was written.
func (f *frames) sum() ([]byte, error) {
	err := f.w.Flush()
	return f.hash.Sum(nil), err
}

// appendRow encodes the values of a row by the kinds of their columns.
func appendRow(buf []byte, columns []store.Column, values []any) ([]byte, error) {
	for i, value := range values {
		var ok bool
		if buf, ok = appendValue(buf, columns[i].Kind, value); !ok {
			return nil, fmt.Errorf("backup: column %s holds a %T, want %s", columns[i].Name, value, columns[i].Kind)
		}
	}
	return buf, nil
}

// appendValue is false if the value is not of the column's kind: SQLite keeps
// what it is given, and text as bytes would be other bytes on PostgreSQL.
func appendValue(buf []byte, kind store.Kind, value any) ([]byte, bool) {
	switch v := value.(type) {
	case nil:
		return append(buf, tagNull), true
	case int64:
		return binary.BigEndian.AppendUint64(append(buf, tagInteger), uint64(v)), kind == store.KindInteger //nolint:gosec // two's complement both ways
	case string:
		buf = binary.BigEndian.AppendUint32(append(buf, tagText), uint32(len(v))) //nolint:gosec // the frame is capped
		return append(buf, v...), kind == store.KindText && utf8.ValidString(v)
	case []byte:
		buf = binary.BigEndian.AppendUint32(append(buf, tagBytes), uint32(len(v))) //nolint:gosec // the frame is capped
		return append(buf, v...), kind == store.KindBytes
	}
	return buf, false
}

var errRow = errors.New("backup: a row is not written as its columns say")

// parseRow is the inverse of appendRow; what it appends to values does not
// share memory with row.
func parseRow(values []any, columns []store.Column, row []byte) ([]any, error) {
	for _, column := range columns {
		value, rest, err := parseValue(column.Kind, row)
		if err != nil {
			return nil, err
		}
		values, row = append(values, value), rest
	}
	if len(row) > 0 {
		return nil, errRow
	}
	return values, nil
}

func parseValue(kind store.Kind, row []byte) (value any, rest []byte, err error) {
	if len(row) == 0 {
		return nil, nil, errRow
	}
	tag, row := row[0], row[1:]
	switch {
	case tag == tagNull:
		return nil, row, nil
	case tag == tagInteger && kind == store.KindInteger && len(row) >= 8:
		return int64(binary.BigEndian.Uint64(row)), row[8:], nil //nolint:gosec // two's complement both ways
	case tag == tagText && kind == store.KindText, tag == tagBytes && kind == store.KindBytes:
		if len(row) < 4 {
			return nil, nil, errRow
		}
		n := binary.BigEndian.Uint32(row)
		if row = row[4:]; uint64(n) > uint64(len(row)) {
			return nil, nil, errRow
		}
		if tag == tagBytes {
			return append(make([]byte, 0, n), row[:n]...), row[n:], nil
		}
		if text := string(row[:n]); utf8.ValidString(text) {
			return text, row[n:], nil
		}
	}
	return nil, nil, errRow
}

// digest is the sum of the hashes of rows, in whatever order an engine gives
// them back. It finds what an engine changed; the manifest's hash is what finds
// a forger.
type digest struct {
	rows int64
	sum  [4]uint64
}

func (d *digest) add(row []byte) {
	hashed := sha256.Sum256(row)
	for i := range d.sum {
		d.sum[i] += binary.BigEndian.Uint64(hashed[8*i:])
	}
	d.rows++
}

func (d *digest) bytes() []byte {
	out := binary.BigEndian.AppendUint64(nil, uint64(d.rows)) //nolint:gosec // a count
	for _, part := range d.sum {
		out = binary.BigEndian.AppendUint64(out, part)
	}
	return out
}

// manifestText is what is signed. It is no checkpoint: it has other lines.
func manifestText(h *Header, sum []byte) string {
	return "sekisho backup manifest\nformat " + strconv.Itoa(h.Format) + "\nmade " + h.MadeAt.UTC().Format(time.RFC3339Nano) +
		"\ntables " + strconv.Itoa(len(h.Tables)) + "\nrows " + strconv.FormatInt(h.rows(), 10) +
		"\nsha256 " + fmt.Sprintf("%x", sum) + "\n"
}

func parseHeader(content []byte) (*Header, error) {
	h := &Header{}
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	if err := decoder.Decode(h); err != nil {
		return nil, err
	}
	if h.Format == formatNow && (len(h.Tables) == 0 || len(h.Tables) > tableMost) {
		return nil, errors.New("backup: a header without tables")
	}
	for _, t := range h.Tables {
		if len(t.Columns) == 0 || len(t.Columns) > columnMost || t.Rows < 0 {
			return nil, fmt.Errorf("backup: table %q of the header", t.Name)
		}
	}
	return h, nil
}
