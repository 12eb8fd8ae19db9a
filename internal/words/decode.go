package words

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// Decode reads the text of a file that somebody's office program wrote: UTF-8
// with or without its mark, else Windows-31J, the Shift_JIS of Japanese
// spreadsheets. false: it is neither.
func Decode(file []byte) (string, bool) {
	text := strings.TrimPrefix(string(file), "\ufeff")
	if utf8.ValidString(text) {
		return text, true
	}
	decoded, err := japanese.ShiftJIS.NewDecoder().Bytes(file)
	if err != nil || strings.ContainsRune(string(decoded), utf8.RuneError) {
		return "", false
	}
	return string(decoded), true
}
