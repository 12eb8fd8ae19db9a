package totp_test

import (
	"encoding/base32"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/boombuler/barcode/qr"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// rfc is the secret of RFC 6238 Appendix B for SHA-1.
var rfc = secret.Of(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))

func TestCodesAreThoseOfTheStandard(t *testing.T) {
	for seconds, eight := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		t.Run("CAP-A2 "+eight, func(t *testing.T) {
			now, six := time.Unix(seconds, 0), eight[2:]
			if code, err := totp.Code(rfc, totp.StepAt(now)); err != nil || code.Reveal() != six {
				t.Errorf("at %d: %s, %v; want %s", seconds, code.Reveal(), err, six)
			}
			if step, ok := totp.Step(rfc, six, now, 0); !ok || step != seconds/30 {
				t.Errorf("at %d: step %d, %v", seconds, step, ok)
			}
		})
	}
}

func TestWhatIsNoCode(t *testing.T) {
	for _, typed := range []string{
		"", "12345", "1234567", "12345a", "-123456.", "0x1234", "１２３４５", "123456\x00", "12 34 56 7", "一二三四五六",
		"①②③④⑤⑥", "1234５６７", "123456;", "\xff123456", "1e5000", "½23456", strings.Repeat("1", 1<<16),
	} {
		if got, err := totp.Canonical(typed); fault.Code(err) != "totp-malformed" {
			t.Errorf("%.20q is read as %q, %v", typed, got, err)
		}
	}
}

func TestOneCodeInManySpellings(t *testing.T) {
	for _, typed := range []string{
		"123456", " 123456", "12 3456", "123 456\n", "\t1 2 3 4 5 6", "123-456", "１２３４５６", "１２３　４５６", "12３4５6",
		"١٢٣٤٥٦", "۱۲۳۴۵۶", "१२३४५६", "𝟏𝟐𝟑𝟜𝟝𝟞", "𞥑𞥒𞥓𞥔𞥕𞥖",
	} {
		t.Run("A042 "+typed, func(t *testing.T) {
			if got, err := totp.Canonical(typed); got != "123456" || err != nil {
				t.Errorf("read as %q, %v", got, err)
			}
		})
	}
}

// TestEveryDigitIsRead walks all decimal digits of Unicode: each script's ten
// follow each other from nought.
func TestEveryDigitIsRead(t *testing.T) {
	n, want := 0, rune(0)
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Nd, r) {
			if want != 0 {
				t.Fatalf("%U: the ten before it are cut short", r)
			}
			continue
		}
		if got, err := totp.Canonical(strings.Repeat(string(r), 6)); err != nil || got != strings.Repeat(string('0'+want), 6) {
			t.Fatalf("%U is read as %q, %v; want %c", r, got, err, '0'+want)
		}
		n, want = n+1, (want+1)%10
	}
	if n < 600 {
		t.Errorf("only %d digits", n)
	}
}

func TestTheStepIsWhatIsUsedUp(t *testing.T) {
	s := totp.NewSecret()
	now := time.Date(2026, 4, 1, 9, 0, 17, 0, time.UTC)
	middle := totp.StepAt(now)
	for off := int64(-3); off <= 3; off++ {
		code, err := totp.Code(s, middle+off)
		if err != nil {
			t.Fatal(err)
		}
		step, ok := totp.Step(s, code.Reveal(), now, 1)
		if want := off >= -1 && off <= 1; ok != want || ok && step != middle+off {
			t.Errorf("A042 code of step %+d: step %+d, %v", off, step-middle, ok)
		}
	}
	for _, code := range []string{"", "000", "１２３４５６", "abcdef"} {
		if _, ok := totp.Step(s, code, now, 1); ok {
			t.Errorf("%q matches", code)
		}
	}
	if _, ok := totp.Step(secret.Of("not base32!"), "123456", now, 1); ok {
		t.Error("a broken secret matches")
	}
}

// TestTheLaterOfTwoEqualCodesCounts: two steps beside each other share a code
// once in a million; these two do.
func TestTheLaterOfTwoEqualCodesCounts(t *testing.T) {
	const first, second = 910737, 910738
	one, errOne := totp.Code(rfc, first)
	two, errTwo := totp.Code(rfc, second)
	if errOne != nil || errTwo != nil || !one.Equal(two) {
		t.Fatal("the steps do not share a code", errOne, errTwo)
	}
	for _, now := range []int64{first, second} {
		if got, ok := totp.Step(rfc, one.Reveal(), time.Unix(30*now, 0), 1); !ok || got != second {
			t.Errorf("A042 at %d: step %d, %v", now, got, ok)
		}
	}
}

func TestStepsBeforeTheEpochGoDown(t *testing.T) {
	for seconds, want := range map[int64]int64{-31: -2, -30: -1, -1: -1, 0: 0, 29: 0, 30: 1} {
		if got := totp.StepAt(time.Unix(seconds, 0)); got != want {
			t.Errorf("%d s is step %d, want %d", seconds, got, want)
		}
	}
}

