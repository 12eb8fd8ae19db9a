package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// elsewhere is a store of another house.
func elsewhere(t testing.TB) *store.Store {
	return housetest.Open(t, housetest.SQLite(t), clock.System(), seal.Schema, drawerSchema)
}

func TestKitIsAnIdentityFileInTwoLanguages(t *testing.T) {
	s := elsewhere(t)
	r := ring(t, quick(t, s))
	kit, err := r.Found(context.Background(), operator, seal.KeyFile(filepath.Join(t.TempDir(), "unseal.key")))
	if err != nil {
		t.Fatal(err)
	}
	book, err := words.Load(seal.Words)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := kit.Render(&out, book, "sekisho.example+0123abcd+key"); err != nil {
		t.Fatal(err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(out.Bytes()))
	if err != nil || len(identities) != 1 {
		t.Fatalf("not an identity file: %v\n%s", err, out.String())
	}
	recipient, err := r.Recipient(context.Background())
	if err != nil || recipient != kit.Recipient || identities[0].(*age.X25519Identity).Recipient().String() != recipient {
		t.Fatal("the server keeps another recipient", err)
	}
	for _, part := range []string{"RECOVERY KIT", "復旧キット", "sekisho.example+0123abcd+key", recipient} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the kit lacks %q:\n%s", part, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "{}") {
		t.Errorf("a word was not filled in:\n%s", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > 100 {
			t.Errorf("too long to print: %s", line)
		}
	}
}

// No secret reaches a formatter, the log, an error, an event or, in clear, the
// database.
func TestNoSecretIsPrinted(t *testing.T) {
	url := housetest.SQLite(t)
	s := housetest.Open(t, url, clock.System(), seal.Schema, drawerSchema)
	keys, ages, kits := filepath.Join(t.TempDir(), "unseal.key"), identityFile(t), filepath.Join(t.TempDir(), "kit.txt")
	var log bytes.Buffer
	o := quick(t, s)
	o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := ring(t, o, drawer{})
	providers := []seal.Provider{seal.KeyFile(keys), seal.Passphrase(secret.Of(phrase)), seal.AgeFile(ages)}
	ctx := context.Background()
	kit, err := r.Found(ctx, operator, providers...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := words.Load(seal.Words)
	if err != nil {
		t.Fatal(err)
	}
	if err := kit.Save(kits, book, "audit"); err != nil {
		t.Fatal(err)
	}
	canaries := seal.Canaries(r)
	for _, path := range []string{keys, ages, kits} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		last := strings.Fields(string(text[bytes.LastIndexByte(bytes.TrimSpace(text), '\n')+1:]))
		value := last[0]
		if raw, err := base64.StdEncoding.DecodeString(last[len(last)-min(2, len(last))]); err == nil && len(raw) == 32 {
			canaries = append(canaries, raw)
		} else {
			canaries = append(canaries, []byte(value))
		}
	}
	const plain = "canary-of-a-sealed-value"
	canaries = append(canaries, []byte(phrase), []byte(plain))
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	show := func(values ...any) {
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%X"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			text, _ := json.Marshal(v)
			out.Write(text)
			_ = gob.NewEncoder(&out).Encode(v)
			logger.Info("shown", "value", v)
		}
	}
	sealed, err := r.Seal(drawerPlace("r1", "kaede"), []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	show(r, *kit, kit, providers, struct{ R *seal.Ring }{r}, sealed)
	_, err = r.Open(drawerPlace("r2", "kaede"), sealed)
	show(err, err.Error())
	for _, p := range append(providers, seal.Passphrase(secret.Of(phrase+"x"))) {
		again := ring(t, o)
		change(t, s, "UPDATE seal_wrapping SET wrapped = $1 WHERE kind = $2", []byte("x"), p.Kind())
		show(again.Unseal(ctx, operator, p))
	}
	damaged := write(t, filepath.Join(t.TempDir(), "d"), readAll(t, ages)+"x", 0o600)
	show(ring(t, o).Unseal(ctx, operator, seal.AgeFile(damaged)))
	if err := r.Rotate(ctx, operator); err != nil {
		t.Fatal(err)
	}
	canaries = append(canaries, seal.Canaries(r)...)
	for _, event := range housetest.Witnessed(t, s) {
		show(event)
	}
	out.Write(log.Bytes())
	for _, suffix := range []string{"", "-wal"} {
		out.WriteString(readAll(t, strings.TrimPrefix(url, "sqlite:")+suffix))
	}
	if len(canaries) < 7 {
		t.Fatalf("only %d canaries planted", len(canaries))
	}
	for i, canary := range canaries {
		for _, form := range []string{
			string(canary), hex.EncodeToString(canary), strings.ToUpper(hex.EncodeToString(canary)),
			base64.StdEncoding.EncodeToString(canary), base64.RawURLEncoding.EncodeToString(canary),
			strings.Trim(fmt.Sprint(canary), "[]"),
		} {
			if strings.Contains(out.String(), form) {
				t.Errorf("R9 canary %d was printed", i)
			}
		}
	}
}

func readAll(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
