package backup_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var engines = map[string]func(testing.TB) string{"sqlite": housetest.SQLite, "postgres": housetest.Postgres}

// eachWay runs f for every pair of engines.
func eachWay(t *testing.T, f func(t *testing.T, from, to string)) {
	for a, from := range engines {
		for b, to := range engines {
			t.Run(a+" to "+b, func(t *testing.T) { f(t, from(t), to(t)) })
		}
	}
}

func TestRestoreGivesTheHouseBack(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to string) {
		h := open(t, from, schemas...)
		oldKey, kit := h.found(t)
		code := h.fill(t, 300)
		things := h.things(t)
		file, report := h.save(t)
		outside, err := h.audit.Checkpoint(t.Context()) // signed after the snapshot: lost by the restore
		if err != nil {
			t.Fatal(err)
		}
		h.close(t)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != report.Bytes {
			t.Errorf("A165: the file is %v, %v", info, err)
		}

		key := filepath.Join(t.TempDir(), "unseal.key")
		got, err := backup.Restore(t.Context(), restoring(t, file, kit, to, key))
		if err != nil {
			t.Fatal(err)
		}
		if got.Rows != report.Rows || got.Tables != report.Tables || got.Epoch < 2 || got.KeyFile != key || got.Aside != "" || got.KeyAside != "" {
			t.Errorf("reported %+v of %+v", got, report)
		}
		if diff := cmp.Diff(map[string]int64{"sessions": 1, "once-values": 1, "effects-in-doubt": 3}, got.Ended); diff != "" {
			t.Error(diff)
		}
		if string(contentOf(t, key)) == string(contentOf(t, oldKey)) {
			t.Error("the unseal key is not a new one")
		}

		h = open(t, to, schemas...)
		defer h.close(t)
		if diff := cmp.Diff(things, h.things(t)); diff != "" {
			t.Error(diff)
		}
		wantCode(t, h.ring.Unseal(t.Context(), operator, seal.KeyFile(oldKey)), "seal-key-wrong")
		if err := h.ring.Unseal(t.Context(), operator, seal.KeyFile(key)); err != nil {
			t.Fatal(err)
		}
		if n := h.text(t, "SELECT CAST(count(*) AS TEXT) FROM seal_wrapping"); n != "2" {
			t.Errorf("%s ways to unseal, want the kit and the new key", n)
		}
		t.Run("A160", func(t *testing.T) { oldTimesAreOver(t, h, code, outside, got) })
	})
}

