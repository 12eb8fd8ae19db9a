package backup_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

func TestRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var columns []store.Column
		var values []any
		for range rapid.IntRange(1, 12).Draw(t, "width") {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				columns, values = append(columns, store.Column{Kind: store.KindText}), append(values, nil)
			case 1:
				columns, values = append(columns, store.Column{Kind: store.KindInteger}), append(values, rapid.Int64().Draw(t, "n"))
			case 2:
				columns, values = append(columns, store.Column{Kind: store.KindText}), append(values, rapid.String().Draw(t, "text"))
			case 3:
				columns, values = append(columns, store.Column{Kind: store.KindBytes}), append(values, rapid.SliceOf(rapid.Byte()).Draw(t, "raw"))
			}
		}
		row, err := backup.AppendRow(nil, columns, values)
		if err != nil {
			t.Fatal(err)
		}
		got, err := backup.ParseRow(nil, columns, row)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Fatal(diff)
		}
		if _, err := backup.ParseRow(nil, columns, row[:len(row)-1]); err == nil {
			t.Fatal("a row that is cut short is read")
		}
		if _, err := backup.ParseRow(nil, columns, append(row, 0)); err == nil {
			t.Fatal("a row that is too long is read")
		}
	})
}

func TestRowsOfOtherKindsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		kind  store.Kind
		value any
	}{
		"text as a number": {store.KindInteger, "1"}, "bytes as text": {store.KindText, []byte("x")},
		"a number as text": {store.KindText, int64(1)}, "a float": {store.KindInteger, 1.5},
		"broken UTF-8": {store.KindText, "a\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := backup.AppendRow(nil, []store.Column{{Name: "c", Kind: c.kind}}, []any{c.value}); err == nil {
				t.Error("written")
			}
		})
	}
}

// FuzzParse: whatever is read, the only answers are a copy that is whole and a
// fault.
func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add(join([]frame{{'H', []byte(`{"format":1,"tables":[{"name":"a","columns":[{"name":"b","kind":"text"}],"rows":1}]}`)}, {'T', []byte("a")}, {'R', []byte{0}}}))
	f.Add(join([]frame{{'H', []byte(`{"format":2}`)}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := backup.Parse(bytes.NewReader(content)); err != nil && fault.As(err) == nil {
			t.Errorf("%v is no fault", err)
		}
	})
}
