package web

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peerUID asks the kernel who opened the connection (SO_PEERCRED).
func peerUID(c net.Conn) (int, error) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return 0, errors.New("not a unix socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var found *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		found, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, asked); err != nil {
		return 0, err
	}
	return int(found.Uid), nil
}

func localUserAllowed(uid int) bool { return uid == 0 || uid == os.Getuid() }
