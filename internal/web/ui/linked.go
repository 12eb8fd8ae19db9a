package ui

import "regexp"

// piece is a stretch of a plain text; a link is the address of a page.
type piece struct {
	text string
	link bool
}

// address is what a person would take for the address of a page, without the
// sign behind it.
var address = regexp.MustCompile(`https?://[A-Za-z0-9._~:/?#@!$&*+=%\[\]-]*[A-Za-z0-9/_~=&#-]`)

// linked finds the addresses in a text of people. Only http and https count: a
// text must not become a script.
func linked(text string) (pieces []piece) {
	from := 0
	for _, at := range address.FindAllStringIndex(text, -1) {
		if at[0] > from {
			pieces = append(pieces, piece{text: text[from:at[0]]})
		}
		pieces, from = append(pieces, piece{text[at[0]:at[1]], true}), at[1]
	}
	if from < len(text) {
		pieces = append(pieces, piece{text: text[from:]})
	}
	return pieces
}
