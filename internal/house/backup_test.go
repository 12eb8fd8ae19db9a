package house_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
)

func optionsOf(t *testing.T, c house.Config) house.Options {
	return house.Options{Config: c, Clock: clock.System(), Log: housetest.Log(t), Lang: "en", Version: "test"}
}

// overSocket asks a running house for a backup as the command does.
func overSocket(t *testing.T, data string, w io.Writer) (report house.Backup, err error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", house.ControlPath(data))
	}}}
	defer client.CloseIdleConnections()
	answer, err := client.PostForm("http://localhost"+house.BackupPath, url.Values{})
	if err != nil {
		return report, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if answer.StatusCode != http.StatusOK {
		return report, errors.New(answer.Status)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return report, err
	}
	return report, json.Unmarshal([]byte(answer.Trailer.Get(house.BackupTrailer)), &report)
}

func TestBackupRestoreMove(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		c := config(t, database)
		n := start(t, c)
		dir := t.TempDir()
		running, stopped, kit := filepath.Join(dir, "running"), filepath.Join(dir, "stopped"), filepath.Join(c.Data, house.KitFile)

		if _, err := house.SaveBackup(running, func(w io.Writer) (house.Backup, error) { return overSocket(t, c.Data, w) }); err != nil {
			t.Fatal(err)
		}
		answer, err := http.PostForm(n.URL()+house.BackupPath, url.Values{})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("from afar, by nobody: %s, want 401", answer.Status)
		}
		direct := func(w io.Writer) (house.Backup, error) {
			return house.WriteBackup(ctx, optionsOf(t, c), w, nil, nil)
		}
		if _, err := house.SaveBackup(stopped, direct); fault.Code(err) != "house-in-use" {
			t.Errorf("directly, beside a server: %v", err)
		}
		if _, err := house.Restore(ctx, optionsOf(t, c), running, kit, "", true, nil); fault.Code(err) != "house-in-use" {
			t.Errorf("restored under a server: %v", err)
		}
		n.stop(t)
		if _, err := house.SaveBackup(stopped, direct); err != nil {
			t.Fatal(err)
		}

		for _, file := range []string{running, stopped} {
			to := config(t, housetest.SQLite(t))
			if _, err := house.Restore(ctx, optionsOf(t, to), file, kit, "", false, nil); err != nil {
				t.Fatal(err)
			}
			n := start(t, to)
			if !strings.Contains(n.said.String(), "/setup?link=") {
				t.Errorf("the restored house says %q", n.said)
			}
			n.stop(t)
			if _, err := os.Stat(filepath.Join(to.Data, house.KitFile)); err == nil {
				t.Error("the restored house made another kit")
			}
			moveOn(t, to)
		}
	})
}

// moveOn moves a SQLite house to PostgreSQL, where it starts with the key that
// it had.
func moveOn(t *testing.T, c house.Config) {
	t.Helper()
	to := housetest.Postgres(t)
	if _, err := house.Move(ctx, optionsOf(t, c), secret.Of(to), nil); err != nil {
		t.Fatal(err)
	}
	c.Database = secret.Of(to)
	n := start(t, c)
	if strings.Contains(n.said.String(), "sealed") {
		t.Errorf("the moved house says %q", n.said)
	}
	n.stop(t)
}

func TestNoBackupOfNothing(t *testing.T) {
	c := config(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db"))
	_, err := house.WriteBackup(ctx, optionsOf(t, c), io.Discard, nil, nil)
	if fault.Code(err) != "seal-unfounded" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(c.Data); err == nil {
		t.Error("a house was made on the way")
	}
}
