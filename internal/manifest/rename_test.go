package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/store"
)

// badge writes a document of a badge of kaede; from may be "".
func badgeDoc(name, from, more string) string {
	text := "kind: Badge\norg: kaede\nname: " + name + "\n"
	if from != "" {
		text += "renamed_from: " + from + "\n"
	}
	return text + "spec: {title: {en: " + strings.ToUpper(name) + ", ja: X}" + more + "}\n"
}

func docs(all ...string) string { return strings.Join(all, "---\n") }

const kaede = "kind: Company\nname: kaede\nspec: {title: Kaede}\n"

// did lists what a plan changes.
func did(plan *manifest.Plan) []string {
	var all []string
	for _, s := range plan.Steps {
		if s.Action != manifest.None {
			all = append(all, strings.TrimSuffix(string(s.Action)+" "+s.Name+" "+s.From, " "))
		}
	}
	return all
}

func TestRenames(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		base := docs(kaede, badgeDoc("a", "", ""), badgeDoc("b", "", ""), badgeDoc("x", "", ", above: a"))
		for _, c := range []struct {
			name, text string
			want       []string // what is done; or with a blank at the beginning, what is refused
		}{
			{"a row of names", docs(badgeDoc("b", "a", ""), badgeDoc("c", "b", "")), []string{"rename c b", "rename b a"}},
			{"a row the other way around", docs(badgeDoc("c", "b", ""), badgeDoc("b", "a", "")), []string{"rename c b", "rename b a"}},
			{"with a change", badgeDoc("c", "a", ", level: 2"), []string{"rename c a"}},
			{"what refers to it", docs(badgeDoc("c", "a", ""), badgeDoc("x", "", ", above: c")), []string{"rename c a", "update x"}},
			{"from what is not there", badgeDoc("c", "nothing", ""), []string{"create c"}},
			{"from what is not there, to what is", badgeDoc("a", "nothing", ""), nil},
			{"onto another", badgeDoc("b", "a", ""), []string{" house.yaml:4 renamed_from manifest-rename"}},
			{"onto another in the documents", docs(badgeDoc("a", "", ""), badgeDoc("c", "a", "")), []string{" house.yaml:9 renamed_from manifest-rename"}},
			{"two names change places", docs(badgeDoc("b", "a", ""), badgeDoc("a", "b", "")), []string{" house.yaml:4 renamed_from manifest-rename-circle", " house.yaml:10 renamed_from manifest-rename-circle"}},
			{"one becomes two", docs(badgeDoc("c", "a", ""), badgeDoc("d", "a", "")), []string{" house.yaml:10 renamed_from manifest-rename-twice"}},
			{"a row whose end is taken", docs(badgeDoc("b", "a", ""), badgeDoc("x", "b", "")), []string{" house.yaml:10 renamed_from manifest-rename"}},
			{"to itself", badgeDoc("a", "a", ""), []string{" house.yaml:4 renamed_from manifest-name"}},
		} {
			t.Run("CAP-M4 "+c.name, func(t *testing.T) {
				apply(t, st, docs(base), true)
				_, err := set(t).Plan(t.Context(), st, parse(t, c.text), manifest.Options{By: by})
				if len(c.want) > 0 && c.want[0][0] == ' ' {
					for i := range c.want {
						c.want[i] = c.want[i][1:]
					}
					if diff := cmp.Diff(c.want, complaints(t, err)); diff != "" {
						t.Error(diff)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, did(apply(t, st, c.text, false))); diff != "" {
					t.Error(diff)
				}
				if again := did(apply(t, st, c.text, false)); again != nil {
					t.Errorf("a second time: %q", again)
				}
			})
		}
	}, schema, manifest.Schema)
}

