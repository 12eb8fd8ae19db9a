package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/store"
)

// chunks are how many values a statement takes, at most, for its rows: few
// sizes, so that each statement is prepared once.
var chunks = [...]int{1792, 128, 32, 1}

// largest is the first of the chunks that an engine uses: PostgreSQL pays for
// each round trip, and SQLite looks for the name of each $n from the list's
// beginning (a quarter of the sequencer's time with the largest, measured).
func largest(engine string) int {
	if engine == "sqlite" {
		return 1
	}
	return 0
}

// statements holds one text for each size of chunk.
type statements [len(chunks)]string

// rowsIn is how many rows a chunk takes.
func rowsIn(chunk, columns int) int { return max(1, chunk/columns) }

// placedColumns is how many values a row of audit_record takes.
const placedColumns = 7

var (
	sqlMoved  = forChunks("DELETE FROM audit_pending WHERE id IN (", ")", 1, false)
	sqlPlaced = forChunks("INSERT INTO audit_record (id, idx, org, name, by_, target, body) VALUES ", " ON CONFLICT DO NOTHING", placedColumns, true)
)

func forChunks(before, after string, columns int, brackets bool) (all statements) {
	for i, chunk := range chunks {
		var b strings.Builder
		b.WriteString(before)
		for n := range rowsIn(chunk, columns) * columns {
			if n > 0 {
				b.WriteByte(',')
			}
			if brackets && n%columns == 0 {
				b.WriteByte('(')
			}
			b.WriteString("$" + strconv.Itoa(n+1))
			if brackets && n%columns == columns-1 {
				b.WriteByte(')')
			}
		}
		b.WriteString(after)
		all[i] = b.String()
	}
	return all
}

// inChunks runs the statements over all rows of args and returns how many rows
// they changed. first is the largest chunk to use.
func inChunks(tx *store.Tx, first int, texts statements, columns int, args []any) (changed int64, err error) {
	for i, chunk := range chunks {
		if i < first {
			continue
		}
		for most := rowsIn(chunk, columns) * columns; len(args) >= most; args = args[most:] {
			n, err := tx.Exec(texts[i], args[:most]...)
			if err != nil {
				return changed, err
			}
			changed += n
		}
	}
	return changed, nil
}

func movedArgs(batch []waiter) []any {
	args := make([]any, len(batch))
	for i := range batch {
		args[i] = batch[i].id
	}
	return args
}

// placedArgs gives the batch dense indexes from first on. A body that cannot be
// read keeps its place and its leaf, and is found by Verify: one bad page must
// not stop the log.
func placedArgs(batch []waiter, first int64) []any {
	args := make([]any, 0, placedColumns*len(batch))
	for i := range batch {
		c := columnsOf(batch[i].body)
		args = append(args, batch[i].id, first+int64(i), c.org, c.name, c.by, c.target, batch[i].body)
	}
	return args
}

// indexMost bounds a value that an index holds, in bytes: PostgreSQL takes no
// more than 2,704 of them, and one record would stop the log.
const indexMost = 512

// indexed is a value as its column repeats it. What a column or its index would
// refuse (NUL and broken UTF-8 over PostgreSQL, or too long) stands there as
// its hash.
func indexed(value string) string {
	if len(value) <= indexMost && utf8.ValidString(value) && strings.IndexByte(value, 0) < 0 {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// columns are the fields that audit_record repeats.
type columns struct{ org, name, by, target string }

// columnsOf reads them without the rest of the body; nothing of a body that is
// not readable.
func columnsOf(body []byte) (c columns) {
	if len(body) == 0 || body[0] != bodyFormat {
		return c
	}
	r := bodyReader{rest: body[1:]}
	for len(r.rest) > 0 && !r.bad {
		if erased := r.flag(); erased {
			r.piece()
			r.take(hashLen)
			continue
		}
		name := r.piece()
		r.take(saltLen)
		value := r.piece()
		switch string(name) {
		case fieldOrg:
			c.org = indexed(string(value))
		case fieldName:
			c.name = indexed(string(value))
		case fieldBy:
			c.by = indexed(string(value))
		case fieldTarget:
			c.target = indexed(string(value))
		}
	}
	if r.bad {
		return columns{}
	}
	return c
}
