package password

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

// The bounds of NIST SP 800-63B-4 §3.1.1.2, in code points, and ours in bytes,
// which leaves room for 256 characters of any script.
const (
	LeastAlone    = 15 // when a password is all that signing in takes
	LeastWithMore = 8  // when it never does without another factor
	MostBytes     = 1024
)

// product is how this product is called; no password may lean on it.
var product = []string{"sekisho", "関所"}

// Context is what others know about the person and the place, and which
// therefore protects nothing.
type Context struct {
	Alone   bool     // the password is the only factor
	Logins  []string // login, mail addresses (the part before the @ counts)
	Names   []string // of the person and the organizations, readings too
	Product []string // further names of the place, such as its host name
}

// Check says why pw is not accepted as a new password, as an Invalid fault, or
// nil. Nothing is demanded of its composition; length and what others would try
// first is all that counts (SP 800-63B-4 §3.1.1.2):
//
//   - valid UTF-8, no control characters, at most 1024 bytes;
//   - at least 15 characters if the password stands alone, else 8: code points
//     as typed or after NFKC, whichever are fewer, so that ﷺ counts one;
//   - not little more than a login, a name or the product: with these taken out
//     (in any case, width or order, backwards, and with digits or signs in the
//     place of letters) at least 8 characters remain, and those are not common;
//   - not common: see isCommon.
func Check(pw secret.Text, c Context) error {
	if err := wellFormed(pw); err != nil {
		return err
	}
	if least := c.least(); length(pw) < least {
		return fault.New(fault.Invalid, "password-too-short", "least", least)
	}
	known, err := common()
	if err != nil {
		return err
	}
	folded := fold(pw.Reveal())
	rest, leans := c.without(folded)
	switch {
	case leans && (utf8.RuneCountInString(rest) < LeastWithMore || known.isCommon(rest)):
		return fault.New(fault.Invalid, "password-names-you")
	case known.isCommon(folded):
		return fault.New(fault.Invalid, "password-common")
	}
	return nil
}

func (c Context) least() int {
	if c.Alone {
		return LeastAlone
	}
	return LeastWithMore
}

func wellFormed(pw secret.Text) error {
	raw := pw.RevealBytes()
	switch {
	case len(raw) > MostBytes:
		return fault.New(fault.Invalid, "password-too-long", "most", MostBytes)
	case len(raw) == 0:
		return fault.New(fault.Invalid, "password-missing")
	case !utf8.Valid(raw) || strings.ContainsFunc(string(raw), unicode.IsControl):
		return fault.New(fault.Invalid, "password-malformed")
	}
	return nil
}

// normal is the spelling in which passwords are hashed: NFKC, as SP 800-63B-4
// §3.1.1.2 has it, so that a password typed in full width on one keyboard and in
// half width on another is one password.
func normal(pw secret.Text) string { return words.NFKC(pw.Reveal()) }

// spellings are the ways in which a password is tried: as typed, then
// normalized where that differs. What is too long cannot match and is cut, so
// that it costs no more than the others.
func spellings(pw secret.Text) [][]byte {
	raw := pw.RevealBytes()
	if len(raw) > MostBytes {
		return [][]byte{raw[:MostBytes]}
	}
	out := [][]byte{raw}
	if n := normal(pw); n != string(raw) {
		out = append(out, []byte(n))
	}
	return out
}

func length(pw secret.Text) int {
	return min(utf8.RuneCount(pw.RevealBytes()), utf8.RuneCountInString(normal(pw)))
}

// fold is the spelling in which passwords are compared with what others would
// try: NFKC, lower case.
func fold(s string) string { return words.NFKC(strings.ToLower(words.NFKC(s))) }

// without takes every word of the context out of a folded password, and says
// whether there was one.
func (c Context) without(folded string) (rest string, leans bool) {
	text, plain := []rune(folded), []rune(unmask(folded))
	if len(text) != len(plain) {
		return folded, false // unmask maps rune by rune
	}
	for _, w := range c.words() {
		for i := index(plain, w); i >= 0; i = index(plain, w) {
			leans = true
			text = slices.Delete(text, i, i+len(w))
			plain = slices.Delete(plain, i, i+len(w))
		}
	}
	return string(text), leans
}

// words returns what a password may not lean on, the longest first: each name
// whole, without its separators, in its parts, and all of that backwards.
func (c Context) words() [][]rune {
	var out [][]rune
	add := func(s string) {
		w := []rune(unmask(s))
		if len(w) >= leastWord(w) {
			back := slices.Clone(w)
			slices.Reverse(back)
			out = append(out, w, back)
		}
	}
	for _, s := range slices.Concat(product, c.Logins, c.Names, c.Product) {
		s = fold(s)
		local, _, _ := strings.Cut(s, "@")
		parts := strings.FieldsFunc(local, separates)
		add(s)
		add(local)
		add(strings.Join(parts, ""))
		for _, p := range parts {
			add(p)
		}
	}
	slices.SortStableFunc(out, func(a, b []rune) int { return cmp.Compare(len(b), len(a)) })
	return out
}

// leastWord is how long a word must be to count: in kanji and kana two
// characters are a name, in letters they stand in any text.
func leastWord(w []rune) int {
	for _, r := range w {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			return 2
		}
	}
	return 3
}

func separates(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func index(in, w []rune) int {
	for i := 0; i+len(w) <= len(in); i++ {
		if slices.Equal(in[i:i+len(w)], w) {
			return i
		}
	}
	return -1
}

// masks are the signs that stand for a letter in every guesser's rules.
var masks = map[rune]rune{
	'0': 'o', '1': 'i', 'l': 'i', '|': 'i', '!': 'i', '3': 'e', '4': 'a', '@': 'a', '5': 's', '$': 's', '7': 't', '+': 't',
}

// unmask writes letters for the signs that are put in their place, and hiragana
// for katakana; l and i are one. It keeps the number of runes.
func unmask(s string) string {
	return strings.Map(func(r rune) rune {
		if to, ok := masks[r]; ok {
			return to
		}
		if r >= 'ァ' && r <= 'ヶ' {
			return r - ('ァ' - 'ぁ')
		}
		return r
	}, s)
}
