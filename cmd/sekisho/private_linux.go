package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sekisho/sekisho/internal/house"
)

// keepPrivate takes what the environment said out of /proc/self/environ, where
// it would stand for the life of the process, and lets nobody of this user
// dump or trace it (A169). The Go runtime has a copy of its own. What cannot be
// done on this kernel is left.
func keepPrivate() {
	_ = wipeEnviron()
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0)
}

// wipeEnviron overwrites the values of our variables where the kernel put them.
func wipeEnviron() error {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	// Numbers of proc_pid_stat(5): env_start is 50, env_end 51; a name in
	// parentheses, the second, may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const startAt, endAt = 50 - 3, 51 - 3
	if len(fields) <= endAt {
		return syscall.ENOTSUP
	}
	start, err := strconv.ParseInt(fields[startAt], 10, 64)
	if err != nil {
		return err
	}
	end, err := strconv.ParseInt(fields[endAt], 10, 64)
	if err != nil || end <= start {
		return err
	}
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close() //nolint:errcheck // written without a buffer
	block := make([]byte, end-start)
	if _, err := memory.ReadAt(block, start); err != nil {
		return err
	}
	for pair := range bytes.SplitSeq(block, []byte{0}) {
		if name, value, set := bytes.Cut(pair, []byte{'='}); set && bytes.HasPrefix(name, []byte(house.EnvPrefix)) {
			clear(value) // within block
		}
	}
	_, err = memory.WriteAt(block, start)
	clear(block)
	return err
}
