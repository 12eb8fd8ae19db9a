//go:build unix

package house

import (
	"io/fs"
	"os"
	"syscall"
)

func ownerOf(info fs.FileInfo) (int, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

func sameOwner(a, b fs.FileInfo) bool {
	ours, ok := ownerOf(a)
	theirs, also := ownerOf(b)
	return ok && also && ours == theirs
}

// ownedByUs: root may keep a folder that is not root's.
func ownedByUs(info fs.FileInfo) bool {
	owner, ok := ownerOf(info)
	return ok && owner == os.Geteuid()
}
