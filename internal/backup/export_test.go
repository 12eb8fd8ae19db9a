package backup

import (
	"io"
)

// parser is a taker that reads rows and keeps nothing.
type parser struct{ header *Header }

func (p *parser) begin(h *Header) error { p.header = h; return nil }

func (p *parser) row(table int, row []byte) error {
	values, err := parseRow(nil, p.header.Tables[table].Columns, row)
	if err != nil {
		return damaged(err)
	}
	again, err := appendRow(nil, p.header.Tables[table].Columns, values)
	if err != nil || string(again) != string(row) {
		panic("a row has two forms")
	}
	return nil
}

// Parse reads an unsigned copy without a database.
func Parse(r io.Reader) (*Header, error) { return read(r, false, &parser{}) }

// AppendRow and ParseRow encode rows.
var (
	AppendRow = appendRow
	ParseRow  = parseRow
)
