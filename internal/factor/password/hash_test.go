package password_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

const (
	// "password" with the salt "somesalt": the reference implementation's own
	// vector for version 19, t=2, 64 MiB, p=1.
	foreign = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	// "U*U", from the vectors of crypt_blowfish.
	crypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

var refusedHashes = map[string]string{
	"empty":               "",
	"plain text":          "correct horse battery",
	"argon2i":             strings.Replace(foreign, "argon2id", "argon2i", 1),
	"version 16":          strings.Replace(foreign, "v=19", "v=16", 1),
	"no version":          strings.Replace(foreign, "v=19$", "", 1),
	"memory 256 MiB + 1":  strings.Replace(foreign, "m=65536", "m=262145", 1),
	"memory of 4 TiB":     strings.Replace(foreign, "m=65536", "m=4294967295", 1),
	"memory beyond 64 b":  strings.Replace(foreign, "m=65536", "m=99999999999999999999", 1),
	"memory 7 KiB":        strings.Replace(foreign, "m=65536", "m=7", 1),
	"memory 8 KiB, p=2":   strings.Replace(strings.Replace(foreign, "m=65536", "m=8", 1), "p=1", "p=2", 1),
	"memory 0":            strings.Replace(foreign, "m=65536", "m=0", 1),
	"leading zero":        strings.Replace(foreign, "m=65536", "m=065536", 1),
	"sign":                strings.Replace(foreign, "m=65536", "m=+65536", 1),
	"time 0":              strings.Replace(foreign, "t=2", "t=0", 1),
	"time 11":             strings.Replace(foreign, "t=2", "t=11", 1),
	"threads 0":           strings.Replace(foreign, "p=1", "p=0", 1),
	"threads 17":          strings.Replace(foreign, "p=1", "p=17", 1),
	"order":               strings.Replace(foreign, "m=65536,t=2", "t=2,m=65536", 1),
	"key id":              strings.Replace(foreign, "p=1", "p=1,keyid=abcd", 1),
	"no tag":              foreign[:strings.LastIndex(foreign, "$")],
	"tag of 15 bytes":     foreign[:strings.LastIndex(foreign, "$")+1] + "AAAAAAAAAAAAAAAAAAAA",
	"salt of 7 bytes":     strings.Replace(foreign, "c29tZXNhbHQ", "c29tc2FsdA", 1),
	"padding":             foreign + "=",
	"newline at the end":  foreign + "\n",
	"newline in the salt": strings.Replace(foreign, "c29tZXNhbHQ", "c29t\nZXNhbHQ", 1),
	"loose last bits":     strings.Replace(foreign, "c29tZXNhbHQ", "c29tZXNhbHR", 1),
	"url alphabet":        strings.Replace(foreign, "c29tZXNhbHQ", "c29tZXNh-HQ", 1),
	"a nul":               foreign + "\x00",
	"bcrypt $2x$":         strings.Replace(crypt, "$2a$", "$2x$", 1),
	"bcrypt $2$":          strings.Replace(crypt, "$2a$", "$2$", 1),
	"bcrypt cost 3":       strings.Replace(crypt, "$05$", "$03$", 1),
	"bcrypt cost 16":      strings.Replace(crypt, "$05$", "$16$", 1),
	"bcrypt cost 31":      strings.Replace(crypt, "$05$", "$31$", 1),
	"bcrypt cut short":    crypt[:59],
	"bcrypt too long":     crypt + "a",
	"md5-crypt":           "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
}

// small limits make a mill of one.
func mill() *password.Mill { return password.NewMill(password.Limits{Running: 1}) }

func verify(t *testing.T, stored, pw string) (ok, outdated bool) {
	t.Helper()
	ok, outdated, err := mill().Verify(context.Background(), stored, secret.Of(pw))
	if err != nil {
		t.Fatalf("%q: %v", stored, err)
	}
	return ok, outdated
}

func TestOnlyExactHashesAreKnown(t *testing.T) {
	for name, stored := range refusedHashes {
		t.Run(name, func(t *testing.T) {
			if password.Known(stored) {
				t.Errorf("%q is taken for a hash", stored)
			}
			if ok, _, err := mill().Verify(context.Background(), stored, secret.Of("password")); ok || !errors.Is(err, password.ErrNotAHash) {
				t.Errorf("Verify: %v, %v; want no and ErrNotAHash", ok, err)
			}
		})
	}
	for _, stored := range []string{foreign, crypt, strings.Replace(crypt, "$2a$", "$2b$", 1), strings.Replace(crypt, "$2a$", "$2y$", 1)} {
		if !password.Known(stored) {
			t.Errorf("%q is not known", stored)
		}
	}
}

func FuzzKnown(f *testing.F) {
	for _, s := range refusedHashes {
		f.Add(s)
	}
	f.Add(foreign)
	f.Add(crypt)
	f.Fuzz(func(t *testing.T, stored string) {
		if again, ok := password.Spelled(stored); ok != password.Known(stored) || ok && again != stored {
			t.Errorf("%q is read as %q", stored, again)
		}
	})
}

func TestHashIsOursAndVerifies(t *testing.T) {
	m, ctx, pw := mill(), context.Background(), secret.Of("correct horse battery")
	stored, err := m.Hash(ctx, pw)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(stored) {
		t.Errorf("the hash is %q", stored)
	}
	if again, _ := m.Hash(ctx, pw); again == stored {
		t.Error("two hashes have one salt")
	}
	if ok, outdated := verify(t, stored, "correct horse battery"); !ok || outdated {
		t.Errorf("own password: %v, outdated %v", ok, outdated)
	}
	for _, wrong := range []string{"", " ", "correct horse battery ", "Correct horse battery", "correct horse battery\x00", strings.Repeat("x", 2000), "\xff"} {
		if ok, outdated := verify(t, stored, wrong); ok || outdated {
			t.Errorf("%q: %v, outdated %v", wrong, ok, outdated)
		}
	}
}

func TestHashRefusesWhatCannotBeTyped(t *testing.T) {
	for pw, code := range map[string]string{
		"": "password-missing", "tab\tin a password": "password-malformed", "nul \x00": "password-malformed",
		"broken \xff utf-8": "password-malformed", strings.Repeat("x", 1025): "password-too-long",
	} {
		if _, err := mill().Hash(context.Background(), secret.Of(pw)); fault.Code(err) != code {
			t.Errorf("%q: %v, want %s", pw, err, code)
		}
	}
}

func TestOneSpellingOfAPassword(t *testing.T) {
	spellings := []string{
		"Ｐａｓｓ　ガギグ ﬁé㌔",                           // as typed
		"Pass ガギグ fiéキロ",                         // NFKC
		"Pass カ\u3099キ\u3099ク\u3099 fie\u0301キロ", // NFKD
		"Ｐａｓｓ　カ\u3099キ\u3099ク\u3099 ﬁe\u0301㌔",   // NFD
		"Pass ｶﾞｷﾞｸﾞ fiéｷﾛ",                      // half width
	}
	for _, made := range spellings {
		if words.NFKC(made) != spellings[1] {
			t.Fatalf("%q is another password", made)
		}
		stored, err := mill().Hash(context.Background(), secret.Of(made))
		if err != nil {
			t.Fatal(err)
		}
		for _, pw := range spellings {
			if ok, outdated := verify(t, stored, pw); !ok || outdated {
				t.Errorf("made as %q, typed as %q: %v, outdated %v", made, pw, ok, outdated)
			}
		}
	}
}

func TestImportedHashesVerifyAndAreOutdated(t *testing.T) {
	raw, err := bcrypt.GenerateFromPassword([]byte("ｐassword é"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	wide := "$argon2id$v=19$m=64,t=1,p=4$AAAAAAAAAAAAAAAAAAAAAA$" + b64(argon2.IDKey([]byte("four lanes"), make([]byte, 16), 1, 64, 4, 32))
	for name, c := range map[string]struct{ stored, pw string }{
		"argon2id 64 MiB":              {foreign, "password"},
		"argon2id of four lanes":       {wide, "four lanes"},
		"bcrypt $2a$":                  {crypt, "U*U"},
		"bcrypt $2b$":                  {strings.Replace(crypt, "$2a$", "$2b$", 1), "U*U"},
		"bcrypt $2y$":                  {strings.Replace(crypt, "$2a$", "$2y$", 1), "U*U"},
		"bcrypt of bytes as typed":     {string(raw), "ｐassword é"},
		"bcrypt of 72 bytes":           {crypted(t, strings.Repeat("a", 72)), strings.Repeat("a", 72)},
		"bcrypt of a normal spelling":  {crypted(t, "password"), "ｐａｓｓｗｏｒｄ"},
		"bcrypt, full width in 3 × 25": {crypted(t, strings.Repeat("a", 25)), strings.Repeat("ａ", 25)},
	} {
		t.Run(name, func(t *testing.T) {
			if ok, outdated := verify(t, c.stored, c.pw); !ok || !outdated {
				t.Errorf("right: %v, outdated %v", ok, outdated)
			}
			if ok, outdated := verify(t, c.stored, c.pw+"."); ok || outdated {
				t.Errorf("wrong: %v, outdated %v", ok, outdated)
			}
		})
	}
}

func TestBcryptNeverMatchesWhatItDoesNotRead(t *testing.T) {
	stored := crypted(t, strings.Repeat("a", 72))
	for _, pw := range []string{strings.Repeat("a", 73), strings.Repeat("a", 72) + "rest", strings.Repeat("a", 500)} {
		if ok, _ := verify(t, stored, pw); ok {
			t.Errorf("%d bytes match the first 72", len(pw))
		}
	}
	if ok, _ := verify(t, crypted(t, "ab\x00cd"), "ab\x00cd"); ok {
		t.Error("a password with a NUL matches")
	}
	if ok, _ := verify(t, crypted(t, "ab"), "ab\x00cd"); ok {
		t.Error("what follows a NUL is ignored")
	}
}

func crypted(t *testing.T, pw string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(pw), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
