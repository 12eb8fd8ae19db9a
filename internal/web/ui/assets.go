package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"sync"
)

// Static holds the files that pages load, with those of others in vendor.
//
//go:embed static
var Static embed.FS

// Asset is one file, ready to send.
type Asset struct {
	Type  string // media type
	Plain []byte
	Gzip  []byte // nil where it would not be smaller
}

// Shelf finds assets by a path that contains the hash of their content, so that
// browsers may keep them for ever.
type Shelf struct {
	paths  map[string]string // name → path
	assets map[string]Asset  // path → file
}

// AssetPrefix stands before every asset's path.
const AssetPrefix = "/assets/"

// Assets returns the shelf of the embedded files.
var Assets = sync.OnceValue(func() *Shelf {
	shelf, err := stock(Static)
	if err != nil {
		panic(err) // the binary itself is damaged
	}
	return shelf
})

func stock(files fs.FS) (*Shelf, error) {
	shelf := &Shelf{paths: map[string]string{}, assets: map[string]Asset{}}
	return shelf, fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		kind := mediaType(name)
		if err != nil || entry.IsDir() || kind == "" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		place := AssetPrefix + hex.EncodeToString(sum[:8]) + "/" + path.Base(name)
		shelf.paths[path.Base(name)] = place
		shelf.assets[place] = Asset{Type: kind, Plain: text, Gzip: squeeze(text)}
		return nil
	})
}

func mediaType(name string) string {
	return map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
		".png": "image/png",
	}[path.Ext(name)]
}

func squeeze(text []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(text)
	_ = w.Close()
	if out.Len() >= len(text) {
		return nil
	}
	return out.Bytes()
}

// Path returns where the named file is served; the name itself if there is none.
func (s *Shelf) Path(name string) string {
	if place, known := s.paths[name]; known {
		return place
	}
	return name
}

// Find returns the asset served at path.
func (s *Shelf) Find(path string) (Asset, bool) {
	asset, known := s.assets[path]
	return asset, known
}
