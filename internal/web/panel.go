package web

import "github.com/a-h/templ"

// Panel is a part that one room hands in to a page of another: what it knows of
// the thing that the page is about. It returns nil where it has nothing to say.
type Panel func(v *Visit, target string) (templ.Component, error)
