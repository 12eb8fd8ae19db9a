package notify

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// mostArg and mostSubject bound what a stranger can put in, in characters.
const (
	mostArg     = 200
	mostSubject = 200
)

// plain makes a value safe to stand in a line of a mail: no line break starts a
// header or a paragraph (A181), what turns or hides text is spelled out (A128),
// and no reader's program makes a link of a name.
func plain(value string, most int) string {
	var out strings.Builder
	count := 0
	for _, r := range strings.ToValidUTF8(value, "\ufffd") {
		if count++; count > most {
			out.WriteRune('…')
			break
		}
		switch {
		case r == '\r' || r == '\n' || r == '\t' || r == 0x2028 || r == 0x2029 || r == 0x85:
			out.WriteByte(' ')
		case mailaddr.Unshown(r):
			fmt.Fprintf(&out, "[U+%04X]", r)
		default:
			out.WriteRune(r)
		}
	}
	return unlinked.Replace(strings.TrimSpace(out.String()))
}

// unlinked breaks what mail programs make links of, and what they decode in a
// subject of ASCII that needs no encoding of its own: an encoded word
// (RFC 2047), which Go's encoder hands on as it is.
var unlinked = strings.NewReplacer("=?", "= ?", "://", ": //", "www.", "www .", "WWW.", "WWW .", "mailto:", "mailto :")

// oneLine is a subject: the sentence is ours, its values were made plain.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > mostSubject {
		text = string([]rune(text)[:mostSubject]) + "…"
	}
	return text
}

// paragraphs are separated by empty lines.
func paragraphs(text string) (all [][]string) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, strings.Split(part, "\n"))
		}
	}
	return all
}
