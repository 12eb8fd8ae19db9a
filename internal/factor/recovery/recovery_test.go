package recovery_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/factor/recovery"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
)

const aoi, botan = id.Person("0000000000000000000000000a"), id.Person("0000000000000000000000000b")

func digest(t *testing.T, of id.Person, typed string) string {
	t.Helper()
	d, err := recovery.Digest(of, secret.Of(typed))
	if err != nil {
		t.Fatalf("%q: %v", typed, err)
	}
	return d
}

func TestWhatIsNoRecoveryCode(t *testing.T) {
	for _, typed := range []string{
		"", " ", "-----", "abcde-fghjk", "abcde-fghjk-mnpq", "abcde-fghjk-mnpqrs", "abcde-fghjk-mnpqu", "abcde_fghjk_mnpqr",
		"abcde-fghjk-mnpq\x00", "\xffabcde-fghjk-mnpqr", "abcde-fghjk-mnpqé", "ａｂｃｄｅ－ｆｇｈｊｋ－ｍｎｐｑ", strings.Repeat("-", 300) + "abcde-fghjk-mnpqr",
	} {
		if d, err := recovery.Digest(aoi, secret.Of(typed)); fault.Code(err) != "recovery-malformed" || d != "" {
			t.Errorf("%.30q: %q, %v", typed, d, err)
		}
	}
}

func TestCodesAreTenOfFullLength(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){2}$`)
	seen, letters := map[string]bool{}, map[rune]bool{}
	for range 100 {
		codes := recovery.New()
		if len(codes) != 10 {
			t.Fatalf("%d codes", len(codes))
		}
		for _, c := range codes {
			code := c.Reveal()
			if !form.MatchString(code) || seen[code] || strings.Contains(fmt.Sprint(c), code) {
				t.Fatalf("%q: malformed, twice, or printed", code)
			}
			seen[code] = true
			for _, r := range code {
				letters[r] = true
			}
		}
	}
	if len(letters) != 33 {
		t.Errorf("only %d different characters, want 32 and the hyphen", len(letters))
	}
}

func TestOneRecoveryCodeInManySpellings(t *testing.T) {
	want := digest(t, aoi, "ab1de-0ghjk-mnpqr")
	for _, typed := range []string{
		"ab1de0ghjkmnpqr", "AB1DE-0GHJK-MNPQR", " ab1de 0ghjk\tmnpqr\n", "abide-oghjk-mnpqr", "ABLDE-OGHJK-MNPQR",
		"ａｂ１ｄｅ－０ｇｈｊｋ－ｍｎｐｑｒ", "ａｂ１ｄｅー０ｇｈｊｋー mnpqr", "ab1de‐0ghjk–mnpqr", "ab1de−0ghjk—mnpqr",
	} {
		t.Run("A042 "+typed, func(t *testing.T) {
			if got := digest(t, aoi, typed); got != want {
				t.Errorf("%q has another digest", typed)
			}
		})
	}
	if digest(t, botan, "ab1de-0ghjk-mnpqr") == want {
		t.Error("two persons share a digest")
	}
	if digest(t, aoi, "ab1de-0ghjk-mnpqs") == want {
		t.Error("two codes share a digest")
	}
	if len(want) != 43 || strings.Contains(want, "ab1de") {
		t.Errorf("the digest is %q", want)
	}
}

func FuzzDigest(f *testing.F) {
	f.Add("ab1de-0ghjk-mnpqr")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, typed string) {
		d, err := recovery.Digest(aoi, secret.Of(typed))
		if (err == nil) != (len(d) == 43) {
			t.Errorf("%q: %q, %v", typed, d, err)
		}
	})
}
