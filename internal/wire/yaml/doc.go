// Package yaml reads and writes the YAML files of the house, and is the only
// importer of the YAML library. Reading is strict and says where: a field that
// nobody knows, a key that stands twice, a value of the wrong type, a merge or a
// private tag are problems with file, line and dotted path, and all problems of
// a document are said at once. Sizes, depth and aliases are capped before
// anything is expanded (A185).
//
// The way of a document is text → Node (this package's own tree, aliases
// resolved, also sendable as JSON with its lines) → Go struct:
//
//	docs, err := yaml.Parse("house.yaml", text, yaml.Limits{})
//	err = yaml.Decode(docs[0], &config)
//
// Struct fields are named by a tag: `yaml:"base_url"`, `yaml:"name,required"`,
// `yaml:",inline"` on an embedded struct, `yaml:"-"` for none, and
// `yaml:"title,omitempty"` for writing; a field without a tag goes by its name
// in lower case.
package yaml

import "embed"

// Words are the sentences of this package's problems.
//
//go:embed words
var Words embed.FS
