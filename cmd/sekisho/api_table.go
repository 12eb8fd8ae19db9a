package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// widest is how many columns of the terminal a cell takes at most.
const widest = 44

// writeTable writes one line for each item below a line of names.
func writeTable(w io.Writer, columns []string, items []any) error {
	rows := [][]string{nil}
	for _, name := range columns {
		rows[0] = append(rows[0], strings.ToUpper(name))
	}
	for _, item := range items {
		object, _ := item.(map[string]any)
		var row []string
		for _, name := range columns {
			row = append(row, cut(cell(object[name])))
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], width(text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, text := range row {
			line.WriteString(text)
			line.WriteString(strings.Repeat(" ", widths[i]-width(text)+2))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// writePairs writes one line for each member of an answer.
func writePairs(w io.Writer, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		_, err := fmt.Fprintln(w, cell(value))
		return err
	}
	names, wide := slices.Sorted(maps.Keys(object)), 0
	for _, name := range names {
		wide = max(wide, width(name))
	}
	for _, name := range names {
		if _, err := fmt.Fprintf(w, "%s%s  %s\n", name, strings.Repeat(" ", wide-width(name)), cell(object[name])); err != nil {
			return err
		}
	}
	return nil
}

// cell is a value in one line. Control characters would act on the terminal.
func cell(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return harmless(value)
	case []any:
		var parts []string
		for _, one := range value {
			if _, inner := one.(map[string]any); inner {
				return compact(value)
			}
			parts = append(parts, cell(one))
		}
		return strings.Join(parts, " ")
	case map[string]any:
		return compact(value)
	}
	return fmt.Sprint(value)
}

func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return harmless(string(text))
}

func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
}

// cut shortens what is too wide for a cell.
func cut(text string) string {
	if width(text) <= widest {
		return text
	}
	n := 0
	for i, r := range text {
		if n += wideness(r); n >= widest {
			return text[:i] + "…"
		}
	}
	return text
}

func width(text string) (n int) {
	for _, r := range text {
		n += wideness(r)
	}
	return n
}

// wideness is how many columns a character takes: those of East Asia two.
func wideness(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff ||
		r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd):
		return 2
	}
	return 1
}
