package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The list of common passwords, and the rows of keys and letters that fingers
// and minds run along. list/README.md says where they come from.
var (
	//go:embed list/common.gz
	commonFile []byte
	//go:embed list/rows.txt
	rowsFile string
)

// block is how many entries follow each other by what they share with the one
// before; the first of a block stands whole, so that blocks can be searched.
const block = 16

// list is a sorted set of folded passwords, kept front-coded: per entry one
// byte for how much it shares with the one before, one for how many bytes
// follow, and these. 221,000 entries take 1.4 MB.
type list struct {
	text  []byte
	heads []uint32 // where blocks begin
	rows  []string
}

// common decodes the list when it is first asked for.
var common = sync.OnceValues(func() (*list, error) { return readList(commonFile, rowsFile) })

// listTop bounds the decoded list.
const listTop = 4 << 20

func readList(packed []byte, rows string) (*list, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("password: list of common passwords: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, listTop))
	if err != nil {
		return nil, fmt.Errorf("password: list of common passwords: %w", err)
	}
	l := &list{text: slices.Clip(text)}
	for row := range strings.Lines(rows) {
		row = fold(strings.TrimSpace(row))
		l.rows = append(l.rows, strings.Repeat(row, 2), strings.Repeat(reverse(row), 2))
	}
	at, n := 0, 0
	for ; at < len(text); n++ {
		if n%block == 0 {
			l.heads = append(l.heads, uint32(at))
		}
		if at+2 > len(text) || n%block == 0 && text[at] != 0 {
			return nil, errors.New("password: list of common passwords: damaged")
		}
		at += 2 + int(text[at+1])
	}
	if at != len(text) || n == 0 {
		return nil, errors.New("password: list of common passwords: cut short")
	}
	return l, nil
}

// each yields the entries between two places of the text, in their order.
func (l *list) each(from, to int, yield func(entry []byte) bool) {
	var entry []byte
	for from < to {
		shared, size := min(int(l.text[from]), len(entry)), int(l.text[from+1])
		entry = append(entry[:shared], l.text[from+2:from+2+size]...)
		if !yield(entry) {
			return
		}
		from += 2 + size
	}
}

func (l *list) has(folded string) bool {
	want := []byte(folded)
	b, found := slices.BinarySearchFunc(l.heads, want, func(head uint32, w []byte) int {
		return bytes.Compare(l.text[head+2:head+2+uint32(l.text[head+1])], w)
	})
	if found || b == 0 {
		return found
	}
	end := len(l.text)
	if b < len(l.heads) {
		end = int(l.heads[b])
	}
	l.each(int(l.heads[b-1]), end, func(entry []byte) bool {
		found = bytes.Equal(entry, want)
		return !found
	})
	return found
}

// decorationMost is how many signs around a common word make it no better.
const decorationMost = 8

// isCommon reports whether a folded password is one that others try first:
//
//   - it stands in the list, whatever its case and width;
//   - it is a word of the list with at most eight digits or signs around it;
//   - it is a piece of fewer than 8 characters, or one from the list, over and
//     over again ("abcabcabcabcabc", also cut off at the end);
//   - it runs along a row of keys, of the alphabet or of the kana.
func (l *list) isCommon(folded string) bool {
	if l.has(folded) || l.isRow(folded) || l.isRepeated([]rune(folded)) {
		return true
	}
	word := strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
	around := utf8.RuneCountInString(folded) - utf8.RuneCountInString(word)
	return word != "" && around > 0 && around <= decorationMost && (l.has(word) || l.isRow(word) || l.isRepeated([]rune(word)))
}

// rowLeast is the shortest run along a row that says anything about intent.
const rowLeast = 4

func (l *list) isRow(s string) bool {
	return utf8.RuneCountInString(s) >= rowLeast && slices.ContainsFunc(l.rows, func(row string) bool { return strings.Contains(row, s) })
}

func (l *list) isRepeated(s []rune) bool {
	for n := 1; n <= len(s)/2; n++ {
		if repeats(s, n) && (n < LeastWithMore || l.has(string(s[:n])) || l.isRow(string(s[:n]))) {
			return true
		}
	}
	return false
}

func repeats(s []rune, n int) bool {
	return slices.Equal(s[n:], s[:len(s)-n])
}

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}
