package audit

import (
	"errors"
	"strconv"
	"strings"

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

var (
	sqlMoved  = forChunks("DELETE FROM audit_pending WHERE id IN (", ")", 1, false)
	sqlGone   = forChunks("DELETE FROM audit_record WHERE id IN (", ")", 1, false)
	sqlBodies = forChunks("SELECT id, body FROM audit_record WHERE id IN (", ")", 1, false)
	sqlSaid   = forChunks("SELECT term, second FROM audit_term WHERE (term, second) IN (VALUES ", ")", termColumns, true)
	sqlTerms  = forChunks("INSERT INTO audit_term (term, second) VALUES ", " ON CONFLICT DO NOTHING", termColumns, true)
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

// anys makes arguments of texts.
func anys(texts []string) []any {
	args := make([]any, len(texts))
	for i := range texts {
		args[i] = texts[i]
	}
	return args
}

// bodiesChunk is the largest of the chunks that bodies are read in.
const bodiesChunk = 1

// bodies reads the bodies of records by their ids. Those that are not there are
// missing in the answer.
func bodies(v *store.View, ids []string) (map[string][]byte, error) {
	found := make(map[string][]byte, len(ids))
	args := anys(ids)
	for i := bodiesChunk; i < len(chunks); i++ {
		for most := chunks[i]; len(args) >= most; args = args[most:] {
			if err := bodiesIn(v, found, sqlBodies[i], args[:most]); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func bodiesIn(v *store.View, found map[string][]byte, query string, args []any) error {
	rows, err := v.Query(query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		var record string
		var body []byte
		if err := rows.Scan(&record, &body); err != nil {
			return errors.Join(err, rows.Close())
		}
		found[record] = body
	}
	return rows.Close()
}
