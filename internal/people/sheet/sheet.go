// Package sheet reads and writes lists of people as spreadsheets do.
package sheet

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/words"
)

// Columns are those of a list of people, in the order in which lists are
// written. A file may have them in any order and leave out all but login.
var Columns = []string{
	"login", "email", "display_name", "family_name", "given_name", "reading", "locale", "time_zone",
	"roles", "groups", "manager", "password_hash",
}

// Bounds of a list.
const (
	MostRows  = 10_000
	MostBytes = 5 << 20
)

// Sheet is a list as it was read.
type Sheet struct {
	Columns []string
	Lines   []Line
}

// Line is one line of a list, with the number that an editor shows.
type Line struct {
	Number int
	Cells  map[string]string // by column
	Odd    bool              // has another number of cells than the head
}

// Read reads a list: comma or tab between cells, RFC 4180 quotes, in UTF-8
// or the Shift_JIS of spreadsheets. Without a head it is a list of addresses. A
// cell is data whatever it begins with.
func Read(file []byte) (Sheet, *fault.Fault) {
	if len(file) > MostBytes {
		return Sheet{}, fault.New(fault.Invalid, "import-too-large", "limit", MostBytes>>20)
	}
	text, ok := words.Decode(file)
	if !ok || strings.IndexByte(text, 0) >= 0 {
		return Sheet{}, fault.New(fault.Invalid, "import-not-text")
	}
	head, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	if strings.Contains(head, "@") && !strings.Contains(words.Fold(head), "login") {
		return addresses(text)
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord, reader.ReuseRecord = -1, true
	if strings.Count(head, "\t") > strings.Count(head, ",") {
		reader.Comma = '\t'
	}
	return collect(reader)
}

func collect(reader *csv.Reader) (s Sheet, f *fault.Fault) {
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return s, fault.New(fault.Invalid, "import-malformed", "line", bad.Line, "column", bad.Column)
		}
		if err != nil || blank(record) {
			continue
		}
		number, _ := reader.FieldPos(0)
		if s.Columns == nil {
			if s.Columns, f = readHead(record); f != nil {
				return s, f
			}
			continue
		}
		s.Lines = append(s.Lines, s.line(number, record))
		if len(s.Lines) > MostRows {
			break
		}
	}
	return s, s.bounds()
}

func (s Sheet) bounds() *fault.Fault {
	switch {
	case len(s.Lines) > MostRows:
		return fault.New(fault.Invalid, "import-too-long", "limit", MostRows)
	case len(s.Lines) == 0:
		return fault.New(fault.Invalid, "import-empty")
	}
	return nil
}

// addresses reads what mail programs give: addresses with or without names,
// one a line or with commas or semicolons between them. The login is the
// address.
func addresses(text string) (Sheet, *fault.Fault) {
	s := Sheet{Columns: []string{"login", "email", "display_name"}}
	for i, one := range strings.Split(text, "\n") {
		for cell := range strings.FieldsFuncSeq(one, func(r rune) bool { return r == ',' || r == ';' || r == '\r' }) {
			name, address, named := strings.Cut(strings.TrimSuffix(strings.TrimSpace(cell), ">"), "<")
			if !named {
				name, address = "", name
			}
			if address == "" && name == "" {
				continue
			}
			s.Lines = append(s.Lines, Line{Number: i + 1, Cells: map[string]string{
				"login": address, "email": address, "display_name": strings.Trim(strings.TrimSpace(name), `"`),
			}})
		}
	}
	return s, s.bounds()
}

func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(cell string) bool { return strings.TrimSpace(cell) != "" })
}

func readHead(record []string) ([]string, *fault.Fault) {
	columns := make([]string, len(record))
	for i, cell := range record {
		name := strings.ReplaceAll(words.Fold(cell), " ", "_")
		switch {
		case !slices.Contains(Columns, name):
			return nil, fault.New(fault.Invalid, "import-column-unknown", "column", cell, "known", strings.Join(Columns, ", "))
		case slices.Contains(columns, name):
			return nil, fault.New(fault.Invalid, "import-column-twice", "column", name)
		}
		columns[i] = name
	}
	if !slices.Contains(columns, "login") {
		return nil, fault.New(fault.Invalid, "import-login-missing")
	}
	return columns, nil
}

func (s Sheet) line(number int, record []string) Line {
	l := Line{Number: number, Cells: map[string]string{}, Odd: len(record) != len(s.Columns)}
	for i, cell := range record[:min(len(record), len(s.Columns))] {
		l.Cells[s.Columns[i]] = unguard(strings.TrimSpace(cell))
	}
	return l
}

// formulas are what a spreadsheet takes for the beginning of a formula (A129).
const formulas = "=+-@\t\r"

// guard makes a cell that no spreadsheet computes.
func guard(cell string) string {
	if cell != "" && strings.IndexByte(formulas, cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

// unguard takes back what guard put in front.
func unguard(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte(formulas, cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}

// Names cuts a cell of several names.
func Names(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(" ,;　、", r) || r == '\n' })
}

// Write writes a list that Read reads back.
func Write(out io.Writer, columns []string, rows [][]string) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.Write(columns); err != nil {
		return err
	}
	for _, row := range rows {
		for i := range row {
			row[i] = guard(row[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// Readable is a file as the text that a page can send back.
func Readable(file []byte) string {
	text, _ := words.Decode(file)
	return text
}