// A circle is refused where a document closes it, even if the other half is
// there already.
func TestCircles(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, docs(kaede, badgeDoc("a", "", ""), badgeDoc("b", "", ", above: a"), badgeDoc("c", "", ", above: b")), false)
		for name, c := range map[string]struct {
			text string
			want []string
		}{
			"in itself":               {badgeDoc("a", "", ", above: a"), []string{"house.yaml:4 spec.above manifest-circle"}},
			"by what is there":        {badgeDoc("a", "", ", above: c"), []string{"house.yaml:4 spec.above manifest-circle"}},
			"of new ones":             {docs(badgeDoc("n", "", ", above: m"), badgeDoc("m", "", ", above: n")), []string{"house.yaml:9 spec.above manifest-circle"}},
			"one that is cut is none": {docs(badgeDoc("a", "", ", above: b"), badgeDoc("b", "", "")), nil},
		} {
			t.Run("CAP-M4 "+name, func(t *testing.T) {
				_, err := set(t).Plan(t.Context(), st, parse(t, c.text), manifest.Options{By: by})
				if c.want == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if diff := cmp.Diff(c.want, complaints(t, err)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}, schema, manifest.Schema)
}

// What nobody applied stays, whatever the documents leave out.
func TestPruneSparesWhatNobodyApplied(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, docs(kaede, badgeDoc("a", "", ""), badgeDoc("b", "", ", above: a")), false)
		change(t, st, "INSERT INTO badge (org, id, name, en, ja, level, above, code, pin) SELECT org, 'hand', 'hand', en, ja, level, 'a', '', '' FROM badge WHERE name = 'a'")
		one := badgeDoc("b", "", "")
		plan, err := set(t).Plan(t.Context(), st, parse(t, one), manifest.Options{Prune: true, By: by})
		if err != nil {
			t.Fatal(err)
		}
		want := `~ Badge kaede/b
    above: "a" → 
- Badge kaede/a
    1 need it: Badge kaede/hand
1 stay because no apply has made them: Badge kaede/hand
0 to create, 1 to update, 0 to rename, 1 to delete
`
		if diff := cmp.Diff(want, plan.Text(english(t))); diff != "" {
			t.Error(diff)
		}
		t.Run("until an apply takes it in hand", func(t *testing.T) {
			hand := badgeDoc("hand", "", ", above: a")
			hand = strings.Replace(hand, "HAND", "A", 1)
			if plan := apply(t, st, hand, false); !plan.Empty() || plan.ID == "" {
				t.Errorf("taking in hand changed %q", did(plan))
			}
			if plan := apply(t, st, hand, false); plan.ID != "" {
				t.Error("taken in hand twice")
			}
			if diff := cmp.Diff([]string{"update b", "delete hand", "delete a"}, did(apply(t, st, one, true))); diff != "" {
				t.Error(diff)
			}
		})
	}, schema, manifest.Schema)
}

func TestDrift(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, first, false)
		look := func() *manifest.Drift {
			t.Helper()
			d, err := set(t).Drift(t.Context(), st)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range d.Objects { // without when and what was applied
				d.Objects[i] = manifest.Drifted{Kind: o.Kind, Org: o.Org, Name: o.Name, Now: o.Now, Gone: o.Gone, Differences: o.Differences}
			}
			return d
		}
		if d := look(); len(d.Objects)+len(d.Unmanaged) != 0 || d.Managed != 3 {
			t.Errorf("right after the apply: %+v", d)
		}
		change(t, st, "UPDATE badge SET level = 9, code = 'other' WHERE name = 'gold'")
		change(t, st, "UPDATE badge SET name = 'brass' WHERE name = 'bronze'")
		change(t, st, "INSERT INTO badge (org, id, name, en, ja, level, above, code, pin) SELECT org, 'hand', 'hand', en, ja, level, '', '', '' FROM badge WHERE name = 'gold'")
		want := &manifest.Drift{Managed: 3, Unmanaged: []manifest.Strange{{Kind: "Badge", Org: "kaede", Name: "hand"}}, Objects: []manifest.Drifted{
			{Kind: "Badge", Org: "kaede", Name: "bronze", Now: "brass"},
			{Kind: "Badge", Org: "kaede", Name: "gold", Differences: []manifest.Difference{{Path: "level", Before: "3", After: "9"}}},
		}}
		if diff := cmp.Diff(want, look()); diff != "" {
			t.Errorf("CAP-M4 R9 secrets are not looked at: %s", diff)
		}
		change(t, st, "DELETE FROM badge WHERE name = 'brass'")
		if d := look(); !d.Objects[0].Gone || d.Objects[0].Name != "bronze" {
			t.Errorf("deleted: %+v", d.Objects[0])
		}
		apply(t, st, first, true)
		if d := look(); len(d.Objects) != 0 || d.Managed != 3 {
			t.Errorf("after the next apply: %+v", d)
		}
		t.Run("R9 what was erased is not kept", func(t *testing.T) {
			which := ""
			err := st.House().Read(t.Context(), func(v *store.View) error { return v.Row("SELECT id FROM badge WHERE name = 'bronze'").Scan(&which) })
			if err != nil {
				t.Fatal(err)
			}
			err = st.House().Write(t.Context(), func(tx *store.Tx) store.End {
				if err := manifest.Forget(tx, which); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "badge.erased", By: by})
			})
			if err != nil {
				t.Fatal(err)
			}
			change(t, st, "DELETE FROM badge WHERE name = 'bronze'")
			if d := look(); len(d.Objects) != 1 || d.Objects[0].Name != "" || !d.Objects[0].Gone {
				t.Errorf("erased: %+v", d.Objects)
			}
			apply(t, st, first, true)
			if d := look(); len(d.Objects) != 0 || d.Managed != 3 {
				t.Errorf("made anew: %+v", d)
			}
		})
		deeds, err := set(t).Deeds(t.Context(), st, 10)
		if err != nil || len(deeds) != 3 || deeds[2].Created != 3 || deeds[0].Created != 1 || deeds[1].Updated != 1 {
			t.Errorf("deeds: %+v, %v", deeds, err)
		}
	}, schema, manifest.Schema)
}

// change is what somebody does in another way than by manifests.
func change(t *testing.T, st *store.Store, statement string) {
	t.Helper()
	err := st.House().Write(t.Context(), func(tx *store.Tx) store.End {
		if _, err := tx.Exec(statement); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "badge.changed", By: by})
	})
	if err != nil {
		t.Fatal(err)
	}
}
