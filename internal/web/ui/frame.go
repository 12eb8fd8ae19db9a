// Package ui holds the layout and the components of every page. They know
// nothing of rooms: a page hands them view structs, and the words come from the
// frame that the page edge puts into the context.
package ui

import (
	"context"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/words"
)

// Frame is what the layout and the components need to know about the reader.
type Frame struct {
	Lang    words.Lang
	Zone    *time.Location
	Now     time.Time
	Book    *words.Book
	Title   string
	Path    string // where the language switch returns to
	Request string // id that the reader can quote
	Known   bool   // somebody is signed in
	Stream  string // address of the page's event stream, "" for none
	SignOut string // where a POST ends the session, "" for nowhere
	Search  string // where search everywhere is, "" for nowhere
	// BannerTopic is the topic on which the page fetches its announcements
	// again, "" for none.
	BannerTopic string
	Asset       func(name string) string
	Banners     []Banner
	Links       []Link
	// Account is who is signed in, nil for nobody or a process.
	Account *Account
	// Crumbs lead from a page about one thing back to where it is listed.
	Crumbs []Link
	// Below is what the house knows of the thing that the page is about, below
	// what the room says; nil for nothing.
	Below templ.Component
	// Rail are the pages of the section that this one is in.
	Rail []Link
}

// Account is what the top bar says of who is signed in.
type Account struct {
	Name  string
	Org   string // the organization they act in, "" for none
	Links []Link // to their own pages
}

// Banner is a house-wide announcement, in the reader's language.
type Banner struct {
	Title string
	Text  string
	Until time.Time // zero: open end
}

// Link is an entry of a bar or a list.
type Link struct {
	Text    string
	Href    string
	Current bool
	Group   string // heading that it stands under in a rail, "" for none
}

type frameKey struct{}

// With puts the frame where the components find it.
func With(ctx context.Context, frame *Frame) context.Context {
	return context.WithValue(ctx, frameKey{}, frame)
}

// Of returns the frame of ctx; an empty English one outside of a page.
func Of(ctx context.Context) *Frame {
	if frame, _ := ctx.Value(frameKey{}).(*Frame); frame != nil {
		return frame
	}
	return &Frame{Lang: words.English, Zone: time.UTC, Asset: func(name string) string { return name }}
}

// Say returns the sentence of key in the reader's language; pairs are argument
// names and values.
func Say(ctx context.Context, key string, pairs ...any) string {
	frame := Of(ctx)
	if frame.Book == nil {
		return "[" + key + "]"
	}
	return frame.Book.Say(frame.Lang, key, fault.Pairs(pairs...))
}
