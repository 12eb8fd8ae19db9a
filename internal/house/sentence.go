package house

import (
	"errors"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/wire/yaml"
	"github.com/sekisho/sekisho/internal/words"
)

// Sentence says an error to somebody at a terminal: what happened, where, and
// what to do. Errors without a sentence of their own say their text.
func Sentence(book *words.Book, lang words.Lang, err error) string {
	var problems yaml.Problems
	if errors.As(err, &problems) {
		var lines []string
		for _, p := range problems {
			lines = append(lines, place(p)+book.Say(lang, "problem."+p.Code, p.Args))
		}
		return strings.Join(lines, "\n")
	}
	f := fault.As(err)
	if f == nil || !book.Has("problem."+f.Code) {
		return err.Error()
	}
	lines := []string{book.Say(lang, "problem."+f.Code, f.Args)}
	for _, field := range f.Fields {
		lines = append(lines, where(field)+book.Say(lang, "problem."+field.Code, field.Args))
	}
	if do := "problem." + f.Code + ".do"; book.Has(do) {
		lines = append(lines, book.Say(lang, do, f.Args))
	}
	if f.Kind == fault.Unmet || f.Kind == fault.Busy {
		if cause := f.Unwrap(); cause != nil {
			lines = append(lines, "("+cause.Error()+")")
		}
	}
	return strings.Join(lines, "\n")
}

func place(p yaml.Problem) string {
	at := p.Place()
	if p.Path != "" {
		at += ": " + p.Path
	}
	return at + ": "
}

// where is the place of a bad field in a file, if it stands in one, and its path.
func where(field fault.Field) string {
	at := ""
	if place, ok := field.Args["place"].(string); ok && place != "" {
		at = place + ": "
	}
	if field.Path == "" {
		return at
	}
	return at + field.Path + ": "
}
