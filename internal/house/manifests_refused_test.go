package house_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
)

// refused plans and applies documents, and returns what is wrong with them as
// PLACE FIELD CODE, one a line; both ways must say the same.
func (q *quiet) refused(text string, prune bool) string {
	q.t.Helper()
	docs, err := manifest.Parse("h.yaml", []byte(text))
	if err != nil {
		return codes(err)
	}
	kinds, err := house.Kinds()
	if err == nil {
		err = kinds.Resolve(docs, manifest.Sources{Env: func(string) (string, bool) { return "", false }})
	}
	if err != nil {
		return codes(err)
	}
	var said [2]string
	for i, act := range []string{"plan", "apply"} {
		var out struct {
			Code   string
			Errors []struct{ Place, Field, Code string }
		}
		if status := q.call(http.MethodPost, "/manifests/"+act, map[string]any{"documents": docs, "prune": prune}, &out); status == http.StatusOK {
			said[i] = "taken"
			continue
		}
		var lines []string
		for _, e := range out.Errors {
			lines = append(lines, strings.Join(strings.Fields(e.Place+" "+e.Field+" "+e.Code), " "))
		}
		if said[i] = strings.Join(lines, "\n"); len(lines) == 0 {
			said[i] = out.Code
		}
	}
	if said[0] != said[1] {
		q.t.Errorf("plan says %q, apply %q", said[0], said[1])
	}
	return said[1]
}

func codes(err error) string {
	var lines []string
	for _, field := range fault.As(err).Fields {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprint(field.Args["place"], " ", field.Path, " ", field.Code)), " "))
	}
	return strings.Join(lines, "\n")
}

const settled = `kind: Organization
name: kaede
spec: {type: provider}
---
kind: Organization
name: momiji
spec: {type: customer, parent: kaede}
---
kind: Person
name: aoi
spec: {}
---
kind: Person
name: chika
spec: {}
---
kind: Member
org: kaede
name: chika
spec: {roles: [administrator, operator]}
---
kind: Member
org: kaede
name: aoi
spec: {}
---
kind: Role
org: kaede
name: desk
spec: {permissions: [people.read]}
---
kind: Role
org: kaede
name: front
spec: {includes: [desk]}
---
kind: Group
org: kaede
name: sales
spec: {members: [aoi]}
---
kind: SignInPolicy
org: kaede
name: all
spec: {require: [passkey], applies_to: {roles: [desk], groups: [sales]}}
`

