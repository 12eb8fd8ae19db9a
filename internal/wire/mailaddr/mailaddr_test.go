package mailaddr_test

import (
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// What two parsers read differently is refused (A052).
func TestParseRefuses(t *testing.T) {
	const malformed, domain, long = "mail-address-malformed", "mail-address-domain", "mail-address-too-long"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", malformed},
		{"no at", "aoi.kaede.example", malformed},
		{"two at", "aoi@kaede.example@evil.example", malformed},
		{"quoted local part with an at", `"aoi@kaede.example"@evil.example`, malformed},
		{"quoted local part", `"aoi"@kaede.example`, malformed},
		{"comment", "aoi(x)@kaede.example", malformed},
		{"comment in the domain", "aoi@kaede.example(@evil.example)", malformed},
		{"angle brackets", "<aoi@kaede.example>", malformed},
		{"name before", "Aoi <aoi@kaede.example>", malformed},
		{"source route", "@evil.example:aoi@kaede.example", malformed},
		{"percent hack with two at", "aoi%kaede.example@evil.example@x.example", malformed},
		{"address literal", "aoi@[127.0.0.1]", domain},
		{"address", "aoi@127.0.0.1", domain},
		{"odd address", "aoi@0x7f.1", domain},
		{"hexadecimal end", "aoi@kaede.0x7f", domain},
		{"one label", "aoi@localhost", domain},
		{"dot at the end", "aoi@kaede.example.", domain},
		{"empty label", "aoi@kaede..example", domain},
		{"hyphen at the end", "aoi@kaede-.example", domain},
		{"underscore", "aoi@ka_ede.example", domain},
		{"empty domain", "aoi@", domain},
		{"empty local part", "@kaede.example", malformed},
		{"dots in a row", "a..oi@kaede.example", malformed},
		{"dot first", ".aoi@kaede.example", malformed},
		{"blank", "a oi@kaede.example", malformed},
		{"comma", "aoi@kaede.example,b@evil.example", malformed},
		{"comma in the domain", "aoi@kaede.example,evil.example", domain},
		{"semicolon", "aoi;b@kaede.example", malformed},
		{"line break", "aoi@kaede.example\r\nBcc: b@evil.example", malformed},
		{"line break in front", "aoi\r\n@kaede.example", malformed},
		{"line break at the end", "aoi@kaede.example\n", domain},
		{"NUL", "aoi@kaede.example\x00.evil.example", domain},
		{"slash", "aoi@kaede.example/evil", domain},
		{"port", "aoi@kaede.example:25", domain},
		{"at of another width", "aoi＠kaede.example", malformed},
		{"at of another width besides", "aoi＠x.example@kaede.example", malformed},
		{"local part beyond ASCII", "葵@kaede.example", malformed},
		{"cyrillic a", "\u0430oi@kaede.example", malformed},
		{"not UTF-8", "aoi@\xff.example", domain},
		{"bidi in the domain", "aoi@\u202ekaede.example", domain},
		{"broken punycode", "aoi@xn--a.example", domain},
		{"punycode of ASCII", "aoi@xn--kaede-.example", domain},
		{"joiner", "aoi@ka\u200dede.example", domain},
		{"local part of 65", strings.Repeat("a", 65) + "@kaede.example", long},
		{"255 in all", strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + strings.Repeat("c", 7), long},
		{"label of 64", "aoi@" + strings.Repeat("b", 64) + ".example", domain},
		{"endless", strings.Repeat("a", 100000), long},
	} {
		t.Run("A052 "+c.name, func(t *testing.T) {
			got, err := mailaddr.Parse(c.text)
			if fault.Code(err) != c.want || !got.IsZero() {
				t.Errorf("%.60q: %v, %v; want %s", c.text, got, err, c.want)
			}
		})
	}
}

