package backup_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/housetest"
)

func TestAnotherRecipientRestores(t *testing.T) {
	other := open(t, housetest.SQLite(t), schemas...)
	_, kit := other.found(t)
	theirKey, err := other.audit.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other.close(t)
	recipient := regexp.MustCompile("age1[0-9a-z]+").FindString(string(contentOf(t, kit)))

	h := open(t, housetest.SQLite(t), schemas...)
	_, ours := h.found(t)
	key, err := h.audit.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.fill(t, 20)
	alone, _ := h.save(t)
	file, report := h.save(t, recipient, recipient)
	h.close(t)
	if len(report.Recipients) != 2 {
		t.Errorf("recipients %v", report.Recipients)
	}

	refused(t, anew(t, alone, kit), "backup-identity-wrong")
	refused(t, anew(t, file, kit), "backup-audit-key-needed")
	for _, identity := range []string{kit, ours} {
		o := anew(t, file, identity)
		o.AuditKey = theirKey
		refused(t, o, "backup-signature-wrong")
		o = anew(t, file, identity)
		o.AuditKey = key + "\n"
		if _, err := backup.Restore(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	if _, err := backup.Restore(t.Context(), anew(t, file, ours)); err != nil {
		t.Errorf("with the recovery kit: %v", err)
	}
}

func TestSaveNeverReplacesAndNeverKeepsHalf(t *testing.T) {
	h := open(t, housetest.SQLite(t), schemas...)
	defer h.close(t)
	h.found(t)
	path := filepath.Join(t.TempDir(), "house.backup")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	lying := func(change func(*backup.Report)) error {
		_, err := backup.Save(path, func(w io.Writer) (backup.Report, error) {
			report, err := h.room.Write(t.Context(), operator, w, nil, nil)
			change(&report)
			return report, err
		})
		return err
	}
	wantCode(t, lying(func(*backup.Report) {}), "backup-file-there")
	if string(contentOf(t, path)) != "mine" {
		t.Error("the file was changed")
	}
	path = filepath.Join(t.TempDir(), "house.backup")
	wantCode(t, lying(func(r *backup.Report) { r.Bytes++ }), "backup-not-as-written")
	wantCode(t, lying(func(r *backup.Report) { r.SHA256 = "00" }), "backup-not-as-written")
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	path = filepath.Join(t.TempDir(), "nowhere", "house.backup")
	wantCode(t, lying(func(*backup.Report) {}), "backup-file-unwritable")
	path = "/dev/full/x"
	wantCode(t, lying(func(*backup.Report) {}), "backup-file-unwritable")
}
