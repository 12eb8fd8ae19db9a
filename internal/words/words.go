// Package words loads the sentences that people read. Each room keeps its own
// in words/en.yaml and words/ja.yaml: a flat map from key to sentence, in which
// {name} stands for an argument and {{ for a brace. No sentence stands anywhere
// else, and both languages are complete (a test of the house sees to it).
package words

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Lang is a language of the house, as in the lang attribute of HTML.
type Lang string

// The languages, English first: it is the fallback.
const (
	English  Lang = "en"
	Japanese Lang = "ja"
)

// Langs lists the languages in the order in which pages offer them.
var Langs = []Lang{English, Japanese}

// Book holds all sentences of the house. It is read-only after Load.
type Book struct{ pages map[Lang]map[string]string }

// Load reads words/LANG.yaml of every room. A key that two rooms define, a
// language without the file, and a key that one language lacks are errors.
func Load(rooms ...fs.FS) (*Book, error) {
	book := &Book{pages: map[Lang]map[string]string{}}
	for _, lang := range Langs {
		book.pages[lang] = map[string]string{}
		for _, room := range rooms {
			if err := book.add(lang, room); err != nil {
				return nil, err
			}
		}
	}
	return book, book.complete()
}

func (b *Book) add(lang Lang, room fs.FS) error {
	name := "words/" + string(lang) + ".yaml"
	text, err := fs.ReadFile(room, name)
	if err != nil {
		return fmt.Errorf("words: %w", err)
	}
	docs, err := yaml.Parse(name, text, yaml.Limits{})
	if err != nil {
		return fmt.Errorf("words: %w", err)
	}
	page := map[string]string{}
	for _, doc := range docs {
		if err := yaml.Decode(doc, &page); err != nil {
			return fmt.Errorf("words: %w", err)
		}
	}
	for key, sentence := range page {
		if _, twice := b.pages[lang][key]; twice {
			return fmt.Errorf("words: key %q stands in two rooms (%s)", key, lang)
		}
		b.pages[lang][key] = sentence
	}
	return nil
}

func (b *Book) complete() error {
	var missing []error
	for _, lang := range Langs {
		for key := range b.pages[English] {
			if b.pages[lang][key] == "" {
				missing = append(missing, fmt.Errorf("words: %q has no %s sentence", key, lang))
			}
		}
		for key := range b.pages[lang] {
			if b.pages[English][key] == "" {
				missing = append(missing, fmt.Errorf("words: %q stands in %s only", key, lang))
			}
		}
	}
	return errors.Join(missing...)
}

// Has reports whether the key exists.
func (b *Book) Has(key string) bool { return b.pages[English][key] != "" }

// Keys returns all keys in order.
func (b *Book) Keys() []string { return slices.Sorted(maps.Keys(b.pages[English])) }

// Raw returns the sentence of key in lang with its braces.
func (b *Book) Raw(lang Lang, key string) string { return b.pages[lang][key] }

// Say returns the sentence of key in lang with the arguments filled in. A key
// that nobody wrote shows as itself in brackets: visible, never a panic.
func (b *Book) Say(lang Lang, key string, args map[string]any) string {
	sentence := b.pages[lang][key]
	if sentence == "" {
		sentence = b.pages[English][key]
	}
	if sentence == "" {
		return "[" + key + "]"
	}
	return fill(sentence, args)
}

// Names returns the argument names that a sentence uses, in order of use.
func Names(sentence string) []string {
	var names []string
	walk(sentence, func(string) {}, func(name string) { names = append(names, name) })
	return names
}

func fill(sentence string, args map[string]any) string {
	if !strings.ContainsAny(sentence, "{}") {
		return sentence
	}
	var out strings.Builder
	walk(sentence,
		func(text string) { out.WriteString(text) },
		func(name string) {
			if value, ok := args[name]; ok {
				fmt.Fprint(&out, value)
			} else {
				out.WriteString("{" + name + "}")
			}
		})
	return out.String()
}

// walk hands each stretch of text and each {name} of the sentence, in order.
func walk(sentence string, text, name func(string)) {
	for sentence != "" {
		open := strings.IndexByte(sentence, '{')
		if open < 0 {
			text(sentence)
			return
		}
		text(sentence[:open])
		sentence = sentence[open+1:]
		if strings.HasPrefix(sentence, "{") {
			text("{")
			sentence = sentence[1:]
			continue
		}
		inside, rest, found := strings.Cut(sentence, "}")
		if !found {
			text("{" + inside)
			return
		}
		name(inside)
		sentence = rest
	}
}

// Pick returns the language for an Accept-Language value; the header's order
// decides, weights other than q=0 are ignored, and English is the fallback.
func Pick(accept string) Lang {
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if strings.ReplaceAll(params, " ", "") == "q=0" {
			continue
		}
		if slices.Contains(Langs, Lang(primary)) {
			return Lang(primary)
		}
	}
	return English
}
