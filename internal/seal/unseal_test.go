package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"filippo.io/age"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

const phrase = "correct horse battery 関所"

// identityFile writes a fresh age identity.
func identityFile(t testing.TB) string {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "id.txt"), "# mine\n"+identity.String()+"\n", 0o600)
}

// house is a ring under all three providers, with its kit in a file.
type house struct {
	keyFile, ageFile, kitFile string
}

func build(t testing.TB, s *store.Store) house {
	t.Helper()
	h := house{filepath.Join(t.TempDir(), "unseal.key"), identityFile(t), filepath.Join(t.TempDir(), "kit.txt")}
	r := ring(t, quick(t, s))
	kit, err := r.Found(context.Background(), operator,
		seal.KeyFile(h.keyFile), seal.Passphrase(secret.Of(phrase)), seal.AgeFile(h.ageFile))
	if err != nil {
		t.Fatal(err)
	}
	book, err := words.Load(seal.Words)
	if err != nil {
		t.Fatal(err)
	}
	if err := kit.Save(h.kitFile, book, "audit+key"); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestUnsealRefuses(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		h := build(t, s)
		ctx, dir := context.Background(), t.TempDir()
		text, err := os.ReadFile(h.keyFile)
		if err != nil {
			t.Fatal(err)
		}
		file := func(name, text string, mode os.FileMode) seal.Provider {
			return seal.KeyFile(write(t, filepath.Join(dir, name), text, mode))
		}
		other := filepath.Join(dir, "other.key")
		if _, err := ring(t, quick(t, s)).Found(ctx, operator, seal.KeyFile(other)); fault.Code(err) != "seal-founded" {
			t.Fatal(err)
		}
		wrongKey := "SEKISHO-UNSEAL-KEY-1 " + base64.StdEncoding.EncodeToString(make([]byte, 32))
		before := dump(t, s)
		refusals := []struct {
			name string
			by   seal.Provider
			code string
		}{
			{"key file missing", seal.KeyFile(filepath.Join(dir, "none")), "seal-file-missing"},
			{"A165 key file others can read", file("open", string(text), 0o644), "seal-file-open-to-others"},
			{"A165 key file the group can read", file("group", string(text), 0o640), "seal-file-open-to-others"},
			{"key file is a folder", seal.KeyFile(dir), "seal-file-unreadable"},
			{"key file empty", file("empty", "", 0o600), "seal-file-damaged"},
			{"key file with a letter changed", file("letter", flipLetter(string(text)), 0o600), "seal-file-damaged"},
			{"key file cut", file("cut", string(text[:len(text)-30]), 0o600), "seal-file-damaged"},
			{"key file twice", file("twice", string(text)+string(text), 0o600), "seal-file-damaged"},
			{"key file without its check", file("nocheck", wrongKey, 0o600), "seal-file-damaged"},
			{"key file of a megabyte", file("big", "#"+strings.Repeat("x", 1<<20), 0o600), "seal-file-damaged"},
			{"key file of another house", otherKey(t), "seal-key-wrong"},
			{"wrong passphrase", seal.Passphrase(secret.Of("another horse battery")), "seal-key-wrong"},
			{"empty passphrase", seal.Passphrase(secret.Of("")), "seal-key-wrong"},
			{"age identity missing", seal.AgeFile(filepath.Join(dir, "none")), "seal-file-missing"},
			{"another age identity", seal.AgeFile(identityFile(t)), "seal-key-wrong"},
			{"age identity damaged", seal.AgeFile(write(t, filepath.Join(dir, "age"), "AGE-SECRET-KEY-1AAAA\n", 0o600)), "seal-file-damaged"},
			{"A165 age identity others can read", seal.AgeFile(write(t, filepath.Join(dir, "age2"), "", 0o604)), "seal-file-open-to-others"},
		}
		for _, c := range refusals {
			t.Run(c.name, func(t *testing.T) {
				r := ring(t, quick(t, s))
				wantCode(t, r.Unseal(ctx, operator, c.by), c.code)
				if r.State() != seal.Shut {
					t.Error("the ring opened")
				}
				if dump(t, s) != before {
					t.Error("the refusal changed the ring")
				}
			})
		}
		if n := count(witnessed(t, s), "seal.unseal-refused"); n != len(refusals) {
			t.Errorf("%d of %d refusals witnessed", n, len(refusals))
		}
		for name, by := range map[string]seal.Provider{
			"key file": seal.KeyFile(h.keyFile), "passphrase": seal.Passphrase(secret.Of(phrase)),
			"age identity": seal.AgeFile(h.ageFile), "recovery kit": seal.AgeFile(h.kitFile),
		} {
			t.Run(name+" opens", func(t *testing.T) {
				r := ring(t, quick(t, s))
				if err := r.Unseal(ctx, operator, by); err != nil || r.State() != seal.Opened {
					t.Fatal(r.State(), err)
				}
				if err := r.Probe(ctx); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// flipLetter changes one letter of the key in a key file.
func flipLetter(text string) string {
	at := strings.LastIndex(text, "KEY-1 ") + 10
	letter := "A"
	if text[at] == 'A' {
		letter = "B"
	}
	return text[:at] + letter + text[at+1:]
}

// otherKey is the key file of another house.
func otherKey(t testing.TB) seal.Provider {
	path := filepath.Join(t.TempDir(), "unseal.key")
	_, from := founded(t, quick(t, elsewhere(t)))
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	return seal.KeyFile(write(t, path, string(text), 0o600))
}

func count(names []string, name string) int {
	n := 0
	for _, one := range names {
		if one == name {
			n++
		}
	}
	return n
}

// What stands in the database is examined like any other input.
func TestDamagedRingIsRefused(t *testing.T) {
	flip := "UPDATE seal_wrapping SET wrapped = $1 WHERE kind = $2"
	both(t, func(t *testing.T, s *store.Store) {
		h := build(t, s)
		ctx := context.Background()
		providers := map[string]seal.Provider{
			"file": seal.KeyFile(h.keyFile), "passphrase": seal.Passphrase(secret.Of(phrase)),
			"age": seal.AgeFile(h.ageFile), "recovery": seal.AgeFile(h.kitFile),
		}
		for kind, by := range providers {
			t.Run(kind+" wrapping changed", func(t *testing.T) {
				was := wrapped(t, s, kind)
				for _, at := range []int{0, len(was) / 2, len(was) - 1} {
					bad := bytes.Clone(was)
					bad[at] ^= 1
					change(t, s, flip, bad, kind)
					wantCode(t, ring(t, quick(t, s)).Unseal(ctx, operator, by), "seal-wrapping-damaged")
				}
				change(t, s, flip, []byte{}, kind)
				wantCode(t, ring(t, quick(t, s)).Unseal(ctx, operator, by), "seal-wrapping-damaged")
				change(t, s, flip, was, kind)
			})
		}
		t.Run("a root key put there by somebody who knows the recipient", func(t *testing.T) {
			was := wrapped(t, s, seal.KindRecovery)
			recipient, err := ring(t, quick(t, s)).Recipient(ctx)
			if err != nil {
				t.Fatal(err)
			}
			change(t, s, flip, encryptTo(t, recipient, make([]byte, 32)), seal.KindRecovery)
			wantCode(t, ring(t, quick(t, s)).Unseal(ctx, operator, providers["recovery"]), "seal-wrapping-damaged")
			change(t, s, flip, was, seal.KindRecovery)
		})
		t.Run("a passphrase that asks for all memory", func(t *testing.T) {
			change(t, s, `UPDATE seal_wrapping SET params = '{"check":"00","salt":"AAAAAAAAAAAAAAAAAAAAAA==","time":1,"memory":4294967295,"threads":1}' WHERE kind = 'passphrase'`)
			wantCode(t, ring(t, quick(t, s)).Unseal(ctx, operator, providers["passphrase"]), "seal-wrapping-damaged")
		})
		t.Run("no wrapping of that kind", func(t *testing.T) {
			change(t, s, "DELETE FROM seal_wrapping WHERE kind = 'passphrase'")
			wantCode(t, ring(t, quick(t, s)).Unseal(ctx, operator, providers["passphrase"]), "seal-wrapping-missing")
		})
		t.Run("a data key changed", func(t *testing.T) {
			change(t, s, "UPDATE seal_key SET wrapped = $1", make([]byte, 65))
			wantCode(t, ring(t, quick(t, s)).Unseal(ctx, operator, providers["file"]), "seal-ring-damaged")
		})
	})
}

func wrapped(t testing.TB, s *store.Store, kind string) []byte {
	t.Helper()
	var out []byte
	err := s.House().Read(context.Background(), func(v *store.View) error {
		return v.Row("SELECT wrapped FROM seal_wrapping WHERE kind = $1", kind).Scan(&out)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func encryptTo(t testing.TB, recipient string, plain []byte) []byte {
	t.Helper()
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSealedRingAnswersNothing(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx, r := context.Background(), ring(t, quick(t, s))
		wantCode(t, r.Unseal(ctx, operator, seal.Passphrase(secret.Of(phrase))), "seal-unfounded")
		_, err := r.Recipient(ctx)
		wantCode(t, err, "seal-unfounded")
		h := build(t, s)
		refuse := func() {
			t.Helper()
			_, err := r.Seal(drawerPlace("r", ""), nil)
			wantCode(t, err, "sealed")
			if f := fault.As(err); f.Status() != 503 {
				t.Errorf("sealed answers %d", f.Status())
			}
			_, err = r.Open(drawerPlace("r", ""), make([]byte, 99))
			wantCode(t, err, "sealed")
			_, err = r.MAC("session", nil)
			wantCode(t, err, "sealed")
			wantCode(t, r.Rotate(ctx, operator), "sealed")
			wantCode(t, r.Rekey(ctx, operator, seal.KeyFile(h.keyFile)), "sealed")
			wantCode(t, r.Probe(ctx), "sealed")
		}
		refuse()
		if err := r.Unseal(ctx, operator, seal.KeyFile(h.keyFile)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		refuse()
	})
}

func TestAnonymousChangesNoKeys(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for _, by := range []id.Principal{id.Anonymous, ""} {
			t.Run("A152 "+string(by), func(t *testing.T) {
				_, err := ring(t, quick(t, s)).Found(ctx, by, seal.KeyFile(filepath.Join(t.TempDir(), "k")))
				wantCode(t, err, "seal-anonymous")
			})
		}
		r, path := founded(t, quick(t, s))
		before := dump(t, s)
		for _, by := range []id.Principal{id.Anonymous, ""} {
			t.Run("A152 open "+string(by), func(t *testing.T) {
				wantCode(t, r.Rotate(ctx, by), "seal-anonymous")
				wantCode(t, r.Rekey(ctx, by, seal.KeyFile(path)), "seal-anonymous")
			})
		}
		if dump(t, s) != before {
			t.Error("the ring changed")
		}
	})
}

func TestRekeyShutsTheOldWayOut(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx, h := context.Background(), build(t, s)
		r := ring(t, quick(t, s))
		if err := r.Unseal(ctx, operator, seal.AgeFile(h.kitFile)); err != nil {
			t.Fatal(err)
		}
		sealed, err := r.Seal(drawerPlace("r1", "kaede"), []byte("kept"))
		if err != nil {
			t.Fatal(err)
		}
		before := dump(t, s)
		wantCode(t, r.Rekey(ctx, operator, seal.Passphrase(secret.Of("too short"))), "seal-passphrase-short")
		wantCode(t, r.Rekey(ctx, operator, seal.AgeFile(filepath.Join(t.TempDir(), "none"))), "seal-file-missing")
		if err := r.Rekey(ctx, operator); err == nil || dump(t, s) != before {
			t.Fatal("a rekey under nothing", err)
		}
		fresh := filepath.Join(t.TempDir(), "new.key")
		if err := r.Rekey(ctx, operator, seal.KeyFile(fresh)); err != nil {
			t.Fatal(err)
		}
		again := ring(t, quick(t, s))
		wantCode(t, again.Unseal(ctx, operator, seal.KeyFile(h.keyFile)), "seal-key-wrong")
		wantCode(t, again.Unseal(ctx, operator, seal.Passphrase(secret.Of(phrase))), "seal-wrapping-missing")
		wantCode(t, again.Unseal(ctx, operator, seal.AgeFile(h.ageFile)), "seal-key-wrong")
		for _, by := range []seal.Provider{seal.KeyFile(fresh), seal.AgeFile(h.kitFile)} {
			again := ring(t, quick(t, s))
			if err := again.Unseal(ctx, operator, by); err != nil {
				t.Fatal(err)
			}
			if plain, err := again.Open(drawerPlace("r1", "kaede"), sealed); err != nil || string(plain) != "kept" {
				t.Fatalf("%q, %v", plain, err)
			}
		}
		if !slices.Contains(witnessed(t, s), "seal.rekeyed") {
			t.Error("the rekey was not witnessed")
		}
	})
}

func TestOneFounds(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		path := filepath.Join(t.TempDir(), "unseal.key")
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = ring(t, quick(t, s)).Found(context.Background(), operator, seal.KeyFile(path))
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if fault.Code(err) != "seal-founded" && fault.Code(err) != "store-busy" {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Fatalf("%d founded", won)
		}
		if err := ring(t, quick(t, s)).Unseal(context.Background(), operator, seal.KeyFile(path)); err != nil {
			t.Fatal("the key file is not the winner's:", err)
		}
	})
}

func TestFilesAreOursAloneWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		t.Run("A165", func(t *testing.T) {
			s := elsewhere(t)
			keys, kits := filepath.Join(t.TempDir(), "unseal.key"), filepath.Join(t.TempDir(), "kit.txt")
			r := ring(t, quick(t, s))
			book, err := words.Load(seal.Words)
			if err != nil {
				t.Fatal(err)
			}
			old := syscall.Umask(mask)
			kit, err := r.Found(context.Background(), operator, seal.KeyFile(keys))
			if err == nil {
				err = kit.Save(kits, book, "audit+key")
			}
			syscall.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{keys, kits} {
				stat, err := os.Stat(path)
				if err != nil || stat.Mode() != 0o600 {
					t.Errorf("umask %o: mode %v, %v", mask, stat.Mode(), err)
				}
			}
			wantCode(t, kit.Save(kits, book, "audit+key"), "seal-file-there")
			left, err := filepath.Glob(keys + "*")
			if err != nil || len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
