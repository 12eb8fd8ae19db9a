package house_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
)

// What a house makes is its user's alone, whatever the umask; and it does not
// start on what others can read.
func TestA165FilesAreTheHousesAlone(t *testing.T) {
	ours := func(t *testing.T, dir string) (n int) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %04o", path, info.Mode().Perm())
			}
			n++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	housetest.EachURL(t, func(t *testing.T, database string) {
		old := syscall.Umask(0)
		defer syscall.Umask(old)
		c := config(t, database)
		path, file := strings.CutPrefix(database, "sqlite:")
		if file {
			path = filepath.Join(c.Data, "house.db")
			c.Database = secret.Of("sqlite:" + path)
		}
		n := start(t, c)
		n.signIn(t)
		if seen := ours(t, c.Data); seen < 4 { // folder, unseal key, recovery kit, control socket
			t.Errorf("only %d files were looked at", seen)
		}
		n.stop(t)
		saved := filepath.Join(t.TempDir(), "saved")
		_, err := house.SaveBackup(saved, func(w io.Writer) (house.Backup, error) { return house.WriteBackup(ctx, optionsOf(t, c), w, nil, nil) })
		if err != nil {
			t.Fatal(err)
		}
		ours(t, saved)
		ours(t, c.Data)

		loosen := map[string]string{c.Data: "chmod 700"}
		if file {
			loosen[path] = "store-file-open-to-others"
		}
		for loose, want := range loosen {
			before, err := os.Stat(loose)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(loose, before.Mode().Perm()|0o044); err != nil {
				t.Fatal(err)
			}
			if _, err := house.New(ctx, optionsOf(t, c)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("with %s open to others: %v, want %s", filepath.Base(loose), err, want)
			}
			if err := os.Chmod(loose, before.Mode().Perm()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A new house has nobody in it, and so nothing to sign in with: the one link
// that it prints is its own.
func TestA168ANewHouseKnowsNobody(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		n := start(t, config(t, database))
		for _, table := range []string{"person", "member", "factor", "api_token", "session", "sender_token"} {
			if rows := counted(t, n.Store(), table); rows != 0 {
				t.Errorf("a new house has %d rows in %s", rows, table)
			}
		}
		link, again := linkForm.FindString(n.said.String()), start(t, config(t, housetest.SQLite(t)))
		if other := linkForm.FindString(again.said.String()); link == "" || link[strings.Index(link, "link="):] == other[strings.Index(other, "link="):] {
			t.Errorf("two houses print the links %q and %q", link, other)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for _, login := range []string{"admin", "administrator", "root", "sekisho", "founder", "setup"} {
			for _, password := range []string{"", "admin", "password", "sekisho", "changeme", login} {
				status, body := n.send(t, client, http.MethodPost, "/signin/password", url.Values{"login": {login}, "password": {password}}.Encode())
				if status < 400 || strings.Contains(body, "/admin/audit") {
					t.Fatalf("%s with %q: %d", login, password, status)
				}
			}
		}
		for _, bearer := range []string{"admin", "sekisho", strings.Repeat("0", 32)} {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+"/api/v1/state", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+bearer)
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("the token %s: %s", bearer, answer.Status)
			}
		}
	})
}

// Nobody from afar opens keys, begins a new one or looks at them, not even who
// runs the house; what was asked has changed nothing.
func TestA152KeysAreNobodysFromAfar(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika := h.As(t, k.Chika, k.Org)
		keys := func() string {
			got := chika.Get("/api/v1/seal/keys")
			if got.Status != http.StatusOK {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			return got.Body
		}
		before := keys()
		for name, who := range map[string]*housetest.Visitor{"nobody": h.Nobody(t), "a person": h.As(t, k.Aoi, k.Org), "who administers a customer": h.As(t, k.Ume, k.Momiji), "who runs the house": chika} {
			for path, body := range map[string]any{"/api/v1/seal/unseal": map[string]string{"passphrase": "guessed"}, "/api/v1/seal/rotate": nil, house.BackupPath: nil} {
				if who == chika && path == "/api/v1/seal/rotate" {
					continue // what the permission is for
				}
				got := who.Call(http.MethodPost, path, body)
				if got.Status != http.StatusForbidden && got.Status != http.StatusUnauthorized {
					t.Errorf("%s to %s: %d %.200s", path, name, got.Status, got.Body)
				}
			}
		}
		if after := keys(); after != before {
			t.Errorf("the keys were\n%s\nand are\n%s", before, after)
		}
	})
}
