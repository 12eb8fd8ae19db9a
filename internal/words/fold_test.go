package words_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/words"
)

// What people type for one thing has one form; what is another thing has not.
func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"kaede", "KAEDE", "Ｋａｅｄｅ", " kaede ", "\u3000ｋａｅｄｅ\t", "\u212aaede"},
		{"さとう はなこ", "サトウ ハナコ", "ｻﾄｳ ﾊﾅｺ", "サトウ　ハナコ", "さとう \n はなこ"},
		{"がぎぐ", "ガギグ", "ｶﾞｷﾞｸﾞ", "か\u3099き\u3099く\u3099"},
		{"ゔぁ", "ヴァ", "ｳﾞｧ"},
		{"strasse", "straße", "STRASSE"},
		{"葛城", "葛\U000e0100城", "葛\ufe00城"},
		{"a1", "ａ１", "a①", "Ａ¹"},
		{"いすゞ", "イスヾ"},
	} {
		for _, spelling := range same {
			if got := words.Fold(spelling); got != same[0] {
				t.Errorf("%q folds to %q, want %q", spelling, got, same[0])
			}
		}
	}
	for _, other := range [][2]string{{"はな", "ばな"}, {"ハナ", "ハーナ"}, {"aoi", "аoi"}, {"渡邉", "渡辺"}, {"a b", "ab"}} {
		if words.Fold(other[0]) == words.Fold(other[1]) {
			t.Errorf("%q and %q are one", other[0], other[1])
		}
	}
}

// Folding twice changes nothing more, so that what is stored is found.
func TestFoldIsSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		once := words.Fold(text)
		if twice := words.Fold(once); twice != once {
			t.Fatalf("%q folds to %q and then to %q", text, once, twice)
		}
	})
}

func TestWhatIsSeen(t *testing.T) {
	for text, unshown := range map[string]bool{
		"楓商事": false, "a\nb\tc": false, "葛\U000e0100城": false, "a\u202eb": true, "a\u200bb": true, "a\u2066b": true, "a\x00b": true, "a\u00adb": true,
		"\ufeffa": true, "a\U000e0041b": true, "a\u061cb": true,
	} {
		if words.Unshown(text) != unshown {
			t.Errorf("A128 %q: unshown is %v", text, !unshown)
		}
	}
	for text, blank := range map[string]bool{"": true, " \u3000": true, "\u3164\uffa0": true, "\u2800": true, "\u0301": true, "a": false, "。": false, "🍁": false} {
		if words.Blank(text) != blank {
			t.Errorf("%q: blank is %v", text, !blank)
		}
	}
	for text, mixed := range map[string]bool{
		"Аlice": true, "aοi": true, "Alice": false, "Алиса": false, "Алиса Alice": false, "山田Alice": false, "Ωμέγα": false, "O'Brien-Алиса": false,
	} {
		if words.Mixed(text) != mixed {
			t.Errorf("%q: mixed is %v", text, !mixed)
		}
	}
	if got := words.Kept("a\x00b\xffc"); got != "a\ufffdb\ufffdc" {
		t.Errorf("kept as %q", got)
	}
}
