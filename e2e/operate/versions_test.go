package operate_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// before is the state of the source that was given out last: people and signing
// in, without the console. A shallow clone does not have it.
const before = "066f648b48719d3ea40af383968cc2b24e88c018"

var versions = struct {
	sync.Mutex
	made map[string]string
}{made: map[string]string{}}

// later is the binary of a version to come: this source, and further steps of
// the schema from folders of testdata/next.
func later(t *testing.T, steps ...string) string {
	t.Helper()
	binary(t) // its packages are compiled then
	return build(t, "later-"+strings.Join(steps, "-"), func(dir string) error {
		if out, err := exec.Command("git", "clone", "--quiet", "--no-hardlinks", root, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		for _, step := range steps {
			if err := os.CopyFS(filepath.Join(dir, "internal/notice/schema"), os.DirFS(filepath.Join("testdata/next", step))); err != nil {
				return err
			}
		}
		return nil
	})
}

// earlier is the binary of the version before this one, "" if the history does
// not reach so far.
func earlier(t *testing.T) string {
	t.Helper()
	if exec.Command("git", "-C", root, "cat-file", "-e", before+"^{commit}").Run() != nil {
		return ""
	}
	return build(t, "earlier", func(dir string) error {
		return errors.Join(os.Mkdir(dir, 0o755), exec.Command("/bin/sh", "-ec", //nolint:gosec // our own words
			fmt.Sprintf("git -C %s archive %s | tar -x -C %s", root, before, dir)).Run())
	})
}

// build builds what fill puts into a folder, once a run.
func build(t *testing.T, name string, fill func(dir string) error) string {
	t.Helper()
	versions.Lock()
	defer versions.Unlock()
	if versions.made[name] == "" {
		dir := filepath.Join(scratch, name)
		if err := fill(dir); err != nil {
			t.Fatal(err)
		}
		compile := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "sekisho"), "./cmd/sekisho")
		compile.Dir, compile.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := compile.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v: %s", name, err, out)
		}
		versions.made[name] = filepath.Join(dir, "sekisho")
	}
	return versions.made[name]
}
