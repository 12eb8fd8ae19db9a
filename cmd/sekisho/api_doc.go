package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sekisho/sekisho/client"
)

// apiDoc is what the command line needs of the API's description.
type apiDoc struct {
	Paths      map[string]map[string]*apiOperation `json:"paths"`
	Components struct {
		Schemas map[string]*apiSchema `json:"schemas"`
	} `json:"components"`
}

type apiOperation struct {
	ID          string     `json:"operationId"`
	Summary     string     `json:"summary"`
	Description string     `json:"description"`
	Tags        []string   `json:"tags"`
	Parameters  []apiParam `json:"parameters"`
	RequestBody *struct {
		Content map[string]apiContent `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]apiContent `json:"content"`
	} `json:"responses"`

	method, path string
}

type apiParam struct {
	Name        string     `json:"name"`
	In          string     `json:"in"`
	Description string     `json:"description"`
	Required    bool       `json:"required"`
	Schema      *apiSchema `json:"schema"`
}

type apiContent struct {
	Schema *apiSchema `json:"schema"`
}

type apiSchema struct {
	Ref         string                `json:"$ref"`
	Type        schemaType            `json:"type"`
	Format      string                `json:"format"`
	Description string                `json:"description"`
	Enum        []any                 `json:"enum"`
	Items       *apiSchema            `json:"items"`
	Properties  map[string]*apiSchema `json:"properties"`
	Required    []string              `json:"required"`
}

// schemaType is what a value is. OpenAPI 3.1 writes one that may be null as a
// list: ["number", "null"].
type schemaType string

// UnmarshalJSON takes both forms.
func (t *schemaType) UnmarshalJSON(text []byte) error {
	var all []string
	if json.Unmarshal(text, &all) != nil {
		all = make([]string, 1)
		if err := json.Unmarshal(text, &all[0]); err != nil {
			return err
		}
	}
	for _, one := range all {
		if one != "null" {
			*t = schemaType(one)
		}
	}
	return nil
}

// described is the description that the client was made of; a test holds that
// it is what the house serves.
var described = sync.OnceValue(func() *apiDoc {
	doc := &apiDoc{}
	if err := json.Unmarshal(client.Description, doc); err != nil {
		panic(err) // it is part of this binary
	}
	for path, item := range doc.Paths {
		for method, op := range item {
			op.method, op.path = strings.ToUpper(method), path
		}
	}
	return doc
})

// operations are all, by tag and name.
func (d *apiDoc) operations() (all []*apiOperation) {
	for _, item := range d.Paths {
		all = slices.AppendSeq(all, maps.Values(item))
	}
	slices.SortFunc(all, func(a, b *apiOperation) int { return strings.Compare(a.tag()+" "+a.ID, b.tag()+" "+b.ID) })
	return all
}

func (o *apiOperation) tag() string { return strings.Join(o.Tags, " ") }

// real follows a reference.
func (d *apiDoc) real(s *apiSchema) *apiSchema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	if s == nil {
		return &apiSchema{}
	}
	return s
}

// takes is the schema of the body that an operation takes; nil if it takes none.
func (d *apiDoc) takes(o *apiOperation) *apiSchema {
	if o.RequestBody == nil {
		return nil
	}
	return d.real(o.RequestBody.Content["application/json"].Schema)
}

// gives is the schema of what it answers; nil if that is no JSON.
func (d *apiDoc) gives(o *apiOperation) *apiSchema {
	for status, answer := range o.Responses {
		if s := answer.Content["application/json"].Schema; s != nil && strings.HasPrefix(status, "2") {
			return d.real(s)
		}
	}
	return nil
}

// item is the schema of what a list lists; nil for what is no list.
func (d *apiDoc) item(o *apiOperation) *apiSchema {
	if s := d.gives(o); s != nil && s.Properties["items"] != nil {
		return d.real(s.Properties["items"].Items)
	}
	return nil
}

func (o *apiOperation) paged() bool {
	return slices.ContainsFunc(o.Parameters, func(p apiParam) bool { return p.Name == "cursor" })
}
