package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// termColumns is how many values a row of audit_term takes.
const termColumns = 2

// termKinds are the fields that records are looked up by, and how their terms
// begin.
var termKinds = [...]struct{ field, prefix string }{{fieldTarget, "target "}, {fieldBy, "by "}, {fieldOrg, "org "}}

// indexMost bounds a value that an index holds, in bytes: PostgreSQL takes no
// more than 2,704 of them, and one record would stop the log.
const indexMost = 512

// indexed is a value as its term repeats it. What a column or its index would
// refuse (NUL and broken UTF-8 over PostgreSQL, or too long) stands there as
// its hash.
func indexed(value string) string {
	if len(value) <= indexMost && utf8.ValidString(value) && strings.IndexByte(value, 0) < 0 {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// secondChars of an id say when it was made to 1,024 ms. Terms are noted by
// that: under load a few rows stand for thousands of records, and what is found
// is in the order of ids.
const secondChars = 8

// lastOfSecond makes of a second the greatest id in it.
const lastOfSecond = "zzzzzzzzzzzzzzzzzz"

func secondOf(record string) string { return record[:min(secondChars, len(record))] }

// termsOf returns the terms that a record says.
func termsOf(fs fields) (terms []string) {
	for _, kind := range termKinds {
		if value := fs.get(kind.field); value != "" {
			terms = append(terms, kind.prefix+indexed(value))
		}
	}
	return terms
}

// termArgs are the rows of audit_term that a batch needs, in order. A body that
// cannot be read says nothing; it keeps its place and its leaf, and is found by
// Verify: one bad page must not stop the log.
func termArgs(batch []waiter) []any {
	type row struct{ term, second string }
	seen := make(map[row]struct{}, len(batch))
	args := make([]any, 0, termColumns*len(batch))
	for i := range batch {
		second := secondOf(batch[i].id)
		eachTerm(batch[i].body, func(prefix string, value []byte) {
			r := row{prefix + indexed(string(value)), second}
			if _, known := seen[r]; !known {
				seen[r] = struct{}{}
				args = append(args, r.term, r.second)
			}
		})
	}
	return args
}

// eachTerm reads the terms of a whole body, and nothing else of it.
func eachTerm(body []byte, f func(prefix string, value []byte)) {
	eachCoded(body, func(field string, value []byte) {
		for _, kind := range termKinds {
			if kind.field == field && len(value) > 0 {
				f(kind.prefix, value)
			}
		}
	})
}

// eachCoded reads the fields of a whole body that the witness has filled in,
// and reports whether all of it could be read.
func eachCoded(body []byte, f func(field string, value []byte)) bool {
	if len(body) < 1+saltLen || body[0] != bodyWhole {
		return false
	}
	r := bodyReader{rest: body[1+saltLen:]}
	for len(r.rest) > 0 && !r.bad {
		coded := r.rest[0]
		if coded >= nameCoded {
			r.take(1)
		} else {
			r.piece()
		}
		value := r.piece()
		if r.bad || coded < nameCoded {
			continue
		}
		if code := int(coded &^ nameCoded); code < len(codedNames) {
			f(codedNames[code], value)
		}
	}
	return !r.bad
}

// notSaid returns the records among ids whose terms are not all there: whoever
// takes a term away hides the records that say it from every search.
func notSaid(v *store.View, ids []string, bodies map[string][]byte) (map[string]bool, error) {
	var pairs []any
	for _, record := range ids {
		eachTerm(bodies[record], func(prefix string, value []byte) {
			pairs = append(pairs, prefix+indexed(string(value)), secondOf(record))
		})
	}
	there := make(map[[2]string]bool, len(pairs)/termColumns)
	for i := bodiesChunk; i < len(chunks); i++ {
		for most := rowsIn(chunks[i], termColumns) * termColumns; len(pairs) >= most; pairs = pairs[most:] {
			if err := termsIn(v, there, sqlSaid[i], pairs[:most]); err != nil {
				return nil, err
			}
		}
	}
	hidden := map[string]bool{}
	for _, record := range ids {
		eachTerm(bodies[record], func(prefix string, value []byte) {
			if !there[[2]string{prefix + indexed(string(value)), secondOf(record)}] {
				hidden[record] = true
			}
		})
	}
	return hidden, nil
}

func termsIn(v *store.View, there map[[2]string]bool, query string, pairs []any) error {
	rows, err := v.Query(query, pairs...)
	if err != nil {
		return err
	}
	for rows.Next() {
		var term, second string
		if err := rows.Scan(&term, &second); err != nil {
			return errors.Join(err, rows.Close())
		}
		there[[2]string{term, second}] = true
	}
	return rows.Close()
}

// unsay forgets terms that no record of their second says any more.
func unsay(tx *store.Tx, terms map[string][]string) error {
	for second, said := range terms {
		still, err := saidIn(&tx.View, second)
		if err != nil {
			return err
		}
		slices.Sort(said)
		for _, term := range slices.Compact(said) {
			if still[term] {
				continue
			}
			if _, err := tx.Exec("DELETE FROM audit_term WHERE term = $1 AND second = $2", term, second); err != nil {
				return err
			}
		}
	}
	return nil
}

// saidIn returns the terms of all records of a second.
func saidIn(v *store.View, second string) (map[string]bool, error) {
	rows, err := v.Query("SELECT body FROM audit_record WHERE id >= $1 AND id <= $2", second, second+lastOfSecond)
	if err != nil {
		return nil, err
	}
	said := map[string]bool{}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if fs, err := decodeBody(body); err == nil {
			for _, term := range termsOf(fs) {
				said[term] = true
			}
		}
	}
	return said, rows.Close()
}

var _ [id.Len - secondChars - len(lastOfSecond)]struct{} // together they are an id
