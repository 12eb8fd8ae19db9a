package words

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a text into the form in which it is searched and compared: full
// and half width, upper and lower case, hiragana and katakana, and any run of
// spaces are the same.
func Fold(s string) string {
	s = cases.Fold().String(norm.NFKC.String(s))
	s = norm.NFKC.String(s) // folding can undo a composition
	return strings.Join(strings.Fields(strings.Map(hiragana, s)), " ")
}

// hiragana turns a katakana that has one into its hiragana.
func hiragana(r rune) rune {
	if r >= 'ァ' && r <= 'ヶ' {
		return r - ('ァ' - 'ぁ')
	}
	return r
}

// Unshown reports whether a text has what cannot be shown as it is: controls,
// and the characters that turn the direction of what follows or show nothing
// (A128). Line breaks and tabs are for whoever takes them to allow.
func Unshown(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r == '\n' || r == '\t':
			return false
		case unicode.IsControl(r), r == 0x061c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
			return true
		}
		return r >= 0xfff9 && r <= 0xfffb || r >= 0xe0000 && r <= 0xe007f
	})
}

// Mixed reports whether one word of a text has letters of alphabets that look
// alike: a Cyrillic а among Latin letters makes another name of the same looks.
func Mixed(s string) bool {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		alike := 0
		for _, script := range [...]*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic} {
			if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(script, r) }) {
				alike++
			}
		}
		if alike > 1 {
			return true
		}
	}
	return false
}
