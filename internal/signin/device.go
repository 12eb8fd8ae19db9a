package signin

import (
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Browser is where somebody signs in: what it said of itself, and what earlier
// sign-ins left in it.
type Browser struct {
	Name   string      // "Firefox, Windows"
	Source string      // address
	Marks  secret.Text // see marksOf
	// Before is who is signed in in it at the moment, and in which session;
	// empty if nobody.
	Before        id.Person
	BeforeSession string
}

const (
	mostMarks   = 4  // of people who share a browser
	mostDevices = 20 // of a person
	markSize    = 32
	markText    = 43 // characters
)

// marksOf are the marks that a browser keeps, the newest first: one for each of
// the last few people who signed in in it. A mark counts only for the person
// for whom we made it, so that nobody can plant one of their own on another.
func marksOf(kept secret.Text) (marks []string) {
	for _, mark := range strings.SplitN(kept.Reveal(), ".", mostMarks+1) {
		if len(mark) == markText && len(marks) < mostMarks {
			marks = append(marks, mark)
		}
	}
	return marks
}

// deviceOf finds the mark of the browser that belongs to the person; "" if they
// never signed in in it.
func deviceOf(v *store.View, b Browser) (hash string, err error) {
	for _, mark := range marksOf(b.Marks) {
		h := secret.Of(mark).Digest()
		known, err := knownDevice(v, h)
		if err != nil || known {
			return h, err
		}
	}
	return "", nil
}

// marked returns what the browser is to keep from now on, with a new mark first.
func (b Browser) marked(mark secret.Text) secret.Text {
	all := append([]string{mark.Reveal()}, marksOf(b.Marks)...)
	return secret.Of(strings.Join(all[:min(len(all), mostMarks)], "."))
}

// sourceOf is where the person's wrong answers from this browser are counted: a
// browser that is known counts for itself, whatever others do at its address.
func sourceOf(b Browser, device string) string {
	if device != "" {
		return "device:" + device[:32]
	}
	return prefixOf(b.Source)
}