// Bad input of every field of every kind: the line, all at once, nothing done.
func TestManifestsRefuseBadInput(t *testing.T) {
	long := strings.Repeat("あ", 81)
	h := emptyHouse(t, housetest.SQLite(t))
	h.send("apply", settled, false)
	before := h.export()
	for _, c := range []struct{ name, text, want string }{
		// the file
		{"an unknown kind", "kind: Peson\nname: x\n", "h.yaml:1 kind manifest-kind-unknown"},
		{"no kind", "name: x\n", "h.yaml:1 kind yaml-field-missing"},
		{"no name", "kind: Person\n", "h.yaml:1 name yaml-field-missing"},
		{"a list", "- kind: Person\n", "h.yaml:1 yaml-wrong-type"},
		{"an unknown field beside the spec", "kind: Person\nname: x\nlabels: {}\n", "h.yaml:3 labels yaml-unknown-field"},
		{"a key twice", "kind: Person\nname: x\nname: y\n", "h.yaml:3 name yaml-duplicate-key"},
		{"a tab", "kind: Person\nname: x\nspec:\n\temail: a@b.example\n", "h.yaml:4 yaml-syntax"},
		{"NUL", "kind: Person\nname: \"x\x00\"\n", "h.yaml:2 yaml-syntax"},
		{"Latin-1", "kind: Person\nname: \xe9\n", "h.yaml:2 yaml-not-utf-8"},
		{"UTF-16", "\xff\xfek\x00i\x00n\x00d\x00:\x00", "h.yaml:1 yaml-not-utf-8"},
		{"a private tag", "kind: Person\nname: !secret x\n", "h.yaml:2 name yaml-tag-refused"},
		{"a merge", "kind: Person\nname: x\nspec: {<<: {email: a@b.example}}\n", "h.yaml:3 spec yaml-merge-refused"},
		{"A185 aliases without end", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n", "h.yaml:2 c[8][1] yaml-too-many-aliases"},
		{"an object twice", "kind: Person\nname: x\n---\nkind: Person\nname: x\n", "h.yaml:5 name manifest-twice"},
		{"an organization where there is none", "kind: Person\norg: kaede\nname: x\n", "h.yaml:2 org manifest-org-refused"},
		{"no organization where there is one", "kind: Group\nname: x\n", "h.yaml:1 org manifest-org-missing"},
		{"an organization that is not there", "kind: Group\norg: nowhere\nname: x\n", "h.yaml:2 org manifest-org-unknown"},
		{"a slash in a name", "kind: Group\norg: kaede\nname: a/b\n", "h.yaml:3 name manifest-name"},
		{"a name that turns the line around", "kind: Group\norg: kaede\nname: \"a\\u202eb\"\n", "h.yaml:3 name manifest-name"},
		{"several, all at once", "kind: Person\nname: -x\nspec: {locale: fr}\n---\nkind: Peson\nname: x\n---\nkind: Group\norg: kaede\nname: g\nspec: {members: [nobody, aoi, no-one]}\n", "h.yaml:2 name login-malformed\nh.yaml:3 spec.locale locale-unknown\nh.yaml:5 kind manifest-kind-unknown\nh.yaml:11 spec.members[0] manifest-reference\nh.yaml:11 spec.members[2] manifest-reference"},

		// Organization
		{"Organization without a type", "kind: Organization\nname: x\nspec: {}\n", "h.yaml:3 spec.type yaml-field-missing"},
		{"Organization of another type", "kind: Organization\nname: x\nspec: {type: tenant}\n", "h.yaml:3 spec.parent field-required\nh.yaml:3 spec.type organization-type-unknown"},
		{"Organization with a name in capitals", "kind: Organization\nname: Kaede2\nspec: {type: provider}\n", "h.yaml:2 name name-malformed"},
		{"Organization below nobody", "kind: Organization\nname: x\nspec: {type: customer, parent: nobody}\n", "h.yaml:3 spec.parent manifest-reference"},
		{"Organization below a customer", "kind: Organization\nname: x\nspec: {type: customer, parent: momiji}\n", "h.yaml:3 spec.parent organization-parent-wrong"},
		{"Organization below itself", "kind: Organization\nname: momiji\nspec: {type: customer, parent: momiji}\n", "h.yaml:3 spec.parent manifest-circle"},
		{"Organization with a long title", "kind: Organization\nname: x\nspec:\n  type: provider\n  title: " + long + "\n", "h.yaml:5 spec.title field-too-long"},
		{"Organization in another state", "kind: Organization\nname: x\nspec: {type: provider, state: asleep}\n", "h.yaml:3 spec.state organization-state-unknown"},
		{"Organization with a role that is not built in", "kind: Organization\nname: momiji\nspec: {type: customer, parent: kaede, parent_roles: [king]}\n", "h.yaml:3 spec.parent_roles role-unknown"},
		{"Organization that is the last", "kind: Organization\nname: kaede\nspec: {type: provider, state: disabled}\n", "h.yaml:1 last-provider"},

		// Person
		{"Person with a wide login", "kind: Person\nname: ａｏｉ２\nspec: {}\n", "h.yaml:2 name manifest-name-form"},
		{"Person with a login that looks alike", "kind: Person\nname: аoi\nspec: {}\n", "h.yaml:2 name login-malformed"},
		{"Person with a login in another case", "kind: Person\nname: AOI\nspec: {}\n", "h.yaml:2 name login-taken"},
		{"Person with a long login", "kind: Person\nname: " + strings.Repeat("x", 65) + "\nspec: {}\n", "h.yaml:2 name field-too-long"},
		{"Person with bad fields, all at once", "kind: Person\nname: x\nspec:\n  email: a@b@c\n  display_name: " + long + "\n  family_name: \"a\\u202eb\"\n  given_name: [x]\n  reading: true\n  locale: fr\n  time_zone: Tokyo\n  state: gone\n", "h.yaml:7 spec.given_name yaml-wrong-type\nh.yaml:8 spec.reading yaml-wrong-type"},
		{"Person with fields against the rules", "kind: Person\nname: x\nspec:\n  email: a@b@c\n  display_name: " + long + "\n  family_name: \"a\\u202eb\"\n  locale: fr\n  time_zone: Tokyo\n  state: gone\n", "h.yaml:4 spec.email mail-address-malformed\nh.yaml:5 spec.display_name field-too-long\nh.yaml:6 spec.family_name text-has-controls\nh.yaml:7 spec.locale locale-unknown\nh.yaml:8 spec.time_zone time-zone-unknown\nh.yaml:9 spec.state person-state-unknown"},
		{"Person whose password is kept where there is none", "kind: Person\nname: x\nspec: {password: {keep: true}}\n", "h.yaml:3 spec.password manifest-secret-not-there"},
		{"Person whose password is nowhere", "kind: Person\nname: x\nspec:\n  password: {env: NOT_SET}\n", "h.yaml:4 spec.password manifest-secret-env"},
		{"Person whose password has no form", "kind: Person\nname: x\nspec:\n  password: {keep: false}\n", "h.yaml:4 spec.password manifest-secret-form"},

		// Member
		{"Member who is nobody", "kind: Member\norg: kaede\nname: nobody\n", "h.yaml:3 name manifest-reference"},
		{"Member with a role that is not there", "kind: Member\norg: kaede\nname: aoi\nspec:\n  roles:\n  - user\n  - king\n", "h.yaml:7 spec.roles[1] manifest-reference"},
		{"Member with an operator's role at a customer", "kind: Member\norg: momiji\nname: aoi\nspec: {roles: [operator]}\n", "h.yaml:4 spec.roles role-unknown"},
		{"Member managed by themselves", "kind: Member\norg: kaede\nname: aoi\nspec: {manager: aoi}\n", "h.yaml:4 spec.manager manifest-circle"},
		{"Members who manage each other", "kind: Member\norg: kaede\nname: aoi\nspec: {manager: chika}\n---\nkind: Member\norg: kaede\nname: chika\nspec: {manager: aoi, roles: [administrator, operator]}\n", "h.yaml:9 spec.manager manifest-circle"},
		{"Member managed by one from elsewhere", "kind: Member\norg: momiji\nname: aoi\nspec: {manager: kaede/chika}\n", "h.yaml:4 spec.manager manager-unknown"},
		{"Member invited", "kind: Member\norg: kaede\nname: aoi\nspec: {state: invited}\n", "h.yaml:4 spec.state person-state-unknown"},
		{"the last operator", "kind: Member\norg: kaede\nname: chika\nspec: {roles: [user]}\n", "h.yaml:1 last-administrator"},

		// Role
		{"Role that is built in", "kind: Role\norg: kaede\nname: auditor\nspec: {}\n", "h.yaml:3 name role-built-in"},
		{"Role with a permission that is not there", "kind: Role\norg: kaede\nname: x\nspec: {permissions: [everything]}\n", "h.yaml:4 spec.permissions permission-unknown"},
		{"Role with a permission of the house at a customer", "kind: Role\norg: momiji\nname: x\nspec: {permissions: [house.manifest]}\n", "h.yaml:4 spec.permissions permission-unknown"},
		{"Roles that include each other", "kind: Role\norg: kaede\nname: desk\nspec: {includes: [front]}\n", "h.yaml:4 spec.includes[0] manifest-circle"},
		{"Role with a name in capitals", "kind: Role\norg: kaede\nname: Desk2\nspec: {}\n", "h.yaml:3 name name-malformed"},

		// Group
		{"Group with somebody who is no member", "kind: Group\norg: momiji\nname: x\nspec: {members: [aoi]}\n", "h.yaml:4 spec.members[0] manifest-reference"},
		{"Group in itself", "kind: Group\norg: kaede\nname: sales\nspec: {groups: [sales]}\n", "h.yaml:4 spec.groups[0] manifest-circle"},
		{"Group with members that are no list", "kind: Group\norg: kaede\nname: x\nspec: {members: aoi}\n", "h.yaml:4 spec.members yaml-wrong-type"},
		{"Group with a name in capitals", "kind: Group\norg: kaede\nname: Sales2\nspec: {}\n", "h.yaml:3 name name-malformed"},
		{"Group with a title of two lines", "kind: Group\norg: kaede\nname: x\nspec: {title: \"a\\nb\"}\n", "h.yaml:4 spec.title text-has-controls"},

		// SignInPolicy
		{"SignInPolicy that asks for magic", "kind: SignInPolicy\norg: kaede\nname: x\nspec: {require: [magic]}\n", "h.yaml:4 spec.require method-unknown"},
		{"SignInPolicy without a time", "kind: SignInPolicy\norg: kaede\nname: x\nspec:\n  require: [passkey]\n  session: {idle: long}\n", "h.yaml:6 spec.session.idle yaml-bad-value"},
		{"SignInPolicy for a role that is not there", "kind: SignInPolicy\norg: kaede\nname: x\nspec:\n  require: [passkey]\n  applies_to: {roles: [king]}\n", "h.yaml:6 spec.applies_to.roles[0] manifest-reference"},
		{"SignInPolicy for a group that is not there", "kind: SignInPolicy\norg: kaede\nname: x\nspec:\n  require: [passkey]\n  applies_to: {groups: [kings]}\n", "h.yaml:6 spec.applies_to.groups[0] manifest-reference"},

		// Notice
		{"Notice without a language", "kind: Notice\nname: x\nspec:\n  title: {en: T}\n  text: {en: T, ja: T}\n  from: 2026-01-01T00:00:00Z\n  until: 2027-01-01T00:00:00Z\n", "h.yaml:4 spec.title.ja field-required"},
		{"Notice without a time", "kind: Notice\nname: x\nspec:\n  title: {en: T, ja: T}\n  text: {en: T, ja: T}\n  from: tomorrow\n  until: 2027-01-01T00:00:00Z\n", "h.yaml:6 spec.from yaml-bad-value"},
		{"Notice that ends before it begins", "kind: Notice\nname: x\nspec:\n  title: {en: T, ja: T}\n  text: {en: T, ja: T}\n  from: 2027-01-01T00:00:00Z\n  until: 2026-01-01T00:00:00Z\n", "h.yaml:7 spec.until notice-ends-before-it-begins"},
	} {
		t.Run("CAP-M4 "+c.name, func(t *testing.T) {
			h.t = t
			if diff := cmp.Diff(c.want, h.refused(c.text, false)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, h.export()); diff != "" {
				t.Errorf("something was done: %s", diff)
			}
		})
	}
}

// What is written otherwise than it is kept is kept all the same, and a second
// apply has nothing to do.
func TestManifestsSettle(t *testing.T) {
	h := emptyHouse(t, housetest.SQLite(t))
	h.send("apply", settled, false)
	for name, text := range map[string]string{
		"blanks around a title":            "kind: Group\norg: kaede\nname: sales\nspec: {title: ' Sales ', members: [aoi, aoi]}\n",
		"a title of blanks":                "kind: Role\norg: kaede\nname: desk\nspec: {title: '  ', permissions: [people.read, people.read]}\n",
		"an address in capitals":           "kind: Person\nname: aoi\nspec: {email: ' Aoi@KAEDE.Example', display_name: ' Aoi '}\n",
		"width and accents":                "kind: Person\nname: aoi\nspec: {family_name: ﾀｶﾊｼ, given_name: \"e\\u0301\"}\n",
		"roles twice":                      "kind: Member\norg: kaede\nname: aoi\nspec: {roles: [user, desk, user]}\n",
		"methods in their order":           "kind: SignInPolicy\norg: kaede\nname: all\nspec: {require: [totp, password], applies_to: {roles: [desk, desk]}}\n",
		"a time to the nanosecond":         "kind: SignInPolicy\norg: kaede\nname: all\nspec: {require: [passkey], session: {idle: 1h0m0.000000001s}}\n",
		"a moment elsewhere":               "kind: Notice\nname: n\nspec: {title: {en: ' T', ja: T}, text: {en: \"a\\nb\", ja: T}, from: 2026-01-01T00:00:00.0000001+09:00, until: 2027-01-01T00:00:00Z}\n",
		"models in capitals":               "kind: SignInPolicy\norg: kaede\nname: all\nspec: {require: [passkey], passkeys: {allow: [EE882879-721C-4913-9775-3DFCCE97072A, ee882879-721c-4913-9775-3dfcce97072a]}}\n",
		"CRLF and a mark at the beginning": "\ufeffkind: Group\r\norg: kaede\r\nname: crlf\r\nspec:\r\n  title: 営業部\r\n",
	} {
		t.Run("CAP-M4 "+name, func(t *testing.T) {
			h.t = t
			h.send("apply", text, false)
			if plan := h.send("plan", text, false); !plan.Empty() {
				t.Errorf("a second time: %+v", plan.Steps)
			}
			if drift := h.drift(); len(drift.Objects) != 0 {
				t.Errorf("drifted: %+v", drift.Objects)
			}
		})
	}
}

// Who is renamed is renamed wherever they are a member, once and for all.
func TestManifestsRenameAPerson(t *testing.T) {
	h := emptyHouse(t, housetest.SQLite(t))
	h.send("apply", settled, false)
	text := strings.ReplaceAll(strings.Replace(settled, "name: aoi\nspec: {}", "name: aoi.b\nrenamed_from: aoi\nspec: {}", 1), "name: aoi\n", "name: aoi.b\n")
	text = strings.ReplaceAll(text, "[aoi]", "[aoi.b]")
	plan := h.send("apply", text, true)
	if n := plan.Counts(); n[manifest.Rename] != 1 || n[manifest.Create]+n[manifest.Delete] != 0 {
		t.Errorf("CAP-M4 renamed: %+v", plan.Steps)
	}
	if plan := h.send("plan", text, true); !plan.Empty() {
		t.Errorf("CAP-M4 a second time: %+v", plan.Steps)
	}
	if got := h.refused("kind: Member\norg: kaede\nname: chika.b\nrenamed_from: aoi.b\n", false); got != "h.yaml:3 name manifest-reference\nh.yaml:4 renamed_from manifest-rename-named" {
		t.Errorf("CAP-M4 a member renamed alone: %s", got)
	}
}

// Prune keeps to what was applied, and the last ones stay as everywhere.
func TestManifestsPruneKeepsTheLastOnes(t *testing.T) {
	h := emptyHouse(t, housetest.SQLite(t))
	h.send("apply", settled, false)
	if got := h.refused("kind: Person\nname: aoi\nspec: {}\n", true); got != "Person chika last-administrator" {
		t.Errorf("CAP-M4 one file with one person: %s", got)
	}
	if got := h.refused("kind: Role\norg: kaede\nname: front\nspec: {}\n---\nkind: SignInPolicy\norg: kaede\nname: all\nspec: {require: [passkey], applies_to: {roles: [desk]}}\n", true); got != "h.yaml:9 spec.applies_to.roles[0] manifest-reference" {
		t.Errorf("CAP-M4 a reference to what prune deletes: %s", got)
	}
	plan := h.send("plan", "kind: Role\norg: kaede\nname: front\nspec: {}\n", true)
	i := len(plan.Steps) - 1
	if plan.Steps[i].Name != "desk" || strings.Join(plan.Steps[i].NeededBy, " ") != "SignInPolicy kaede/all" {
		t.Errorf("CAP-M4 what needs it: %+v", plan.Steps)
	}
}
