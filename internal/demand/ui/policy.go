// Package ui draws the pages of sign-in policies.
package ui

import (
	"context"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Policies is the list of an organization's sign-in policies.
type Policies struct {
	New   string
	Saved string
	Items []PolicyItem
}

// PolicyItem is one of them, in the reader's words.
type PolicyItem struct {
	Href, Name, Require, AppliesTo, Session string
	Weak                                    bool // mail counts in it
}

// PolicyForm is the form of one policy.
type PolicyForm struct {
	Heading, Action, Back, Remove string
	Version                       string
	Problem, Do                   string
	Name, Idle, Absolute          web.Input
	Require, Roles, Groups        web.Pick
	Attestation                   web.Pick
	Allow, Deny                   web.Input
	Foreseen                      web.Foreseen // what saving changes, where it was looked at
	Ends                          bool         // what was looked at is the deletion
}

func (f PolicyForm) fields() []web.Input {
	return []web.Input{f.Name, f.Idle, f.Absolute, f.Allow, f.Deny}
}

func (f PolicyForm) save(ctx context.Context) string {
	if len(f.Foreseen.Lines) == 0 {
		return web.Say(ctx, "web.check")
	}
	return web.Say(ctx, "signin.save")
}

func policyRows(items []PolicyItem) []web.Row {
	var rows []web.Row
	for _, one := range items {
		require := web.Text(one.Require)
		if one.Weak {
			require = weak(one.Require)
		}
		rows = append(rows, web.Row{Href: one.Href, Cells: []templ.Component{
			web.Text(one.Name), require, web.Text(one.AppliesTo), web.Text(one.Session),
		}})
	}
	return rows
}
