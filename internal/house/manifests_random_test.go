package house_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// drawn draws one configuration after the other over all kinds, always the same
// ones: what stands in it is what YAML gets wrong.
type drawn struct{ *rand.Rand }

// awkward are texts that YAML reads as something else, or hardly at all.
var awkward = []string{
	"yes", "no", "null", "~", "1e3", "2026-01-01", "007", "0x1F", "1_000", ".5", "true", "on", "<<", "=", "- a", "? b", "a: b", "#c", "a #b",
	"'single'", `"double"`, `back\slash`, "楓商事", "高橋 葵", "たかはし", "ﾊﾝｶｸ", "全角１２３", "髙﨑", "𠮷野家", "e\u0301", "é", "🦊", "%x", "@x", "`x`", "!tag", "&a", "*a", "{a}", "[a]", "a,b", "|", ">", "\u00a0nbsp",
}

func (d drawn) text() string {
	parts := make([]string, 1+d.Intn(3))
	for i := range parts {
		parts[i] = awkward[d.Intn(len(awkward))]
	}
	return strings.TrimSpace(strings.Join(parts, []string{" ", "・", ": ", " # "}[d.Intn(4)]))
}

func (d drawn) lines() string {
	return d.text() + []string{"", "\n" + d.text(), "\n\n" + d.text(), "\n  " + d.text()}[d.Intn(4)]
}

func (d drawn) some(of []string) []string {
	var out []string
	for _, one := range of {
		if d.Intn(3) == 0 {
			out = append(out, one)
		}
	}
	return out
}

type fields = map[string]any

// may puts a value in more often than not.
func (d drawn) may(f fields, name string, value any) {
	if list, ok := value.([]string); d.Intn(3) > 0 && (!ok || len(list) > 0) {
		f[name] = value
	}
}

// house draws documents, in no order.
func (d drawn) house() string {
	var docs []any
	add := func(kind, org, name string, spec fields) {
		doc := fields{"kind": kind, "name": name, "spec": spec}
		if org != "" {
			doc["org"] = org
		}
		docs = append(docs, doc)
	}
	logins := []string{"aoi", "007", "null", "1e3", "yes", "a.b-c_d+e@f", "2026-01-01", "x"}[:3+d.Intn(6)]
	for _, login := range logins {
		spec := fields{}
		d.may(spec, "email", fmt.Sprintf("%c%d@kaede.example", 'a'+d.Intn(26), d.Intn(1000)))
		for _, name := range []string{"display_name", "family_name", "given_name", "reading"} {
			d.may(spec, name, d.text())
		}
		d.may(spec, "locale", []string{"en", "ja"}[d.Intn(2)])
		d.may(spec, "time_zone", []string{"Asia/Tokyo", "UTC", "Europe/Berlin"}[d.Intn(3)])
		d.may(spec, "state", []string{"active", "disabled"}[d.Intn(2)])
		add("Person", "", login, spec)
	}
	orgs := []string{"kaede", "null", "1e3"}[:1+d.Intn(3)]
	for i, org := range orgs {
		spec := fields{"type": "provider"}
		if i > 0 {
			spec = fields{"type": "customer", "parent": "kaede"}
			d.may(spec, "parent_roles", d.some([]string{"administrator", "auditor"}))
		}
		d.may(spec, "title", d.text())
		add("Organization", "", org, spec)
		d.inside(org, logins, add)
	}
	for i := range d.Intn(3) {
		add("Notice", "", []string{"yes", "2026-01-01", "n"}[i], fields{
			"title": fields{"en": d.text(), "ja": d.text()}, "text": fields{"en": d.lines(), "ja": d.lines()},
			"from": "2026-01-01T00:00:00.000001Z", "until": "2027-01-01T09:00:00+09:00",
		})
	}
	d.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	text, err := yaml.Encode(docs...)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// inside draws what belongs to an organization.
func (d drawn) inside(org string, logins []string, add func(kind, org, name string, spec fields)) {
	roles, groups := []string{"desk", "yes", "1e3"}[:d.Intn(4)], []string{"sales", "null", "007"}[:d.Intn(4)]
	for i, role := range roles {
		spec := fields{}
		d.may(spec, "title", d.text())
		d.may(spec, "permissions", d.some([]string{"people.read", "group.write", "role.write"}))
		d.may(spec, "includes", slices.Concat(d.some(roles[:i]), d.some([]string{"user", "auditor"})))
		add("Role", org, role, spec)
	}
	members := d.some(logins)
	for i, login := range members {
		spec := fields{}
		d.may(spec, "roles", slices.Concat(d.some(roles), d.some([]string{"user", "auditor", "accounts-administrator"})))
		d.may(spec, "state", []string{"active", "disabled"}[d.Intn(2)])
		if i > 0 {
			d.may(spec, "manager", members[d.Intn(i)])
		}
		add("Member", org, login, spec)
	}
	for i, group := range groups {
		spec := fields{}
		d.may(spec, "title", d.text())
		d.may(spec, "members", d.some(members))
		d.may(spec, "groups", d.some(groups[:i]))
		add("Group", org, group, spec)
	}
	if d.Intn(2) == 0 {
		applies := fields{}
		d.may(applies, "roles", slices.Concat(d.some(roles), d.some([]string{"administrator"})))
		d.may(applies, "groups", d.some(groups))
		spec := fields{"require": [][]string{{"passkey"}, {"password", "totp"}, {"password"}}[d.Intn(3)], "applies_to": applies}
		d.may(spec, "session", fields{"idle": "8h", "absolute": "24h30m"})
		add("SignInPolicy", org, "null", spec)
	}
}

// A random house is exported, applied to an empty one, on the other engine too,
// and exported with the same bytes; nothing is left to do then.
func TestRandomHousesMakeTheRoundTrip(t *testing.T) {
	many := 200
	if testing.Short() {
		many = 20
	}
	d := drawn{rand.New(rand.NewSource(4))}
	for i := range many {
		text := d.house()
		t.Run(fmt.Sprint("CAP-M4 ", i), func(t *testing.T) {
			first, second := housetest.SQLite(t), housetest.SQLite(t)
			switch i % 20 { // PostgreSQL takes its time to make a database
			case 7:
				first = housetest.Postgres(t)
			case 11:
				second = housetest.Postgres(t)
			case 13:
				first, second = housetest.Postgres(t), housetest.Postgres(t)
			}
			one := emptyHouse(t, first)
			one.send("apply", text, true)
			exported := one.export()
			for what, again := range map[string]string{"documents": text, "export": exported} {
				if plan := one.send("plan", again, true); !plan.Empty() {
					t.Errorf("its own %s would change it: %+v\n%s", what, plan.Steps, again)
				}
			}
			if drift := one.drift(); len(drift.Objects) != 0 {
				t.Errorf("drifted at once: %+v", drift.Objects)
			}
			other := emptyHouse(t, second)
			other.send("apply", exported, true)
			if diff := cmp.Diff(exported, other.export()); diff != "" {
				t.Errorf("not the same bytes: %s", diff)
			}
		})
	}
}
