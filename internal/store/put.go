package store

import (
	"context"
	"regexp"
	"strings"
	"sync"
)

// put is a statement that nobody waits for (Tx.Later).
type put struct {
	query string
	args  []any
}

// puts are the statements that a group of writes has put off until its commit:
// rows that many writes insert into one table become one statement.
type puts []put

// putSizes are how many rows one statement takes: few sizes, so that each is
// prepared once.
var putSizes = [...]int{16, 4}

// putAll runs what was put off, in its order for each text.
func (c *sqliteConn) putAll(ctx context.Context) error {
	all := c.puts
	for len(all) > 0 {
		query := all[0].query
		rest := all[:0]
		var rows [][]any
		for _, p := range all {
			if p.query == query {
				rows = append(rows, p.args)
			} else {
				rest = append(rest, p)
			}
		}
		if err := c.putRows(ctx, query, rows); err != nil {
			return err
		}
		all = rest
	}
	clear(c.puts[:cap(c.puts)])
	c.puts = c.puts[:0]
	return nil
}

func (c *sqliteConn) putRows(ctx context.Context, query string, rows [][]any) error {
	for _, size := range putSizes {
		many := manyRows(query, len(rows[0]), size)
		for ; many != "" && len(rows) >= size; rows = rows[size:] {
			args := make([]any, 0, size*len(rows[0]))
			for _, row := range rows[:size] {
				args = append(args, row...)
			}
			if _, err := c.exec(ctx, many, args); err != nil {
				return err
			}
		}
		if len(rows) == 0 {
			return nil
		}
	}
	for _, row := range rows {
		if _, err := c.exec(ctx, query, row); err != nil {
			return err
		}
	}
	return nil
}

// oneRow is an insertion of one row of parameters and nothing else.
var oneRow = regexp.MustCompile(`^INSERT (INTO \w+ \([\w, ]+\) VALUES )\(\$1(, \$\d+)*\)$`)

var manyTexts sync.Map

type manyKey struct {
	query string
	size  int
}

// manyRows is query for size rows; "" if it is not an insertion of one row.
// Parameters without a name are faster: SQLite looks for each name from the
// list's beginning. OR FAIL saves the copy of every page that undoes one
// statement: a failure here undoes the whole group.
func manyRows(query string, columns, size int) string {
	if text, ok := manyTexts.Load(manyKey{query, size}); ok {
		return text.(string)
	}
	text := ""
	if m := oneRow.FindStringSubmatch(query); m != nil && strings.Count(query, "$") == columns {
		row := "(?" + strings.Repeat(", ?", columns-1) + ")"
		text = "INSERT OR FAIL " + m[1] + row + strings.Repeat(", "+row, size-1)
	}
	manyTexts.Store(manyKey{query, size}, text)
	return text
}