func TestSecretsAreOfFullLengthAndNotPrinted(t *testing.T) {
	a, b := totp.NewSecret(), totp.NewSecret()
	if !regexp.MustCompile(`^[A-Z2-7]{32}$`).MatchString(a.Reveal()) || a.Equal(b) {
		t.Errorf("%q, %q", a.Reveal(), b.Reveal())
	}
	if got := totp.Grouped(secret.Of("ABCDEFGHIJ")).Reveal(); got != "ABCD EFGH IJ" {
		t.Errorf("grouped as %q", got)
	}
	if got := fmt.Sprint(a, totp.URI("i", "a", a)); strings.Contains(got, a.Reveal()) {
		t.Errorf("printed: %s", got)
	}
}

func TestTheURIIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		issuer, account := rapid.String().Draw(t, "issuer"), rapid.String().Draw(t, "account")
		if rapid.Bool().Draw(t, "names") {
			issuer, account = "楓商事: 関所 & 共", "田中 花子+a@kaede.example/%3A?#"
		}
		uri := totp.URI(issuer, account, rfc).Reveal()
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		i, a, one := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
		if u.Scheme != "otpauth" || u.Host != "totp" || !one || strings.Contains(a, ":") || i != q.Get("issuer") ||
			q.Get("secret") != rfc.Reveal() || len(q) != 5 || u.Fragment != "" || strings.ContainsAny(uri, "+ \"<>") {
			t.Fatalf("%q gives %q", issuer+"/"+account, uri)
		}
		if words := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, ":", " ")), " ") }; i != words(issuer) || a != words(account) {
			t.Fatalf("label %q and %q for %q and %q", i, a, issuer, account)
		}
	})
}

// TestThePictureIsTheCode draws the path on a grid of its own and compares it
// with the code of the library, margin and all.
func TestThePictureIsTheCode(t *testing.T) {
	text := totp.URI("楓商事", "hanako.tanaka@kaede.example", rfc)
	svg, err := totp.Picture(text, `<"QR" & 関所>`)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal([]byte(svg), &struct{}{}); err != nil {
		t.Fatal(err)
	}
	want, err := qr.Encode(text.Reveal(), qr.M, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	size := want.Bounds().Dx()
	head := fmt.Sprintf(`viewBox="0 0 %[1]d %[1]d" role="img"`, size+8)
	for _, part := range []string{head, "<title>&lt;&#34;QR&#34; &amp; 関所&gt;</title>", fmt.Sprintf(`<rect width="%[1]d" height="%[1]d" fill="#fff"/>`, size+8)} {
		if !strings.Contains(svg, part) {
			t.Errorf("the picture lacks %s", part)
		}
	}
	if strings.Count(svg, "<path") != 1 || regexp.MustCompile(`style|<script|href|on[a-z]+=`).MatchString(svg) || strings.Contains(svg, rfc.Reveal()) {
		t.Error("more than one path, or something that does not belong into a page")
	}
	dark := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(svg, -1) {
		var x, y, n, back int
		if _, err := fmt.Sscan(m[1]+" "+m[2]+" "+m[3]+" "+m[4], &x, &y, &n, &back); err != nil || n != back {
			t.Fatal(m, err)
		}
		for i := range n {
			dark[[2]int{x + i, y}] = true
		}
	}
	for x := range size + 8 {
		for y := range size + 8 {
			black := false
			if x >= 4 && x < size+4 && y >= 4 && y < size+4 {
				r, _, _, _ := want.At(x-4, y-4).RGBA()
				black = r == 0
			}
			if dark[[2]int{x, y}] != black {
				t.Fatalf("module %d, %d is drawn %v", x, y, dark[[2]int{x, y}])
			}
		}
	}
}

func TestALabelThatFitsIntoNoPicture(t *testing.T) {
	long := totp.URI(strings.Repeat("関", 100), strings.Repeat("所", 200), rfc)
	_, err := totp.Picture(long, "QR")
	if fault.Code(err) != "totp-label-too-long" || strings.Contains(err.Error(), rfc.Reveal()) {
		t.Errorf("got %v", err)
	}
	eighty := totp.URI(strings.Repeat("関", 80), strings.Repeat("所", 20)+"@kaede.example", rfc)
	if _, err := totp.Picture(eighty, "QR"); err != nil {
		t.Errorf("a name of eighty characters: %v", err)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"123456", "１２３　４５６", "-", "\xff", "١٢٣٤٥٦"} {
		f.Add(s)
	}
	six := regexp.MustCompile(`^[0-9]{6}$`)
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := totp.Canonical(typed)
		if err == nil != six.MatchString(got) {
			t.Fatalf("%q is read as %q, %v", typed, got, err)
		}
		if again, err2 := totp.Canonical(got); err == nil && (again != got || err2 != nil) {
			t.Errorf("%q is read as %q, %v", got, again, err2)
		}
	})
}

func BenchmarkStep(b *testing.B) {
	for b.Loop() {
		totp.Step(rfc, "123456", time.Unix(59, 0), 1)
	}
}

func BenchmarkPicture(b *testing.B) {
	text := totp.URI("楓商事", "hanako.tanaka@kaede.example", rfc)
	for b.Loop() {
		if _, err := totp.Picture(text, "QR"); err != nil {
			b.Fatal(err)
		}
	}
}
