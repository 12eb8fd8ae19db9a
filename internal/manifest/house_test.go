package manifest_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/yaml"
	"github.com/sekisho/sekisho/internal/words"
)

// Two small kinds of the test's own: companies are the organizations, and
// badges belong to them.
var schema fs.FS = fstest.MapFS{"schema/202611220001_manifest_test.sql": {Data: []byte(`
CREATE TABLE company (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL);
CREATE TABLE badge (org TEXT NOT NULL, id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, en TEXT NOT NULL, ja TEXT NOT NULL,
  level BIGINT NOT NULL, above TEXT NOT NULL, code TEXT NOT NULL, pin TEXT NOT NULL, UNIQUE (org, name));`)}}

type company struct {
	Title string `yaml:"title,required"`
}

type badge struct {
	Title struct {
		En string `yaml:"en,required"`
		Ja string `yaml:"ja,required"`
	} `yaml:"title,required"`
	Level int             `yaml:"level,omitempty"`
	Above string          `yaml:"above,omitempty"`
	Code  manifest.Secret `yaml:"code,omitempty"`
	Pin   manifest.Secret `yaml:"pin,omitempty"` // at creation only
}

func companies() manifest.Kind {
	return manifest.Define(manifest.Definition[company]{
		Name: "Company", Organizations: true,
		Load: func(v *store.View, _ id.Org) ([]manifest.Object[company], error) {
			rows, err := v.Query("SELECT id, name, title FROM company")
			return store.Collect(rows, err, func(scan func(...any) error) (o manifest.Object[company], err error) {
				return o, scan(&o.ID, &o.Name, &o.Spec.Title)
			})
		},
		Apply: func(tx *store.Tx, c manifest.Change[company]) (event store.Event, err error) {
			switch c.Action {
			case manifest.Create:
				_, err = tx.Exec("INSERT INTO company (id, name, title) VALUES ($1, $2, $3)", c.ID, c.Name, c.After.Title)
			case manifest.Delete:
				_, err = tx.Exec("DELETE FROM company WHERE id = $1", c.ID)
			default:
				_, err = tx.Exec("UPDATE company SET name = $1, title = $2 WHERE id = $3", c.Name, c.After.Title, c.ID)
			}
			return store.Event{Name: "company." + string(c.Action), Target: "company:" + c.Name}, err
		},
	})
}

func badges() manifest.Kind {
	return manifest.Define(manifest.Definition[badge]{
		Name: "Badge", InOrg: true, After: []string{"Company"},
		Default: func(b *badge) { b.Level = 1 },
		Check: func(name string, b *badge) error {
			var bad fault.Checks
			if strings.ToLower(name) != name {
				bad.Add("name", "badge-name")
			}
			if b.Level > 9 {
				bad.Add("level", "badge-level", "most", 9)
			}
			if b.Title.En == "plain" {
				return errors.New("a plain error")
			}
			if f := bad.Fault("badge-invalid"); f != nil {
				return f
			}
			return nil
		},
		References: func(b *badge) []manifest.Reference {
			if b.Above == "" {
				return nil
			}
			return []manifest.Reference{{Kind: "Badge", Name: b.Above, Path: "above"}}
		},
		Load:  loadBadges,
		Apply: applyBadge,
	})
}

func loadBadges(v *store.View, org id.Org) ([]manifest.Object[badge], error) {
	rows, err := v.Query("SELECT id, name, en, ja, level, above, code, pin FROM badge WHERE org = $1", string(org))
	return store.Collect(rows, err, func(scan func(...any) error) (o manifest.Object[badge], err error) {
		var code, pin string
		err = scan(&o.ID, &o.Name, &o.Spec.Title.En, &o.Spec.Title.Ja, &o.Spec.Level, &o.Spec.Above, &code, &pin)
		if code != "" {
			o.Spec.Code = manifest.SecretOf(secret.Of(code))
		}
		if pin != "" {
			o.Spec.Pin = manifest.SecretOnce()
		}
		return o, err
	})
}

func applyBadge(tx *store.Tx, c manifest.Change[badge]) (event store.Event, err error) {
	event = store.Event{Name: "badge." + string(c.Action), Target: "badge:" + c.Name}
	b := c.After
	code, given := b.Code.Given()
	if b.Title.Ja == "rule" {
		return event, fault.New(fault.Unmet, "badge-rule")
	}
	switch c.Action {
	case manifest.Create:
		pin, _ := b.Pin.Given()
		_, err = tx.Exec("INSERT INTO badge (org, id, name, en, ja, level, above, code, pin) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			string(c.Org), c.ID, c.Name, b.Title.En, b.Title.Ja, b.Level, b.Above, code.Reveal(), pin.Reveal())
		return event, err
	case manifest.Delete:
		_, err = tx.Exec("DELETE FROM badge WHERE org = $1 AND id = $2", string(c.Org), c.ID)
		return event, err
	}
	_, err = tx.Exec("UPDATE badge SET name = $3, en = $4, ja = $5, level = $6, above = $7 WHERE org = $1 AND id = $2",
		string(c.Org), c.ID, c.Name, b.Title.En, b.Title.Ja, b.Level, b.Above)
	if err == nil && (given || b.Code.IsZero()) {
		_, err = tx.Exec("UPDATE badge SET code = $3 WHERE org = $1 AND id = $2", string(c.Org), c.ID, code.Reveal())
	}
	return event, err
}

// set is both kinds, handed in in the wrong order.
func set(t testing.TB) *manifest.Set {
	t.Helper()
	s, err := manifest.NewSet(badges(), companies())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const file = "house.yaml"

func parse(t testing.TB, text string) []manifest.Document {
	t.Helper()
	roots, err := yaml.Parse(file, []byte(text), yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var docs []manifest.Document
	for _, root := range roots {
		docs = append(docs, manifest.Document{File: file, Root: root})
	}
	return docs
}

var by = id.Local(1000)

func apply(t testing.TB, st *store.Store, text string, prune bool) *manifest.Plan {
	t.Helper()
	plan, err := set(t).Apply(context.Background(), st, parse(t, text), manifest.Options{By: by, Prune: prune})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return plan
}

func export(t testing.TB, st *store.Store) string {
	t.Helper()
	out, err := set(t).Export(context.Background(), st)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func english(t testing.TB) func(string, map[string]any) string {
	t.Helper()
	book, err := words.Load(manifest.Words, yaml.Words)
	if err != nil {
		t.Fatal(err)
	}
	return func(key string, args map[string]any) string { return book.Say(words.English, key, args) }
}
