package handbook

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/sekisho/sekisho/internal/words"
)

// Words are the room's sentences.
//
//go:embed words
var Words embed.FS

// names are the pages, in the order in which they are listed.
var names = []string{"operate", "manifests", "apps"}

// Page is a page of the handbook in one language.
type Page struct {
	Title    string
	HTML     string // escaped
	Sections []Section
}

// Section is a heading of a page. Anchor is the same in every language.
type Section struct {
	Level         int
	Title, Anchor string
}

// Room holds the pages as they are shown.
type Room struct {
	pages map[string]map[words.Lang]Page
}

// New reads the pages; an error is one of who built the binary.
func New(files fs.FS) (*Room, error) {
	r := &Room{map[string]map[words.Lang]Page{}}
	for _, name := range names {
		english, err := fs.ReadFile(files, name+".md")
		if err != nil {
			return nil, err
		}
		japanese, err := fs.ReadFile(files, name+".ja.md")
		if err != nil {
			return nil, err
		}
		anchors := headings(string(english))
		if n := len(headings(string(japanese))); n != len(anchors) {
			return nil, fmt.Errorf("handbook: %s has %d headings in English and %d in Japanese", name, len(anchors), n)
		}
		r.pages[name] = map[words.Lang]Page{words.English: render(string(english), anchors), words.Japanese: render(string(japanese), anchors)}
	}
	return r, nil
}

// Page returns a page in a language; empty for none.
func (r *Room) Page(name string, lang words.Lang) Page { return r.pages[name][lang] }
