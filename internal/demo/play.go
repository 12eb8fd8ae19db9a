package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/words"
)

// PlayOptions says how a simulator runs alone.
type PlayOptions struct {
	System   string   // ServiceNow or Jira
	Listen   string   // loopback HOST:PORT; "" is any free port
	Switches []string // NAME=VALUE
	Out      io.Writer
	Lang     words.Lang
}

// Play runs a simulator until the context ends. What it says ends with the line
// "ready URL".
func Play(ctx context.Context, o PlayOptions) (err error) {
	book, err := Sentences()
	if err != nil {
		return err
	}
	people, err := fake.Company()
	if err != nil {
		return err
	}
	b, err := openSystem(o.System, o.Listen, clock.System(), people, keptSystem{}, o.Switches...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	b.say(o.Out, func(key string, pairs ...any) string { return book.Say(o.Lang, key, fault.Pairs(pairs...)) })
	select {
	case <-ctx.Done():
		return nil
	case err := <-b.listener.Failed:
		return err
	}
}

// say prints what a connector must be told, who one can be and what can be
// switched.
func (b *beyond) say(to io.Writer, words func(string, ...any) string) {
	var out strings.Builder
	line := func(name, value string) { fmt.Fprintf(&out, "  %s %s\n", padded(name, 36), value) }
	fmt.Fprintf(&out, "%s\n\n", b.Title)
	line(words("play.url"), b.URL+"/")
	for _, s := range b.Sites {
		line(words("play.site", "name", s.Name), b.URL+s.Path)
	}
	line(words("play.id"), b.Client)
	line(words("play.key"), b.Key.Reveal())
	line(words("play.authorize"), b.Endpoint.Authorize)
	line(words("play.token"), b.Endpoint.Token)
	if b.Scope != "" {
		line(words("play.scope"), b.Scope)
	}
	fmt.Fprintf(&out, "\n%s\n", words("play.people"))
	for _, p := range b.people {
		line(p.Login+"  "+p.Title, b.password(p.Login).Reveal())
	}
	fmt.Fprintf(&out, "\n%s\n  %s\n\n%s\n", words("play.switches"), strings.Join(b.names, " "), words("play.ready", "url", b.URL))
	_, _ = io.WriteString(to, out.String()) // nobody may be reading
}
