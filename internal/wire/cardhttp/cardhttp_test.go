package cardhttp_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/wire/cardhttp"
)

func TestOptionsInEitherForm(t *testing.T) {
	want := cardhttp.Options{"1": "Low", "2": "High"}
	for _, text := range []string{`{"1":"Low","2":"High"}`, `[{"value":"1","label":"Low"},{"value":"2","label":"High"}]`} {
		var got cardhttp.Options
		if err := json.Unmarshal([]byte(text), &got); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`7`, `"x"`, `[1]`, `{"1":{}}`} {
		var got cardhttp.Options
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

func TestTheBusinessObjectIsTheKey(t *testing.T) {
	if got := (cardhttp.Card{ID: "shown", BackendID: "REQ7"}).Key(); got != "REQ7" {
		t.Error(got)
	}
	if got := (cardhttp.Card{ID: "shown"}).Key(); got != "shown" {
		t.Error(got)
	}
}

func TestMistakesAreOneLine(t *testing.T) {
	for body, want := range map[string]string{
		`{"errors":{"reason":"is missing","amount":"is no number"}}`: "amount: is no number; reason: is missing",
		`{"errors":{}}`: "", `{"errors":7}`: "", `<html>`: "", ``: "",
	} {
		if got := cardhttp.Mistakes([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestWhatIsKnownIsReadAgain(t *testing.T) {
	var k cardhttp.Known
	said := &cardhttp.Discovery{}
	k.Put("https://a.example", said, time.Minute)
	if k.Get("https://a.example", time.Hour) != said || k.Get("https://b.example", time.Hour) != nil {
		t.Error("it is not remembered, or for another address")
	}
	if k.Get("https://a.example", time.Hour+time.Minute) != nil {
		t.Error("it is remembered for ever")
	}
	k.Put("https://a.example", said, 0)
	k.Drop("https://a.example")
	if k.Get("https://a.example", 0) != nil {
		t.Error("it is not forgotten")
	}
}

// FuzzAnswer: whatever an adapter sends, it is read or refused, and what was read
// is read again.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"objects":[{"id":"1","actions":[{"id":"a","user_input":[{"id":"r","options":[{"value":"1","label":"x"}]}]}]}]}`))
	f.Add([]byte(`{"objects":[{"actions":[{"user_input":[{"options":{"a":null}}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = cardhttp.Mistakes(body)
		var a, again cardhttp.Answer
		if json.Unmarshal(body, &a) != nil {
			return
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
