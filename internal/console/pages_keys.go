package console

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// KeysPath is the page of the keys.
const KeysPath = "/admin/keys"

func (r *Room) keyPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: KeysPath, Permission: Operate}, r.showKeys)
	m.Page(web.Route{Method: http.MethodPost, Path: KeysPath + "/rotate", Permission: Operate, Fresh: web.Recent}, r.rotateKeys)
}

// stuckShown is how many values that no key opens are named.
const stuckShown = 20

func (r *Room) showKeys(v *web.Visit) error { return r.keysPage(v, http.StatusOK, nil) }

// keysPage shows the keys, with why the last wish was refused.
func (r *Room) keysPage(v *web.Visit, status int, refused *fault.Fault) error {
	v.Follow(Topic)
	k, err := r.ring.Keys(v.Context())
	if err != nil {
		return err
	}
	page := ui.Keys{Here: KeysPath, Topic: Topic, Rotate: KeysPath + "/rotate", Phase: k.Progress.Phase, Recipient: k.Recipient}
	page.Writes = k.Progress.Writes
	if v.Query("done") == "rotated" && refused == nil {
		page.Saved = v.Say("console.keys.rotated")
	}
	if refused != nil {
		page.Problem, page.Do = problem(v, refused)
	}
	if page.AuditKey, err = r.audit.PublicKey(v.Context()); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(page.AuditKey))
	page.Fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	if k.Progress.Phase == "stuck" {
		if page.Stuck, err = r.stuckRows(v); err != nil {
			return err
		}
	}
	page.Progress = r.progress(v, k)
	page.Keys = keyRows(v, k)
	for _, w := range k.Wrapped {
		page.Root = append(page.Root, webui.Detail{Key: v.Say("console.root." + w.Kind), Value: webui.Time(w.Since)})
	}
	return v.ShowStatus(status, v.Say("console.keys"), ui.ShowKeys(page))
}

// progress says how far the walk is: which of those that keep sealed values it
// looks at, and how many values it has seen and moved.
func (r *Room) progress(v *web.Visit, k seal.Keys) ui.Progress {
	p, whole := k.Progress, int64(len(k.Holders))
	at := int64(0)
	for i, name := range k.Holders {
		if name == p.Holder {
			at = int64(i)
		}
	}
	if p.Phase != "moving" && p.Phase != "closing" {
		at = whole
	}
	return ui.Progress{Done: at, Whole: whole, Text: v.Say("console.key.progress."+p.Phase,
		"at", at+1, "whole", whole, "name", p.Holder, "seen", webui.Number(v.Context(), p.Seen), "moved", webui.Number(v.Context(), p.Moved),
		"stuck", webui.Number(v.Context(), p.Stuck), "key", p.Writes)}
}

var keyLevels = map[string]string{"writes": "good", "reads": "wait", "closing": "wait", "destroyed": ""}

func keyRows(v *web.Visit, k seal.Keys) (all []webui.Row) {
	for _, one := range k.All {
		since := one.Made
		switch one.State {
		case "reads", "closing":
			since = one.Retired
		case "destroyed":
			since = one.Destroyed
		}
		all = append(all, webui.Row{Cells: []templ.Component{
			webui.Text(strconv.FormatUint(uint64(one.ID), 10)), webui.Badge(keyLevels[one.State], v.Say("console.key.state."+one.State)),
			webui.Text(v.Say("console.key.state." + one.State + ".means")), webui.Time(one.Made), webui.Time(since),
		}})
	}
	return all
}

func (r *Room) stuckRows(v *web.Visit) (all []webui.Row, err error) {
	places, err := r.ring.Stuck(v.Context(), stuckShown)
	for _, p := range places {
		all = append(all, webui.Row{Cells: []templ.Component{webui.Text(p.Table + "." + p.Column), webui.Copy(p.Row), webui.Thing(orgOr(string(p.Org)))}})
	}
	return all, err
}

func orgOr(org string) string {
	if org == "" {
		return ""
	}
	return thingOrg + org
}

// rotateKeys asks for the number of the key that writes: it is on the page, and
// a form that was left open since is refused.
func (r *Room) rotateKeys(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	was, err := strconv.ParseUint(typed.Get("key"), 10, 32)
	if err != nil || was == 0 {
		return r.keysPage(v, http.StatusConflict, fault.New(fault.Conflict, "seal-rotated-meanwhile"))
	}
	err = r.ring.RotateFrom(v.Context(), v.Actor().Principal, uint32(was))
	if f := fault.As(err); f != nil && f.Kind == fault.Conflict {
		return r.keysPage(v, f.Status(), f)
	}
	if err != nil {
		return err
	}
	return v.See(KeysPath + "?done=rotated")
}

// problem says a fault, and what to do.
func problem(v *web.Visit, f *fault.Fault) (text, do string) {
	var pairs []any
	for name, value := range f.Args {
		pairs = append(pairs, name, value)
	}
	return v.Say("problem."+f.Code, pairs...), v.Say("problem."+f.Code+".do", pairs...)
}
