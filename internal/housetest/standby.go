package housetest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Standby starts a second server that follows the first, and returns once the
// first acknowledges nothing any more that the second does not have.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sekisho-pg")
	if err != nil {
		t.Fatal(err)
	}
	s := &Cluster{dir: dir, login: c.login, bin: c.bin, durable: true}
	t.Cleanup(func() {
		s.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "keep"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.login != nil {
		if err := os.Chown(dir, int(s.login.Uid), int(s.login.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := c.command("pg_basebackup", "-h", c.dir, "-U", "postgres", "-D", data, "-R", "-X", "stream", "-c", "fast").CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	if err := s.start(data); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := c.run(statement); err != nil {
			t.Fatal(err)
		}
	}
	const follows = "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync') THEN RAISE 'not yet'; END IF; END $$"
	for range 600 {
		if err = c.run(follows); err == nil {
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the standby does not follow: %v", err)
	return nil
}

// Promote makes a standby the server that takes writes.
func (c *Cluster) Promote() error { return c.run("SELECT pg_promote()") }

// Either is the URL of whichever of two servers takes writes.
func (c *Cluster) Either(other *Cluster) string {
	return fmt.Sprintf("postgres://postgres@/postgres?host=%s&target_session_attrs=read-write", url.QueryEscape(c.dir+","+other.dir))
}
