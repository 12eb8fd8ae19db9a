package console

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
)

// exportMost bounds an export of what was found: the whole log has an export of
// its own, with its proofs.
const exportMost = 100_000

func exportAddress(v *web.Visit, format string) string {
	again := v.Request().URL.Query()
	again.Del("cursor")
	again.Del("newer")
	again.Set("format", format)
	return LogPath + "/export?" + again.Encode()
}

// giveLog is what was looked for as a file, newest first. Each page of it
// leaves the record of a search, so that nobody reads in silence. What fails on
// the way cannot be told any more: the file then lacks its last line, which
// says how many records it has.
func (r *Room) giveLog(v *web.Visit) error {
	reader, err := r.reader(v.Context(), v.Query("of"))
	if err != nil {
		return err
	}
	format := v.Query("format")
	if format != "jsonl" && format != "csv" {
		return fault.New(fault.Invalid, "audit-format-unknown", "format", format)
	}
	search, q := r.looked(v, reader)
	if search.FromError != "" || search.UntilError != "" { // a list without its bounds would say too much
		return fault.New(fault.Invalid, "audit-export-time")
	}
	q.Cursor, q.Newer, q.Brief, q.Limit = "", false, true, 500
	first, err := r.audit.Search(v.Context(), reader, q)
	if err != nil {
		return err
	}
	kind := map[string]string{"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}[format]
	v.Writer().Header().Set("Content-Type", kind)
	v.Writer().Header().Set("Content-Disposition", `attachment; filename="audit.`+format+`"`)
	_ = http.NewResponseController(v.Writer()).SetWriteDeadline(time.Time{})
	buffer := bufio.NewWriter(v.Writer())
	out := newFile(format, buffer)
	if err := r.pour(v.Context(), reader, q, first, out); err != nil {
		web.Note(v.Context(), "export", err.Error())
		return errors.Join(buffer.Flush(), nil)
	}
	return errors.Join(out.end(), buffer.Flush())
}

// pour writes page after page.
func (r *Room) pour(ctx context.Context, reader audit.Reader, q audit.Query, page audit.Page, out file) error {
	for n := 0; ; {
		for _, record := range page.Records {
			if n++; n > exportMost {
				return nil
			}
			if err := out.put(record); err != nil {
				return err
			}
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return nil
		}
		var err error
		if page, err = r.audit.Search(ctx, reader, q); err != nil {
			return err
		}
	}
}

// file is an export in one of the formats.
type file interface {
	put(audit.Record) error
	end() error
}

func newFile(format string, w io.Writer) file {
	if format == "csv" {
		return &csvFile{w: csv.NewWriter(w)}
	}
	return &lineFile{w: json.NewEncoder(w)}
}

type lineFile struct {
	w *json.Encoder
	n int
}

func (f *lineFile) put(a audit.Record) error {
	f.n++
	return f.w.Encode(resource(a))
}

func (f *lineFile) end() error { return f.w.Encode(map[string]int{"end": f.n}) }

type csvFile struct {
	w *csv.Writer
	n int
}

var csvColumns = []string{"id", "at", "name", "org", "by", "target", "source", "session", "request", "node", "fields"}

func (f *csvFile) put(a audit.Record) error {
	if f.n == 0 {
		if err := f.w.Write(csvColumns); err != nil {
			return err
		}
	}
	f.n++
	fields, err := json.Marshal(a.Fields)
	if err != nil {
		return err
	}
	row := []string{
		string(a.ID), a.At.UTC().Format(time.RFC3339Nano), a.Name, string(a.Org), string(a.By), a.Target, a.Source, a.Session, a.Request, string(a.Node), string(fields),
	}
	for i := range row {
		row[i] = inert(row[i])
	}
	return f.w.Write(row)
}

func (f *csvFile) end() error {
	if f.n == 0 {
		if err := f.w.Write(csvColumns); err != nil {
			return err
		}
	}
	f.w.Flush()
	return f.w.Error()
}

// inert keeps a spreadsheet from reading a value as a formula: what begins like
// one, or with what is skipped before one, gets an apostrophe before it.
func inert(value string) string {
	begin := strings.TrimLeft(value, " \u00a0\u3000")
	if begin != "" && slices.Contains([]rune("=+-@\t\r\n|%＝＋－＠"), []rune(begin)[0]) {
		return "'" + value
	}
	return value
}
