package housetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the harness makes databases before any store is there
)

// Cluster is a PostgreSQL server of the test process's own.
type Cluster struct {
	dir   string
	login *syscall.Credential
	bin   string
	cmd   *exec.Cmd
	// durable servers lose nothing when they crash; the others are fast.
	durable bool
	alive   io.Closer // our end of the pipe; collected as garbage it would stop the server
}

var (
	cluster  = sync.OnceValues(func() (*Cluster, error) { return startCluster(false) })
	database atomic.Int64
)

// Postgres returns the URL of a fresh database on a server that the test
// process starts once, as a user that is not root. SEKISHO_TEST_POSTGRES=off
// leaves the engine out (./check fast does).
func Postgres(t testing.TB) string {
	t.Helper()
	if os.Getenv("SEKISHO_TEST_POSTGRES") == "off" {
		t.Skip("PostgreSQL is switched off for this run")
	}
	c, err := cluster()
	if errors.Is(err, errNoPostgres) {
		Missing(t, "PostgreSQL", "apt-get install postgresql, or put initdb and postgres on the PATH")
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	name := fmt.Sprintf("house%d", database.Add(1))
	if err := c.run("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	return c.url(name)
}

var errNoPostgres = errors.New("no PostgreSQL binaries found")

func (c *Cluster) url(name string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s", name, url.QueryEscape(c.dir))
}

func (c *Cluster) run(statement string) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), statement)
	return errors.Join(err, db.Close())
}

// startCluster makes and starts a server in a folder of its own. A shell
// watches our end of a pipe and stops the server when this process is gone,
// however it went.
func startCluster(durable bool) (*Cluster, error) {
	bin := findPostgres()
	if bin == "" {
		return nil, errNoPostgres
	}
	dir, err := os.MkdirTemp("/tmp", "sekisho-pg") // a socket path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin, durable: durable}
	if os.Getuid() == 0 {
		if c.login, err = credential("postgres"); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(c.login.Uid), int(c.login.Gid)); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := c.command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c, c.start(data)
}

// OwnPostgres starts a server for one test, which may stop and start it, and
// returns it with the URL of its database.
func OwnPostgres(t testing.TB) (*Cluster, string) {
	t.Helper()
	Postgres(t) // skips where there is none
	c, err := startCluster(true)
	if err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(c.dir, "keep") // across Stop and Start
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	return c, c.url("postgres")
}

// Stop ends the server at once, as a crash would.
func (c *Cluster) Stop() {
	if c.alive != nil {
		_ = c.alive.Close()
		_ = c.cmd.Wait()
		c.alive = nil
	}
}

// Start starts the server again on the same data.
func (c *Cluster) Start() error { return c.start(filepath.Join(c.dir, "data")) }

func (c *Cluster) start(data string) error {
	postgres := []string{
		filepath.Join(c.bin, "postgres"), "-D", data, "-c", "listen_addresses=", "-k", c.dir,
		"-c", "max_connections=300", "-c", "shared_buffers=64MB",
	}
	if !c.durable && os.Getenv("SEKISHO_TEST_POSTGRES") != "durable" {
		postgres = append(postgres, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	}
	watch := `"$@" >"$0/log" 2>&1 & p=$!; cat >/dev/null; kill -QUIT $p; wait $p; [ -e "$0/keep" ] || rm -rf "$0"`
	cmd := exec.Command("/bin/sh", append([]string{"-c", watch, c.dir}, postgres...)...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.login, Setpgid: true}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	c.alive, c.cmd = alive, cmd
	if err := cmd.Start(); err != nil {
		return err
	}
	return c.ready()
}

func (c *Cluster) ready() (err error) {
	for range 200 {
		if err = c.run("SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return fmt.Errorf("%w\n%s", err, log)
}

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.login}
	return cmd
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// findPostgres looks where Debian, Homebrew and the PATH keep the server.
func findPostgres() string {
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"} {
		dirs, _ := filepath.Glob(pattern)
		found = append(found, dirs...)
	}
	slices.Reverse(found)
	for _, dir := range found {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	if name, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(name)
	}
	return ""
}
