package request_test

import (
	"net/http"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
)

// applies applies documents of the company as an administrator does; the field
// of the first thing that is wrong stands before its code.
func (p *player) applies(text string) string {
	p.t.Helper()
	var documents []string
	for _, one := range strings.Split(text, "\n---\n") {
		documents = append(documents, "org: kaede\n"+p.named(one))
	}
	docs, err := manifest.Parse("story.yaml", []byte(strings.Join(documents, "\n---\n")))
	if err != nil {
		p.t.Fatalf("%v\n%s", err, text)
	}
	d := &byHTTP{p.rig, p.t, map[id.Person]visitor{}}
	err = d.call(p.Chika, http.MethodPost, "/manifests/apply", map[string]any{"documents": docs}, nil)
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		return f.Fields[0].Code
	}
	return p.said(p.Chika, err)
}
