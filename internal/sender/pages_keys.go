package sender

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/sender/ui"
	"github.com/sekisho/sekisho/internal/signet"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// KeysPath is where operators see the keys that sign.
const KeysPath = "/admin/signing-keys"

func (r *Room) keyPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: KeysPath, Permission: Keys}, r.showKeys)
	m.Page(web.Route{Method: http.MethodPost, Path: KeysPath, Permission: Keys, Fresh: web.Recent}, r.followKey)
}

var stateKinds = map[signet.State]string{signet.Signing: "good", signet.Next: "wait", signet.Before: "", signet.Gone: ""}

func (r *Room) showKeys(v *web.Visit) error {
	all, err := r.Signet.Keys(v.Context())
	if err != nil {
		return err
	}
	page := ui.Keys{
		Heading: v.Say("signing.keys"), Lead: v.Say("signing.keys.lead"), Saved: done(v, "key-followed", "key-replaced"), Set: r.BaseURL + SetPath,
		Columns: []string{v.Say("signing.id"), v.Say("signing.alg"), v.Say("sender.state"), v.Say("signing.signs"), v.Say("signing.ends")},
	}
	for _, k := range all {
		state := k.State(all, v.Now())
		page.Rows = append(page.Rows, webui.Row{Cells: []templ.Component{
			webui.Text(k.ID), webui.Text(string(k.Alg)), webui.Badge(stateKinds[state], v.Say("signing.state."+string(state))), webui.Time(k.Signs), webui.At(k.Ends, v.Say("signing.ends.open")),
		}})
		if state == signet.Signing {
			page.Follow = append(page.Follow, ui.Follow{Action: KeysPath, Alg: string(k.Alg), After: k.ID, Text: v.Say("signing.follow"), Now: v.Say("signing.follow.now")})
		}
	}
	return v.Show(page.Heading, ui.ShowKeys(page))
}

func (r *Room) followKey(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	now := typed.Get("when") == "now"
	_, err = r.Signet.Follow(v.Context(), v.Actor().Principal, jws.Alg(typed.Get("alg")), typed.Get("after"), now)
	if err != nil {
		return err
	}
	if now {
		return v.See(KeysPath + "?done=key-replaced")
	}
	return v.See(KeysPath + "?done=key-followed")
}