// TestTheLibraryTakesTwoAts pins what net/mail lets through beside what we
// refuse: when a new version changes it, this says so.
func TestTheLibraryTakesTwoAts(t *testing.T) {
	for _, text := range []string{`"a@x.example"@evil.example`, `"aoi@kaede.example "@evil.example`} {
		t.Run("TRAP-GO6 "+text, func(t *testing.T) {
			theirs, err := mail.ParseAddress(text)
			if err != nil || strings.Count(theirs.Address, "@") != 2 {
				t.Errorf("net/mail reads %v (%v) now", theirs, err)
			}
			if got, err := mailaddr.Parse(text); fault.Code(err) != "mail-address-malformed" {
				t.Errorf("we read %v (%v)", got, err)
			}
			if got, err := mailaddr.ParseMailbox("Aoi <" + text + ">"); err == nil {
				t.Errorf("we read the mailbox %v", got)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, wire, display string }{
		{"plain", "aoi@kaede.example", "aoi@kaede.example", "aoi@kaede.example"},
		{"blanks around", " \u3000aoi@kaede.example\t", "aoi@kaede.example", "aoi@kaede.example"},
		{"case of the domain", "Aoi@KAEDE.Example", "Aoi@kaede.example", "Aoi@kaede.example"},
		{"tag and signs", "aoi+x.y_z/!#$%&'*=?^`{|}~@kaede.example", "aoi+x.y_z/!#$%&'*=?^`{|}~@kaede.example", "aoi+x.y_z/!#$%&'*=?^`{|}~@kaede.example"},
		{"international domain", "aoi@楓商事.example", "aoi@xn--3kqw7n7zs.example", "aoi@楓商事.example"},
		{"its wire form", "aoi@xn--3kqw7n7zs.example", "aoi@xn--3kqw7n7zs.example", "aoi@楓商事.example"},
		{"full width domain", "aoi@ｋａｅｄｅ．ｅｘａｍｐｌｅ", "aoi@kaede.example", "aoi@kaede.example"},
		{"ideographic dot", "aoi@kaede。example", "aoi@kaede.example", "aoi@kaede.example"},
		{"sharp s is itself", "aoi@straße.example", "aoi@xn--strae-oqa.example", "aoi@straße.example"},
		{"deep", "a@a.b.c.d.example", "a@a.b.c.d.example", "a@a.b.c.d.example"},
		{"numbers below", "a@1.2.example", "a@1.2.example", "a@1.2.example"},
		{"local part of 64", strings.Repeat("a", 64) + "@kaede.example", strings.Repeat("a", 64) + "@kaede.example", strings.Repeat("a", 64) + "@kaede.example"},
	} {
		t.Run("A052 "+c.name, func(t *testing.T) {
			got, err := mailaddr.Parse(c.text)
			if err != nil || got.String() != c.wire || got.Display() != c.display {
				t.Errorf("%q: %s (%s), %v; want %s (%s)", c.text, got, got.Display(), err, c.wire, c.display)
			}
		})
	}
	a, _ := mailaddr.Parse("Aoi@kaede.example")
	b, _ := mailaddr.Parse("aoi@Kaede.EXAMPLE")
	if a == b || a.Key() != b.Key() {
		t.Errorf("%s and %s: equal %v, keys %s and %s", a, b, a == b, a.Key(), b.Key())
	}
}

func TestParseMailbox(t *testing.T) {
	for _, c := range []struct{ name, text, want, code string }{
		{"named", "Sekisho <no-reply@kaede.example>", "Sekisho <no-reply@kaede.example>", ""},
		{"quoted", `"Sekisho, Inc." <no-reply@kaede.example>`, "Sekisho, Inc. <no-reply@kaede.example>", ""},
		{"Japanese", "関所 <no-reply@kaede.example>", "関所 <no-reply@kaede.example>", ""},
		{"alone", "no-reply@kaede.example", "no-reply@kaede.example", ""},
		{"in brackets", "<no-reply@kaede.example>", "no-reply@kaede.example", ""},
		{"A052 two at", "Sekisho <a@b.example@c.example>", "", "mail-address-malformed"},
		{"A181 line break", "Sekisho\r\nBcc: x <a@b.example>", "", "mail-name-malformed"},
		{"A181 line break behind", "Sekisho <a@b.example>\r\nBcc: x@y.example", "", "mail-address-malformed"},
		{"quote inside", `Se"kisho <a@b.example>`, "", "mail-name-malformed"},
		{"two of them", "A <a@b.example>, B <b@b.example>", "", "mail-address-malformed"},
		{"unclosed", "A <a@b.example", "", "mail-address-malformed"},
		{"A128 bidi", "A\u202e <a@b.example>", "", "mail-name-malformed"},
		{"long", strings.Repeat("あ", 81) + " <a@b.example>", "", "mail-name-malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := mailaddr.ParseMailbox(c.text)
			if fault.Code(err) != c.code || err == nil && got.String() != c.want {
				t.Errorf("%q: %v, %v; want %q, %s", c.text, got, err, c.want, c.code)
			}
		})
	}
}

// Whatever is accepted reads the same again, and holds nothing that could end a
// line of SMTP or a header.
func sound(t interface {
	Helper()
	Errorf(string, ...any)
}, text string,
) {
	t.Helper()
	a, err := mailaddr.Parse(text)
	if err != nil {
		if a != (mailaddr.Address{}) {
			t.Errorf("%q: refused, and yet %v", text, a)
		}
		return
	}
	wire := a.String()
	if strings.Count(wire, "@") != 1 || strings.ContainsAny(wire, " \t\r\n<>\"(),;:\\[]\x00") || len(wire) > mailaddr.AddressMost {
		t.Errorf("%q gave %q", text, wire)
	}
	for i := range len(wire) {
		if wire[i] <= ' ' || wire[i] >= 0x7f {
			t.Errorf("%q gave %q", text, wire)
		}
	}
	for _, form := range []string{wire, a.Display()} {
		if again, err := mailaddr.Parse(form); err != nil || again != a {
			t.Errorf("%q gave %q, whose form %q gives %v, %v", text, wire, form, again, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"aoi@kaede.example", `"a@x.example"@evil.example`, "aoi@楓商事.example", "a@xn--a.example", "a@b@c.example", "a@[::1]", "a@x.example\r\n", "ａ＠ｂ．ｃ", "a@ß.example", "a@א.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sound(t, text)
		m, err := mailaddr.ParseMailbox(text)
		if err == nil && (strings.ContainsAny(m.String(), "\r\n\x00") || !utf8.ValidString(m.Name)) {
			t.Errorf("%q gave %q", text, m)
		}
	})
}

func TestParseIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sound(t, rapid.StringMatching(`[a-z.+"@( ]{0,12}@?[a-z0-9.@ß楓。１-９ａ-ｚא\-\[\]]{0,20}`).Draw(t, "text"))
	})
}
