package definition

import (
	"net/netip"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
)

// CheckAddress accepts what is called over TLS, and plain HTTP on this machine
// alone: tokens travel there.
func CheckAddress(text string) error {
	u, err := egress.ParseURL(text)
	if err != nil {
		return err
	}
	host := u.Parsed().Hostname()
	addr, err := netip.ParseAddr(host)
	loopback := err == nil && addr.IsLoopback() || host == "localhost"
	if u.Parsed().Scheme != "https" && !loopback {
		return fault.New(fault.Invalid, "connector-not-https", "host", host)
	}
	return nil
}
