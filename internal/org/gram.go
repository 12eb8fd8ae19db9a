package org

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sekisho/sekisho/internal/words"
)

// Bounds of a gram in characters: what is longer is told apart by its first
// ones. Text without spaces has a gram from every character on, so that its
// bound is lower.
const (
	gramWord = 64
	gramText = 24
)

// spaceless reports whether a character belongs to a script that is written
// without spaces between words, as Japanese is.
func spaceless(r rune) bool { return r >= 0x2e80 }

// grams are what a person is found by, sorted: every word from its start, and
// text without spaces between words from every character. A gram that begins
// another one finds nothing that the other does not, and is left out.
func (p Person) grams() []string {
	var all []string
	for _, field := range [...]string{p.Login, p.Email, p.DisplayName, p.FamilyName, p.GivenName, p.Reading, p.FamilyName + p.GivenName} {
		for _, word := range pieces(field) {
			all = append(all, starts(word)...)
		}
	}
	slices.Sort(all)
	var some []string
	for i, gram := range all {
		if i+1 < len(all) && strings.HasPrefix(all[i+1], gram) {
			continue
		}
		some = append(some, gram)
	}
	return some
}

// starts are the grams of a word.
func starts(word string) (all []string) {
	runes := []rune(word)
	for i, r := range runes {
		switch {
		case spaceless(r):
			all = append(all, string(runes[i:min(len(runes), i+gramText)]))
		case i == 0 || spaceless(runes[i-1]):
			all = append(all, string(runes[i:min(len(runes), i+gramWord)]))
		}
	}
	return all
}

// pieces cuts a text into folded words; an address is found by its parts too,
// and a Japanese name with and without the space between its halves.
func pieces(text string) []string {
	fold := words.Kept(words.Fold(text))
	parts := strings.Fields(fold)
	if len(parts) > 1 && strings.ContainsFunc(fold, spaceless) {
		parts = append(parts, strings.Join(parts, ""))
	}
	return append(parts, strings.FieldsFunc(fold, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })...)
}

// beyond is the first text after all that begin with gram.
func beyond(gram string) string { return gram + "\U0010ffff" }

// mostTerms bounds the words of a search; further ones are not looked at.
const mostTerms = 5

// terms are what a search asks for, each once.
func terms(text string) []string {
	var all []string
	for _, word := range strings.Fields(words.Kept(words.Fold(text))) {
		runes := []rune(word)
		most := gramWord
		if spaceless(runes[0]) {
			most = gramText
		}
		word = string(runes[:min(len(runes), most)])
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all[:min(len(all), mostTerms)]
}
