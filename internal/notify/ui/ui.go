// Package ui is the one sheet on which the mails of the house are written, as
// plain text and as HTML without anything from elsewhere: no images, no fonts,
// nothing that tells that it was opened.
package ui

import (
	"bytes"
	"embed"
	"html/template"
	"strings"
)

//go:embed sheet.html
var files embed.FS

// Mail programs drop style sheets or parts of them, so that the styles stand at
// each element. templ would refuse them, and rightly, in a page.
var sheet = template.Must(template.ParseFS(files, "sheet.html"))

// Sheet is what a mail shows. Everything is text; Link and Home are URLs of the
// house.
type Sheet struct {
	Lang      string
	House     string // name of the house
	Host      string // where it is
	Home      string
	Subject   string
	Text      [][]string // paragraphs of lines
	Action    string     // label of Link
	Link      string
	LinkBelow string // said before the link in full
	Code      string
	After     [][]string
	Foot      []string
}

// HTML is the sheet for mail programs that show it.
func (s Sheet) HTML() ([]byte, error) {
	var out bytes.Buffer
	err := sheet.Execute(&out, s)
	return out.Bytes(), err
}

// Plain is the sheet for all others, lines ending with \n.
func (s Sheet) Plain() string {
	var out strings.Builder
	put := func(lines ...string) { out.WriteString(strings.Join(lines, "\n") + "\n\n") }
	for _, p := range s.Text {
		put(p...)
	}
	if s.Code != "" {
		put("    " + s.Code)
	}
	if s.Link != "" {
		put(s.Action, s.Link)
	}
	for _, p := range s.After {
		put(p...)
	}
	put(append([]string{"-- ", s.House + "  " + s.Home}, s.Foot...)...)
	return strings.TrimRight(out.String(), "\n") + "\n"
}
