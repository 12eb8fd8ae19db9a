package audit

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sekisho/sekisho/internal/store"
)

// The tree is kept as tiles of height 8: one row holds up to 256 hashes of
// every eighth level; what lies between is computed.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// tile is a row of audit_tile: hash i is hash n*256+i of level 8*level.
type tile struct {
	level, n int64
	hashes   []byte
}

// tree is the right edge of the tree: on every eighth level the tile that is
// not full yet. Everything left of it never changes again.
type tree struct {
	size int64
	edge [][]byte
	full []tile // filled since it was loaded or cloned
	from int64  // size at that time
}

// clone returns a copy on which a batch can be tried.
func (t *tree) clone() *tree {
	c := &tree{size: t.size, from: t.size}
	for _, hashes := range t.edge {
		c.edge = append(c.edge, append(make([]byte, 0, tileWidth*hashLen), hashes...))
	}
	return c
}

// add appends a leaf.
func (t *tree) add(leaf tlog.Hash) {
	t.size++
	hash := leaf
	for level := 0; ; level++ {
		if level == len(t.edge) {
			t.edge = append(t.edge, make([]byte, 0, tileWidth*hashLen))
		}
		t.edge[level] = append(t.edge[level], hash[:]...)
		if len(t.edge[level]) < tileWidth*hashLen {
			return
		}
		n := t.size>>(tileHeight*(level+1)) - 1
		t.full = append(t.full, tile{int64(level), n, t.edge[level]})
		hash = tileRoot(t.edge[level])
		t.edge[level] = make([]byte, 0, tileWidth*hashLen)
	}
}

// tileRoot is the hash of the subtree over a full tile.
func tileRoot(hashes []byte) tlog.Hash {
	level := make([]tlog.Hash, len(hashes)/hashLen)
	for i := range level {
		copy(level[i][:], hashes[i*hashLen:])
	}
	for len(level) > 1 {
		for i := range len(level) / 2 {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

// changed returns the tiles to be written since the clone.
func (t *tree) changed() []tile {
	tiles := t.full
	for level, hashes := range t.edge {
		shift := tileHeight * level
		if t.size>>shift != t.from>>shift && len(hashes) > 0 {
			tiles = append(tiles, tile{int64(level), t.size >> shift >> tileHeight, hashes})
		}
	}
	return tiles
}

// root returns the hash of the whole tree.
func (t *tree) root() (tlog.Hash, error) {
	return tlog.TreeHash(t.size, hashReader(func(level, n int64) ([]byte, error) {
		if level < int64(len(t.edge)) && n == t.size>>(tileHeight*level)>>tileHeight {
			return t.edge[level], nil
		}
		return nil, fmt.Errorf("audit: tile %d/%d is not at the edge", level, n)
	}))
}

// hashReader computes stored hashes from tiles.
func hashReader(tileOf func(level, n int64) ([]byte, error)) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			where := tlog.TileForIndex(tileHeight, index)
			hashes, err := tileOf(int64(where.L), where.N)
			if err != nil {
				return nil, err
			}
			if out[i], err = tlog.HashFromTile(where, hashes, index); err != nil {
				return nil, fmt.Errorf("audit: tile %d/%d: %w", where.L, where.N, err)
			}
		}
		return out, nil
	})
}

// readTile reads one tile; it is empty if there is none.
func readTile(v *store.View, level, n int64) (hashes []byte, err error) {
	err = v.Row("SELECT hashes FROM audit_tile WHERE level = $1 AND n = $2", level, n).Scan(&hashes)
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	return bytes.Clone(hashes), err
}

// stored reads hashes of the tree as the database has it.
func stored(v *store.View) tlog.HashReader {
	type key struct{ level, n int64 }
	seen := map[key][]byte{}
	return hashReader(func(level, n int64) ([]byte, error) {
		if hashes, ok := seen[key{level, n}]; ok {
			return hashes, nil
		}
		hashes, err := readTile(v, level, n)
		seen[key{level, n}] = hashes
		return hashes, err
	})
}

// loadTree reads the edge of a tree of the given size.
func loadTree(v *store.View, size int64) (*tree, error) {
	t := &tree{size: size, from: size}
	for level := int64(0); size>>(tileHeight*level) > 0; level++ {
		count := size >> (tileHeight * level)
		width := int(count%tileWidth) * hashLen
		hashes, err := readTile(v, level, count/tileWidth)
		if err != nil {
			return nil, err
		}
		if len(hashes) < width {
			return nil, fmt.Errorf("audit: tile %d/%d has %d bytes, a tree of %d leaves needs %d", level, count/tileWidth, len(hashes), size, width)
		}
		t.edge = append(t.edge, append(make([]byte, 0, tileWidth*hashLen), hashes[:width]...))
	}
	return t, nil
}
