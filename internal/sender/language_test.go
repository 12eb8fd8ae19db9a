package sender_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/id"
)

// reads says in which language somebody reads.
func (r *rig) reads(who id.Person, lang string) {
	r.Helper()
	p, err := r.h.Register().Person(ctx, who)
	if err == nil {
		p.Locale = lang
		_, err = r.h.Register().ChangePerson(ctx, id.Local(0), p)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// deploy is a card with buttons, in English, and in Japanese but for one button.
func deploy(more object) object {
	c := object{
		"to": object{"groups": []string{"sales"}}, "title": "Deploy web 2.4", "text": "Tonight",
		"fields":  []object{{"label": "Window", "value": "22:00"}},
		"actions": []object{{"id": "go", "label": "Deploy", "inputs": []object{{"id": "where", "label": "Where", "options": []object{{"value": "tokyo", "label": "Tokyo"}}}}}, {"id": "stop", "label": "Not today"}},
		"languages": object{"ja": object{
			"title": "web 2.4 のデプロイ", "fields": []object{{"label": "時間帯", "value": "22:00"}},
			"actions": []object{{"id": "go", "label": "デプロイする", "inputs": []object{{"id": "where", "label": "場所", "options": []object{{"value": "tokyo", "label": "東京"}}}}}},
		}},
	}
	for key, value := range more {
		c[key] = value
	}
	return c
}

// What a card says in another language is held to what it says in its own.
func TestTextsThatAreRefused(t *testing.T) {
	each(t, func(r *rig) {
		token, _ := r.token(r.add("deploy", nil), nil)
		in := func(lang string, texts object) object { return object{"languages": object{lang: texts}} }
		for _, one := range []struct {
			name string
			more object
			want string
		}{
			{"a language of nobody", in("tlh", object{"title": "x"}), "sender-language-unknown"},
			{"a language with a name that hides", in("j\u202ea", object{"title": "x"}), "sender-language-unknown"},
			{"A128 a title that turns around", in("ja", object{"title": "承認\u202e認否"}), "text-has-controls"},
			{"A129 markup", in("ja", object{"text": "<b>急ぎ</b>"}), "text-has-markup"},
			{"a title without end", in("ja", object{"title": strings.Repeat("長", 151)}), "field-too-long"},
			{"a title of nothing but space", in("ja", object{"title": "　 "}), "field-required"},
			{"a field more than the card has", in("ja", object{"fields": []object{{"label": "a", "value": "b"}, {"label": "金額", "value": "0"}}}), "sender-fields-differ"},
			{"a button that the card has not", in("ja", object{"actions": []object{{"id": "pay", "label": "支払う"}}}), "sender-text-of-nothing"},
			{"a button twice", in("ja", object{"actions": []object{{"id": "go", "label": "一"}, {"id": "go", "label": "二"}}}), "sender-text-of-nothing"},
			{"a button of space", in("ja", object{"actions": []object{{"id": "go", "label": " "}}}), "field-required"},
			{"an input that it has not", in("ja", object{"actions": []object{{"id": "go", "inputs": []object{{"id": "amount", "label": "金額"}}}}}), "sender-text-of-nothing"},
			{"a choice that it has not", in("ja", object{"actions": []object{{"id": "go", "inputs": []object{{"id": "where", "options": []object{{"value": "osaka", "label": "大阪"}}}}}}}), "sender-text-of-nothing"},
		} {
			got := r.call(token, http.MethodPost, sent, deploy(object{"key": "x", "languages": one.more["languages"]}))
			if got.Status != http.StatusBadRequest || !strings.Contains(fields(got), one.want) {
				t.Errorf("%s: %d %s, want %s", one.name, got.Status, fields(got), one.want)
			}
		}
		if n := len(r.cards(r.h.As(t, r.k.Botan, r.k.Org))); n != 0 {
			t.Errorf("%d cards came of what was refused", n)
		}
		template := object{"name": "deploy", "title": "Deploy {what}", "approval": object{}, "languages": object{"ja": object{"title": "{what} のデプロイ（{who}）"}}}
		more, _ := r.token(r.add("templated", object{"templates": []object{template}}), nil)
		for name, arguments := range map[string]object{
			"a place that only the Japanese text has is left open": {"what": "web"},
			"an argument that no text has":                         {"what": "web", "who": "aoi", "when": "now"},
		} {
			got := r.call(more, http.MethodPost, sent, object{"key": "x", "to": object{"people": []string{"botan"}}, "template": "deploy", "arguments": arguments})
			if got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		both := object{"key": "x", "to": object{"people": []string{"botan"}}, "template": "deploy", "arguments": object{"what": "web", "who": "aoi"}, "languages": object{"ja": object{"title": "別"}}}
		if got := r.call(more, http.MethodPost, sent, both); !strings.Contains(fields(got), "sender-template-and-content") {
			t.Errorf("a template and texts of one's own: %d %s", got.Status, got.Body)
		}
	})
}

// Everybody gets the card in the language that they read, decides on what they
// were shown, and the program gets one and the same identifiers.
func TestEachReadsTheirLanguage(t *testing.T) {
	each(t, func(r *rig) {
		r.reads(r.k.Aoi, "en")
		r.reads(r.k.Botan, "ja")
		token, _ := r.token(r.add("deploy", nil), nil)
		m := r.send(token, "one", deploy(nil))
		aoi, botan := r.h.As(t, r.k.Aoi, r.k.Org), r.h.As(t, r.k.Botan, r.k.Org)
		one, two := r.cards(aoi)[0], r.cards(botan)[0]
		if one.Title != "Deploy web 2.4" || one.Actions[0].Label != "Deploy" {
			t.Errorf("Aoi reads %+v", one)
		}
		if two.Title != "web 2.4 のデプロイ" || two.Text != "Tonight" || two.Actions[0].Label != "デプロイする" || two.Actions[1].Label != "Not today" {
			t.Errorf("Botan reads %+v", two)
		}
		page := botan.Get("/cards/" + two.ID).Body
		for _, text := range []string{"時間帯", "場所", "東京", `value="tokyo"`} {
			if !strings.Contains(page, text) {
				t.Errorf("Botan's page has no %s", text)
			}
		}
		if one.Digest == two.Digest {
			t.Error("R5 one digest of two cards")
		}
		if got := r.decide(botan, shown{ID: two.ID, Digest: one.Digest}, object{"action": "stop"}); code(got) != "card-changed" {
			t.Errorf("R5 decided on what somebody else read: %d %s", got.Status, got.Body)
		}
		if got := r.decide(botan, two, object{"action": "go", "inputs": object{"where": "tokyo"}}); got.Status != http.StatusOK {
			t.Fatalf("decide: %d %s", got.Status, got.Body)
		}
		r.until("the program is told", func() bool { return len(r.app.Told()) == 1 })
		d := r.app.Told()[0]
		if d.Decision != "go" || d.Inputs["where"] != "tokyo" || d.CardDigest != two.Digest || d.ContentDigest != m.ContentDigest {
			t.Errorf("told %+v", d)
		}
	})
}

// A template keeps its languages by API, manifest and page.
func TestATemplateInTwoLanguages(t *testing.T) {
	each(t, func(r *rig) {
		r.reads(r.k.Botan, "ja")
		template := object{
			"name": "deploy", "title": "Deploy {what}", "approval": object{"comment": "onReject"},
			"languages": object{"ja": object{"title": "{what} のデプロイ"}},
		}
		which := r.add("deploy", object{"templates": []object{template}})
		token, _ := r.token(which, nil)
		r.send(token, "one", object{"to": object{"people": []string{"botan"}}, "template": "deploy", "arguments": object{"what": "web"}})
		if got := r.cards(r.h.As(t, r.k.Botan, r.k.Org))[0]; got.Title != "web のデプロイ" {
			t.Errorf("Botan reads %s", got.Title)
		}
		for _, path := range []string{r.senders() + "/" + string(which), "/api/v1/manifests/export"} {
			if got := r.chika.Get(path); !strings.Contains(got.Body, "{what} のデプロイ") {
				t.Errorf("%s says %d %s", path, got.Status, got.Body)
			}
		}
		if page := r.chika.Get("/admin/senders/" + string(which)).Body; !strings.Contains(page, "deploy (also Japanese)") {
			t.Errorf("the page does not say which languages there are:\n%s", page)
		}
		if form := r.chika.Get("/admin/senders/" + string(which) + "/edit").Body; !strings.Contains(form, "{what} のデプロイ") {
			t.Errorf("the form has not the texts in Japanese:\n%s", form)
		}
	})
}
