package org

import "github.com/sekisho/sekisho/internal/wire/mailaddr"

// parseEmail returns the address as it is kept, or the code of what is wrong.
func parseEmail(text string) (address, code string) {
	a, err := mailaddr.Parse(text)
	if err != nil {
		return "", "email-malformed"
	}
	return a.String(), ""
}
