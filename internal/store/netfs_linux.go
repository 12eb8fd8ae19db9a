package store

import (
	"golang.org/x/sys/unix"

	"github.com/sekisho/sekisho/internal/fault"
)

// Network file systems by their magic numbers (linux/magic.h). Their locks
// cannot be trusted with a database.
var networks = map[int64]string{
	0x6969: "NFS", 0x517B: "SMB", 0xFE534D42: "SMB2", 0xFF534D42: "CIFS", 0x5346414F: "AFS",
}

func refuseNetwork(dir string) error {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return nil // opening the file says what is wrong
	}
	if name := networks[int64(uint32(st.Type))]; name != "" { //nolint:gosec // the field's width differs by machine
		return fault.New(fault.Unmet, "store-on-network", "path", dir, "kind", name)
	}
	return nil
}
