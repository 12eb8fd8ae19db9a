package password_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

var tanaka = password.Context{
	Logins:  []string{"h.tanaka", "hanako.tanaka@kaede.example"},
	Names:   []string{"田中 花子", "たなか はなこ", "楓商事", "Kaede Trading"},
	Product: []string{"login.kaede.example"},
}

func TestWhatIsRefused(t *testing.T) {
	alone := tanaka
	alone.Alone = true
	for _, c := range []struct {
		about password.Context
		pw    string
		code  string
	}{
		{tanaka, "", "password-missing"},
		{tanaka, "short 7", "password-too-short"},
		{tanaka, "éééééé7", "password-too-short"},
		{tanaka, "ﷺ", "password-too-short"},                            // 18 characters after NFKC, one on the keyboard
		{tanaka, "e\u0301e\u0301e\u0301e\u0301", "password-too-short"}, // eight, and four after NFKC
		{alone, "fourteen chrs!", "password-too-short"},
		{tanaka, strings.Repeat("長", 342), "password-too-long"},
		{tanaka, "tab\tulator keys", "password-malformed"},
		{tanaka, "a nul \x00 inside", "password-malformed"},
		{tanaka, "not utf-8 \xc3\x28", "password-malformed"},

		{tanaka, "password", "password-common"},
		{tanaka, "PassWord", "password-common"},
		{tanaka, "ｐａｓｓｗｏｒｄ", "password-common"},
		{tanaka, "1qaz2wsx", "password-common"},
		{tanaka, "Baseball2024!", "password-common"},
		{tanaka, "!!dragon2024", "password-common"},
		{alone, "password1234567", "password-common"},
		{alone, "passwordpassword", "password-common"},
		{alone, "passwordpasswordpass", "password-common"},
		{alone, "abcabcabcabcabca", "password-common"},
		{alone, "aaaaaaaaaaaaaaaa", "password-common"},
		{alone, "                ", "password-common"},
		{alone, "123456789012345678", "password-common"},
		{alone, "qwertyuiopasdfghjkl", "password-common"},
		{alone, "zyxwvutsrqponmlkj", "password-common"},
		{alone, "あいうえおかきくけこさしすせそ", "password-common"},
		{alone, "いろはにほへとちりぬるをわか2026", "password-common"},
		{alone, "アイウエオカキクケコサシスセソ", "password-common"},
		{alone, "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿ", "password-common"},

		{tanaka, "h.tanaka", "password-names-you"},
		{tanaka, "H.Tanaka-2026", "password-names-you"},
		{alone, "hanako.tanaka.1", "password-names-you"},
		{alone, "hanako.tanaka@kaede.example", "password-names-you"},
		{alone, "tanaka hanako 07", "password-names-you"},
		{alone, "TanakaTanakaTanaka1", "password-names-you"},
		{tanaka, "akanat-2026", "password-names-you"},
		{tanaka, "t4n4k4!2026", "password-names-you"},
		{tanaka, "ｔａｎａｋａ２０２６", "password-names-you"},
		{alone, "田中花子田中花子田中花子1234", "password-names-you"},
		{alone, "たなかはなこ　たなか花子　平成元年", "password-names-you"},
		{alone, "タナカハナコ　タナカ花子　平成元年", "password-names-you"},
		{alone, "ﾀﾅｶﾊﾅｺ ﾀﾅｶﾊﾅｺ 2026", "password-names-you"},
		{tanaka, "kaede-trading-1", "password-names-you"},
		{tanaka, "楓商事2026年度!", "password-names-you"},
		{alone, "tanaka password", "password-names-you"},
		{tanaka, "Sekisho-2026", "password-names-you"},
		{tanaka, "関所関所関所関所", "password-names-you"},
		{tanaka, "関所2026年4月", "password-names-you"},
		{tanaka, "s3k1sh0!!!", "password-names-you"},
	} {
		t.Run("CAP-A1 "+c.pw, func(t *testing.T) {
			err := password.Check(secret.Of(c.pw), c.about)
			f := fault.As(err)
			if f == nil || f.Code != c.code || f.Kind != fault.Invalid {
				t.Errorf("%q: got %v, want %s", c.pw, err, c.code)
			}
		})
	}
}

