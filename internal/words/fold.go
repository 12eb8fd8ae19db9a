package words

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a text into the form in which it is searched and compared: full
// and half width, upper and lower case, hiragana and katakana, variants of one
// character (葛󠄀 and 葛) and any run of spaces are the same.
func Fold(s string) string {
	if plain(s) {
		return strings.Join(strings.Fields(strings.ToLower(s)), " ")
	}
	s = strings.Map(unvaried, norm.NFKC.String(s))
	s = norm.NFKC.String(cases.Fold().String(s)) // folding can undo a composition
	return strings.Join(strings.Fields(norm.NFKC.String(strings.Map(settled, s))), " ")
}

// plain reports whether a text is ASCII, as logins and addresses are: there
// only case and spaces differ.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// unvaried drops what chooses among the shapes of the character before it.
func unvaried(r rune) rune {
	if unicode.Is(unicode.Variation_Selector, r) {
		return -1
	}
	return r
}

// settled turns a katakana that has one into its hiragana, and the small
// letters of Cherokee into those that Unicode folds them to: cases does it the
// other way round for the large ones.
func settled(r rune) rune {
	switch {
	case r >= 'ァ' && r <= 'ヶ', r == 'ヽ', r == 'ヾ':
		return r - ('ァ' - 'ぁ')
	case r >= 0xab70 && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case r >= 0x13f8 && r <= 0x13fd:
		return r - 8
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
		case unicode.IsControl(r), r == 0x00ad, r == 0x061c, r >= 0x180b && r <= 0x180f, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
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

// Kept is a text as a database keeps it: what is not UTF-8 and the character
// zero, which PostgreSQL refuses, become U+FFFD. It is for what is looked for;
// what is stored is refused instead.
func Kept(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\ufffd"), "\ufffd")
}

// Blank reports whether nothing of a text can be seen.
func Blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800, r == 0x00ad: // fillers that count as letters or signs
			return false
		}
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r)
	})
}
