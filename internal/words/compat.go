package words

import "golang.org/x/text/unicode/norm"

// NFKC returns s in Unicode's compatibility composition (UAX #15), in which
// full-width, half-width and other spellings of the same characters are equal.
// Bytes that are no UTF-8 stay as they are.
func NFKC(s string) string { return norm.NFKC.String(s) }