// oldTimesAreOver: what ended since the backup does not come back, and the log
// shows the fork.
func oldTimesAreOver(t *testing.T, h *home, code secret.Text, outside audit.Checkpoint, got backup.Restored) {
	err := h.store.House().Read(t.Context(), func(v *store.View) error {
		_, err := once.Peek(v, codeKind, code)
		return err
	})
	if fault.Code(err) != once.ErrInvalid.Code {
		t.Errorf("a code from before the restore: %v", err)
	}
	if n := h.text(t, "SELECT CAST(count(*) AS TEXT) FROM thing_session"); n != "0" {
		t.Errorf("%s sessions from before the restore", n)
	}
	for state, want := range map[string]string{"intended": "intended 1", "parked": "parked 1", "inflight": "inflight 0", "done": "done 0"} {
		if s := h.text(t, "SELECT state || ' ' || CAST(probe AS TEXT) FROM job_effect WHERE id = $1", state); s != want {
			t.Errorf("effect %s is %s (state, probe), want %s", state, s, want)
		}
	}
	report, err := h.audit.VerifyStore(t.Context(), audit.VerifyOptions{Key: got.AuditKey, Checkpoints: []string{outside.Note}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Epoch != got.Epoch || len(report.Forks) != 1 || report.Forks[0].Checkpoint != outside.Size {
		t.Errorf("the lost checkpoint of %d records is not shown as a fork: %+v", outside.Size, report)
	}
}

func TestRestoreRefusesAPlaceThatIsTaken(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		h := open(t, housetest.SQLite(t), schemas...)
		_, kit := h.found(t)
		h.fill(t, 10)
		file, _ := h.save(t)
		h.close(t)

		old := open(t, url, schemas...)
		key, _ := old.found(t)
		old.put(t, "old", 1)
		things := old.things(t)
		keyWas := string(contentOf(t, key))
		old.close(t)

		o := restoring(t, file, kit, url, key)
		_, err := backup.Restore(t.Context(), o)
		wantCode(t, err, "backup-target-not-empty")
		o.Replace, o.Identity = true, key // a file that is no identity
		if _, err = backup.Restore(t.Context(), o); err == nil {
			t.Fatal("restored with a wrong identity")
		}
		old = open(t, url, schemas...)
		if err := old.ring.Unseal(t.Context(), operator, seal.KeyFile(key)); err != nil || old.things(t) != things {
			t.Errorf("the old house is not what it was: %v", err)
		}
		old.close(t)

		o.Identity = kit
		got, err := backup.Restore(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got.Aside == "" || string(contentOf(t, got.KeyAside)) != keyWas {
			t.Errorf("the old house is not kept aside: %+v", got)
		}
		fresh := open(t, url, schemas...)
		defer fresh.close(t)
		if n := fresh.text(t, "SELECT CAST(count(*) AS TEXT) FROM thing"); n != "10" {
			t.Errorf("%s things, want 10", n)
		}
		wantCode(t, fresh.ring.Unseal(t.Context(), operator, seal.KeyFile(got.KeyAside)), "seal-key-wrong")
		if err := fresh.ring.Unseal(t.Context(), operator, seal.KeyFile(key)); err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(url, "sqlite:") {
			aside := open(t, "sqlite:"+got.Aside, schemas...)
			defer aside.close(t)
			if aside.things(t) != things {
				t.Error("what is kept aside is not the old house")
			}
		}
	})
}

func eachEngine(t *testing.T, f func(t *testing.T, url string)) {
	for name, url := range engines {
		t.Run(name, func(t *testing.T) { f(t, url(t)) })
	}
}

func TestAnOlderSchemaIsBroughtUpToDate(t *testing.T) {
	h := open(t, housetest.SQLite(t), schemas...)
	_, kit := h.found(t)
	h.fill(t, 5)
	file, _ := h.save(t)
	h.close(t)
	eachEngine(t, func(t *testing.T, url string) {
		o := restoring(t, file, kit, url, filepath.Join(t.TempDir(), "unseal.key"))
		o.Schemas = append(o.Schemas, laterSchema)
		if _, err := backup.Restore(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		h := open(t, url, o.Schemas...)
		defer h.close(t)
		if n := h.text(t, "SELECT CAST(count(*) AS TEXT) FROM thing WHERE added = 'later'"); n != "5" {
			t.Errorf("%s things have the later column, want 5", n)
		}
	})
}

func TestANewerSchemaIsRefused(t *testing.T) {
	h := open(t, housetest.SQLite(t), append(schemas, laterSchema)...)
	_, kit := h.found(t)
	file, _ := h.save(t)
	h.close(t)
	url := housetest.SQLite(t)
	_, err := backup.Restore(t.Context(), restoring(t, file, kit, url, filepath.Join(t.TempDir(), "unseal.key")))
	wantCode(t, err, "backup-newer")
	isEmpty(t, url)
}

func TestMove(t *testing.T) {
	from, to := housetest.SQLite(t), housetest.Postgres(t)
	h := open(t, from, schemas...)
	key, _ := h.found(t)
	h.fill(t, 200)
	things := h.things(t)
	h.close(t)
	path := strings.TrimPrefix(from, "sqlite:")
	was := contentOf(t, path)
	move := func(from, to string) (backup.Restored, error) {
		return backup.Move(t.Context(), backup.MoveOptions{
			Ground: ground(t, to, schemas...), From: secret.Of(from), Provider: seal.KeyFile(key), Version: "test",
		})
	}
	got, err := move(from, to)
	if err != nil {
		t.Fatal(err)
	}
	if string(contentOf(t, path)) != string(was) {
		t.Error("the old house was touched")
	}
	if got.From != "sqlite" || got.To != "postgres" || got.Epoch < 2 {
		t.Errorf("reported %+v", got)
	}
	h = open(t, to, schemas...)
	if err := h.ring.Unseal(t.Context(), operator, seal.KeyFile(key)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(things, h.things(t)); diff != "" {
		t.Error(diff)
	}
	h.close(t)
	_, err = move(from, to)
	wantCode(t, err, "backup-target-not-empty")
	_, err = move(to, housetest.Postgres(t))
	wantCode(t, err, "backup-move-from")
}

func TestBackupNeedsOpenKeys(t *testing.T) {
	url := housetest.SQLite(t)
	h := open(t, url, schemas...)
	write := func() error {
		_, err := h.room.Write(context.Background(), operator, new(strings.Builder), nil, nil)
		return err
	}
	if err := write(); fault.Code(err) != "seal-unfounded" {
		t.Errorf("without keys: %v", err)
	}
	h.found(t)
	_, err := h.room.Write(t.Context(), operator, new(strings.Builder), []string{"age1nobody"}, nil)
	wantCode(t, err, "seal-recipient-malformed")
	h.close(t)
	h = open(t, url, schemas...)
	defer h.close(t)
	if err := write(); fault.Code(err) != "sealed" {
		t.Errorf("while sealed: %v", err)
	}
}

func TestRestoredTwiceIsTwoForks(t *testing.T) {
	h := open(t, housetest.SQLite(t), schemas...)
	_, kit := h.found(t)
	h.fill(t, 5)
	file, _ := h.save(t)
	h.close(t)
	restored := func(c clock.Clock) (*home, backup.Restored) {
		o := anew(t, file, kit)
		o.Clock = c
		got, err := backup.Restore(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		h := open(t, o.URL.Reveal(), schemas...)
		if err := h.ring.Unseal(t.Context(), operator, o.Provider); err != nil {
			t.Fatal(err)
		}
		return h, got
	}
	now := clock.System().Now()
	first, _ := restored(clock.NewMoved(now))
	first.put(t, "in the first", 1)
	outside, err := first.audit.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.close(t)
	second, got := restored(clock.NewMoved(now.Add(time.Hour)))
	defer second.close(t)
	report, err := second.audit.VerifyStore(t.Context(), audit.VerifyOptions{Key: got.AuditKey, Checkpoints: []string{outside.Note}})
	if err != nil || len(report.Forks) != 1 {
		t.Errorf("A160: the first restore is no fork of the second: %+v, %v", report, err)
	}
}

func TestRestoreOpensAsTheConfigurationSays(t *testing.T) {
	h := open(t, housetest.SQLite(t), schemas...)
	_, kit := h.found(t)
	file, _ := h.save(t)
	h.close(t)
	o := anew(t, file, kit)
	o.Provider, o.KeyFile = seal.Passphrase(secret.Of("correct horse battery staple")), ""
	got, err := backup.Restore(t.Context(), o)
	if err != nil || got.KeyFile != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	h = open(t, o.URL.Reveal(), schemas...)
	defer h.close(t)
	if err := h.ring.Unseal(t.Context(), operator, o.Provider); err != nil {
		t.Error(err)
	}
}