func TestWhatIsAccepted(t *testing.T) {
	alone := tanaka
	alone.Alone = true
	for _, c := range []struct {
		about password.Context
		pw    string
	}{
		{tanaka, "v7#kqTz2"},
		{tanaka, "雨上がりの坂道へ"},
		{tanaka, "no digits, no capitals"},
		{alone, "correct horse battery stable"},
		{alone, "monkey dragon shadow master"}, // four common words are a good phrase
		{alone, "雨上がりの坂道を登る猫二匹と犬"},
		{alone, "tanaka likes rainy days"}, // a name is no harm where enough else stands
		{alone, "🐈🐈🐕🦉🐢🐇🦊🐻🐼🐨🐯🦁🐮🐷🐸"},
		{alone, strings.Repeat("sixty-four characters are fine: ", 2) + "and more"},
		{alone, strings.Repeat("長くても良い合言葉を選ぼう、", 24) + "終"},
		{password.Context{Logins: []string{"a", "an"}, Names: []string{"", " ", "李"}}, "an apple and a 李 tree"},
	} {
		t.Run("CAP-A1 "+c.pw, func(t *testing.T) {
			if err := password.Check(secret.Of(c.pw), c.about); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryEntryOfTheListIsFound(t *testing.T) {
	entries := unpack(t, packedList(t))
	in := map[string]bool{}
	for _, e := range entries {
		in[e] = true
		if ok, err := password.Listed(e); !ok || err != nil {
			t.Fatalf("%q is not found: %v", e, err)
		}
	}
	for i, e := range entries {
		for _, near := range []string{e + "\x01", e[:len(e)-1], "\x01" + e} {
			if ok, _ := password.Listed(near); ok != in[near] {
				t.Fatalf("entry %d: %q is found: %v", i, near, ok)
			}
		}
	}
	for _, e := range []string{"", "\x00", "\xff\xff"} {
		if ok, _ := password.Listed(e); ok {
			t.Errorf("%q is found", e)
		}
	}
}

func TestADamagedListIsSeen(t *testing.T) {
	whole := packedList(t)
	for name, packed := range map[string][]byte{
		"empty": {}, "no gzip": []byte("123456\npassword\n"), "cut in half": whole[:len(whole)/2], "nothing inside": pack(t, nil),
	} {
		if _, err := password.ReadList(packed); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}

func TestTheListCostsLittleMemory(t *testing.T) {
	packed := packedList(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	keep, err := password.ReadList(packed)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if cost := int64(after.HeapAlloc) - int64(before.HeapAlloc); cost > 2_000_000 || cost < 1_000_000 {
		t.Errorf("the decoded list takes %d bytes, at most 2 MB", cost)
	}
	runtime.KeepAlive(keep)
	runtime.KeepAlive(packed)
}

func BenchmarkCheck(b *testing.B) {
	pw := secret.Of("correct horse battery stable")
	_ = password.Check(pw, tanaka) // decodes the list
	for b.Loop() {
		if err := password.Check(pw, tanaka); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "password", "田中花子2026", "ﷺﷺﷺﷺ", "\xff", "t4n4k4!", "ſtraße İ"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, pw, name string) {
		about := password.Context{Logins: []string{name}, Names: []string{name}}
		if err := password.Check(secret.Of(pw), about); err != nil && fault.As(err) == nil {
			t.Errorf("%q: %v", pw, err)
		}
		if password.Check(secret.Of(name), about) == nil && len(name) >= 3 && len([]rune(name)) >= 3 {
			t.Logf("%q may be its own password", name)
		}
	})
}
