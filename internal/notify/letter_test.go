package notify_test

import (
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

// injections try to become a header, a part, another addressee or a command.
var injections = []string{
	"x\r\nBcc: evil@x.example", "x\nBcc: evil@x.example", "x\rBcc: evil@x.example", "x\r\n\r\nbody", "x\u2028Bcc: evil@x.example",
	"x\u0085Bcc: evil@x.example", "x\r\n Bcc: evil@x.example", "x\r\n.\r\nMAIL FROM:<evil@x.example>", "x\n.\nQUIT", "=?utf-8?q?x=0D=0ABcc:_evil@x.example?=",
	"=?utf-8?b?DQpCY2M6IGV2aWxAeC5leGFtcGxl?=", "x\x00y", "x\x1b[31m", "x\v\fy", "--=_boundary", "x\r\n--=_boundary\r\nContent-Type: text/html\r\n\r\n<b>",
	"\u202egnp.exe", "a\u2066b\u2069", "a\u200bb", "\ufeffx", "a\u00adb", "\xff\xfe", "楓" + strings.Repeat("長", 79), strings.Repeat("a", 5000),
	strings.Repeat("=?utf-8?q?a?= ", 50), "x, y <evil@x.example>", `"x" <evil@x.example>`, "{until}", "{{", "}", "%0d%0aBcc: x", "%s%d", "x;\r\n\tcharset=utf-7",
}

// scripts try to run in whoever shows the HTML.
var scripts = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<svg/onload=alert(1)>", `"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`,
	"</title><script>alert(1)</script>", "</style><script>alert(1)</script>", "</p></div></body><script>alert(1)</script>", "<!--<script>alert(1)//-->", "]]><script>alert(1)</script>",
	"<iframe src=javascript:alert(1)>", "<a href=javascript:alert(1)>x</a>", "<a href='https://evil.example'>x</a>", "<base href=https://evil.example/>", "<meta http-equiv=refresh content='0;url=https://evil.example'>",
	"<link rel=stylesheet href=https://evil.example>", "<style>*{background:url(https://evil.example)}</style>", "<form action=https://evil.example><input>", "<object data=x>", "<embed src=x>", "<math><mi//xlink:href=javascript:alert(1)>",
	"<template><script>alert(1)</script></template>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<video><source onerror=alert(1)>", "<body onload=alert(1)>", "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>",
	"&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;", "\\u003cscript\\u003e", "＜script＞alert(1)＜/script＞", "<scr\x00ipt>alert(1)</scr\x00ipt>", "<<script>alert(1)//<</script>", "<IMG SRC=\"jav&#x09;ascript:alert(1)\">", "{{.Link}}", "{{template \"x\"}}", "${alert(1)}",
	"javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "https://evil.example/reset", "http://evil.example", "www.evil.example", "mailto:evil@x.example", "ＨＴＴＰ://evil.example",
	"=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "<xmp><script>alert(1)</script>", "<plaintext>", "<marquee onstart=alert(1)>", "<isindex action=javascript:alert(1)>", "<textarea></textarea><script>alert(1)</script>",
}

// written sends a message for real and returns what arrived.
func written(t *testing.T, r *rig, m notify.Message) mail.Mail {
	t.Helper()
	r.queue(m)
	if d := r.until(m.Ref, notify.Sent, notify.Refused, notify.Stopped); d.State != notify.Sent {
		t.Fatalf("%+v", d)
	}
	all := r.relay.Messages()
	return all[len(all)-1]
}

func TestNamesStayNames(t *testing.T) {
	r := newRig(t, housetest.SQLite(t), clock.NewMoved(housetest.Epoch), "", mail.Options{Keep: 1})
	r.start()
	plainHeader := header(written(t, r, message("aoi@kaede.example", "plain")))
	for i, payload := range slices.Concat(injections, scripts) {
		kind := "A181"
		if i >= len(injections) {
			kind = "A133"
		}
		t.Run(fmt.Sprintf("%s %.30q", kind, payload), func(t *testing.T) {
			m := message("aoi@kaede.example", fmt.Sprintf("m:%d", i))
			m.Lang = words.Langs[i%2]
			m.Args = map[string]string{"by": payload, "org": payload, "name": payload, "until": payload}
			got := written(t, r, m)
			if names := header(got); !slices.Equal(names, plainHeader) || len(got.To) != 1 {
				t.Errorf("header %v to %v, want %v", names, got.To, plainHeader)
			}
			if strings.ContainsAny(got.Subject, "\r\n\x00\u2028\u202e\u200b") || strings.Contains(got.Subject, "://") || len([]rune(got.Subject)) > 201 {
				t.Errorf("subject %.300q", got.Subject)
			}
			inert(t, got)
		})
	}
}

func header(m mail.Mail) []string {
	var names []string
	for name, values := range m.Header {
		names = append(names, fmt.Sprintf("%s×%d", name, len(values)))
	}
	slices.Sort(names)
	kind, _, _ := mime.ParseMediaType(m.Header.Get("Content-Type"))
	return append(names, kind, fmt.Sprint(strings.Count(m.Raw, "Content-Transfer-Encoding:")))
}

// inert: the HTML has our elements only, its links lead to the house, and text
// in both forms has no address that a program would make a link of but ours.
func inert(t *testing.T, m mail.Mail) {
	t.Helper()
	ours := []string{"html", "head", "meta", "title", "style", "body", "div", "h1", "p", "br", "a"}
	attributes := []string{"lang", "charset", "name", "content", "class", "style", "href", "rel"}
	sheet, err := html.Parse(strings.NewReader(m.HTML))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for n := range sheet.Descendants() {
		switch n.Type {
		case html.ElementNode:
			count[n.Data]++
			if !slices.Contains(ours, n.Data) {
				t.Errorf("element %s in %q", n.Data, m.Subject)
			}
			for _, a := range n.Attr {
				if !slices.Contains(attributes, a.Key) || a.Key == "href" && !strings.HasPrefix(a.Val, base+"/") || strings.Contains(a.Val, "url(") {
					t.Errorf("attribute %s=%q", a.Key, a.Val)
				}
			}
		case html.CommentNode:
			t.Errorf("comment %q", n.Data)
		case html.TextNode:
			if n.Parent.Data != "style" {
				noLink(t, n.Data)
			}
		}
	}
	if count["style"] != 1 || count["title"] != 1 || count["a"] != 3 {
		t.Errorf("elements %v", count)
	}
	noLink(t, m.Text)
}

func noLink(t *testing.T, text string) {
	t.Helper()
	rest := strings.ReplaceAll(text, base+"/", "")
	for _, mark := range []string{"://", "www.", "mailto:", "\u202e", "\u2066", "\u200b", "\x00"} {
		if strings.Contains(rest, mark) {
			t.Errorf("%q in %.200q", mark, rest)
		}
	}
}

// What a reader gets, in both languages and both forms.
func TestLetter(t *testing.T) {
	r := newRig(t, housetest.SQLite(t), clock.NewMoved(housetest.Epoch), "", mail.Options{})
	r.start()
	for lang, want := range map[words.Lang]struct{ subject, text string }{
		words.English: {"Chika invites you to Kaede Trading", `Hello Aoi,

Chika has invited you to Kaede Trading.
You have until 2026-11-23 09:00 UTC.

    123 456

See the invitation
https://sekisho.example.com/invitation?link=canary-link

The invitation counts once.

-- 
Sekisho  https://sekisho.example.com/
Nobody at Sekisho asks for your password, a code or a link by mail or telephone.
If you did not expect this mail, do nothing. Nothing happens without you.
`},
		words.Japanese: {"千佳さんから楓商事への招待", `葵 様

千佳さんから楓商事への招待が届いています。
期限は11月23日 18:00です。

    123 456

招待を確認する
https://sekisho.example.com/invitation?link=canary-link

この招待は一度だけ使えます。

-- 
Sekisho  https://sekisho.example.com/
Sekisho の担当者が、パスワード・確認コード・リンクをメールや電話でお尋ねすることはありません。
このメールに心当たりがない場合は、何もせずに破棄してください。ご本人の操作なしに何かが行われることはありません。
`},
	} {
		t.Run(string(lang), func(t *testing.T) {
			m := message("aoi@kaede.example", "m:"+string(lang))
			m.Lang, m.Code = lang, secret.Of("123-456")
			if lang == words.Japanese {
				m.Args = map[string]string{"by": "千佳", "org": "楓商事", "name": "葵", "until": "11月23日 18:00"}
			}
			want.text = strings.Replace(want.text, "123 456", "123-456", 1)
			got := written(t, r, m)
			if got.Subject != want.subject || got.Text != want.text {
				t.Errorf("%s\n%s", got.Subject, got.Text)
			}
			for _, part := range []string{
				`<html lang="` + string(lang) + `">`, ">" + want.subject + "</h1>", ">123-456</p>", `<a href="https://sekisho.example.com/invitation?link=canary-link"`,
			} {
				if !strings.Contains(got.HTML, part) {
					t.Errorf("no %s in\n%s", part, got.HTML)
				}
			}
			for _, elsewhere := range []string{"<img", "src=", "url(", "<script", "@import", "<link"} {
				if strings.Contains(got.HTML, elsewhere) {
					t.Errorf("%s in\n%s", elsewhere, got.HTML)
				}
			}
			if id, date := got.Header.Get("Message-Id"), got.Header.Get("Date"); !strings.HasSuffix(id, "@sekisho.example.com>") || !strings.HasPrefix(date, "Sun, 22 Nov 2026") {
				t.Errorf("%s at %s", id, date)
			}
			if from := got.Header.Get("From"); from != `"Sekisho" <no-reply@example.com>` {
				t.Errorf("from %s", from)
			}
			inert(t, got)
		})
	}
}

// A sheet without link and code has neither button nor box.
func TestBareLetter(t *testing.T) {
	r := newRig(t, housetest.SQLite(t), clock.NewMoved(housetest.Epoch), "", mail.Options{})
	r.start()
	m := message("aoi@kaede.example", "m")
	m.Kind, m.Link, m.Args, m.Until = "room.code", secret.Text{}, nil, r.clock.Now().Add(time.Hour)
	got := written(t, r, m)
	if strings.Count(got.HTML, "<a ") != 1 || strings.Contains(got.HTML, `class="code"`) || !strings.HasPrefix(got.Text, "Type this code.\n\n-- \n") {
		t.Errorf("%s\n%s", got.Text, got.HTML)
	}
	if names := slices.Sorted(maps.Keys(got.Header)); len(names) != 9 {
		t.Errorf("header %v", names)
	}
}
