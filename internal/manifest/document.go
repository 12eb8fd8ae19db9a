package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Document is one parsed document with the file it came from. Its JSON form
// {"file", "root"} keeps the lines, so that a server can say where an error
// stands in a file it never saw. It holds the secrets that Resolve put in: it
// is for the wire alone.
type Document struct {
	File string
	Root *yaml.Node
}

// String hides the document from every formatter: it can hold secrets (R9).
func (d Document) String() string { return "document of " + d.File }

// GoString is String.
func (d Document) GoString() string { return d.String() }

// MarshalJSON writes the wire form.
func (d Document) MarshalJSON() ([]byte, error) {
	return json.Marshal(wire{d.File, must(json.Marshal(d.Root))})
}

type wire struct {
	File string          `json:"file"`
	Root json.RawMessage `json:"root"`
}

// must drops the error of marshalling a tree of strings, which cannot fail.
func must(text []byte, _ error) []byte { return text }

// maxDocuments caps what one request or folder may hold, in bytes.
const maxDocuments = 64 << 20

// FromJSON reads a list of documents in their wire form, strictly. The error is
// a fault manifest-invalid.
func FromJSON(text []byte) ([]Document, error) {
	var wires []wire
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	err := in.Decode(&wires)
	if err == nil && in.More() {
		err = errors.New("text after the documents")
	}
	if err != nil {
		return nil, invalid(yaml.Problems{{Code: yaml.CodeSyntax, Args: fault.Args{"reason": err.Error()}}})
	}
	var docs []Document
	var problems yaml.Problems
	for _, w := range wires {
		root, err := yaml.FromJSON(w.File, w.Root, yaml.Limits{})
		problems = gather(problems, err)
		docs = append(docs, Document{w.File, root})
	}
	return docs, invalid(problems)
}

// gather appends what Parse or Decode said.
func gather(problems yaml.Problems, err error) yaml.Problems {
	var more yaml.Problems
	errors.As(err, &more)
	return append(problems, more...)
}

// Read parses a file, or all files *.yaml and *.yml right in a folder, sorted
// by name. What is wrong in any of them is one fault manifest-invalid.
func Read(path string) ([]Document, error) {
	files, err := list(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	var docs []Document
	var problems yaml.Problems
	left := int64(maxDocuments)
	for _, file := range files {
		text, err := readFile(file, left)
		if err != nil {
			return nil, unreadable(file, err)
		}
		left -= int64(len(text))
		roots, err := yaml.Parse(file, text, yaml.Limits{})
		problems = gather(problems, err)
		for _, root := range roots {
			docs = append(docs, Document{file, root})
		}
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	return docs, nil
}

// Parse reads the documents of one text; name is what errors call it. The error
// is a fault manifest-invalid.
func Parse(name string, text []byte) ([]Document, error) {
	var docs []Document
	roots, err := yaml.Parse(name, text, yaml.Limits{})
	for _, root := range roots {
		docs = append(docs, Document{name, root})
	}
	return docs, invalid(gather(nil, err))
}

func list(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	var files []string
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); !entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(path, entry.Name()))
		}
	}
	if err == nil && len(files) == 0 {
		err = errors.New("no *.yaml file in the folder")
	}
	return slices.Sorted(slices.Values(files)), err
}

// errTooLarge says that a file is over its cap.
var errTooLarge = errors.New("the file is too large")

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = errTooLarge
	}
	return text, err
}

func unreadable(path string, err error) error {
	var reason *fs.PathError
	text := err.Error()
	if errors.As(err, &reason) {
		text = reason.Err.Error()
	}
	return fault.New(fault.Invalid, "manifest-unreadable", "path", path, "reason", text).Because(err)
}
