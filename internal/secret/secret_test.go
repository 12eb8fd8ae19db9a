package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/secret"
)

const canary = "canary-5e3c7e7"

type hidden struct{ inner secret.Text }

type nested struct {
	Shown secret.Text
	inner secret.Text
	deep  *hidden
	list  []secret.Text
	byKey map[string]secret.Text
	any   any
}

// TestNoFormatterSeesASecret shows R9 and A161: however a value that holds a
// secret is printed, encoded or logged, the secret is not in it.
func TestNoFormatterSeesASecret(t *testing.T) {
	s := secret.Of(canary)
	values := map[string]any{
		"the secret": s, "a pointer": &s, "unexported": hidden{s}, "a pointer to unexported": &hidden{s},
		"nested": nested{s, s, &hidden{s}, []secret.Text{s}, map[string]secret.Text{"k": s}, s},
		"a list": []secret.Text{s}, "an array": [1]secret.Text{s}, "a map": map[string]any{"k": hidden{s}},
	}
	raw := []string{canary, fmt.Sprint([]byte(canary)), fmt.Sprintf("%x", canary), strings.ToUpper(fmt.Sprintf("%x", canary))}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%p", "%e", "% x", "%08.3v", "%T"} {
			refuse(t, name+" "+verb, fmt.Sprintf(verb, value), raw)
		}
		text, _ := json.Marshal(value)
		refuse(t, name+" as JSON", string(text), raw)
		text, _ = xml.Marshal(value)
		refuse(t, name+" as XML", string(text), raw)
		var out bytes.Buffer
		_ = gob.NewEncoder(&out).Encode(value)
		refuse(t, name+" as gob", out.String(), raw)
		out.Reset()
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("x", "value", value, slog.Group("g", "value", value))
		}
		refuse(t, name+" in the log", out.String(), raw)
		refuse(t, name+" in an error", fmt.Errorf("wrapped %v: %w", value, errors.New("x")).Error(), raw)
	}
}

func refuse(t *testing.T, how, text string, raw []string) {
	t.Helper()
	for _, form := range raw {
		if strings.Contains(text, form) {
			t.Errorf("R9 A161 %s shows the secret: %s", how, text)
		}
	}
}

func TestReveal(t *testing.T) {
	s := secret.Of(canary)
	if s.Reveal() != canary || s.Empty() || !s.Equal(secret.Of(canary)) || s.Equal(secret.Of("other")) {
		t.Error("the value itself is not there")
	}
	var none secret.Text
	if none.Reveal() != "" || !none.Empty() || !none.Equal(secret.Text{}) {
		t.Error("no value is not empty")
	}
	if a, b := secret.Random(32).Reveal(), secret.Random(32).Reveal(); a == b || len(a) != 43 {
		t.Errorf("random values %q and %q", a, b)
	}
	if s.Wipe(); strings.Contains(s.Reveal(), "canary") {
		t.Error("a wiped value is still there")
	}
}
