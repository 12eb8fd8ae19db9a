package factor

import (
	"encoding/json"
	"slices"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func cells(all ...templ.Component) []templ.Component { return all }

// models are authenticators that many people have, by AAGUID; the words say
// what their makers call them. What is not here is told by its AAGUID.
var models = []string{
	"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",
	"fbfc3007-154e-4ecc-8c0b-6e020557d7bd",
	"08987058-cadc-4b81-b6e1-30de50dcbe96",
	"9ddd1817-af5a-4672-a2b9-3e3dd95000a9",
	"6028b017-b1d4-4c02-b4b3-afcdafc96bb2",
	"bada5566-a7aa-401f-bd96-45619a55120d",
	"d548826e-79b4-db40-a3d8-11116f7e8349",
	"cb69481e-8ff7-4039-93ec-0a2729a154a8",
	"ee882879-721c-4913-9775-3dfcce97072a",
	"2fc0579f-8113-47ea-b116-bb5a8db9202a",
}

const noModel = "00000000-0000-0000-0000-000000000000"

// model names the make of a passkey; "" if it did not say.
func model(v *web.Visit, p Passkey) string {
	switch {
	case p.AAGUID == noModel:
		return ""
	case slices.Contains(models, p.AAGUID):
		return v.Say("signin.model." + p.AAGUID)
	}
	return p.AAGUID
}

// nature says whether a passkey is synced between devices.
func nature(v *web.Visit, p Passkey) string {
	switch {
	case p.BackedUp:
		return v.Say("settings.passkeys.synced")
	case p.Eligible:
		return v.Say("settings.passkeys.syncable")
	}
	return v.Say("settings.passkeys.bound")
}

func (r *Room) showPasskeys(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("settings.passkeys"), Lead: v.Say("settings.passkeys.lead"),
		Saved: Done(v, "passkey-added", "passkey-renamed", "passkey-removed"),
		None:  v.Say("settings.passkeys.none"), NoneDo: v.Say("settings.passkeys.none.do"),
		Columns: []string{
			v.Say("settings.name"), v.Say("settings.passkeys.kind"), v.Say("settings.created"), v.Say("settings.used"),
		},
	}
	switch {
	case held.PasskeysOff != nil:
		page.NewBlocked = v.Say("problem."+held.PasskeysOff.Code, held.PasskeysOff.Args.Pairs()...)
	case len(held.Passkeys) >= MostPasskeys:
		page.NewBlocked = v.Say("problem.passkey-too-many", "most", MostPasskeys)
	default:
		page.New, page.NewText = PasskeysPath+"/new", v.Say("settings.passkeys.new")
	}
	for _, p := range held.Passkeys {
		kind := nature(v, p)
		if m := model(v, p); m != "" {
			kind += " · " + m
		}
		page.Rows = append(page.Rows, webui.Row{Href: PasskeysPath + "/" + p.ID, Cells: cells(
			webui.Text(p.Name), webui.Text(kind), webui.Ago(p.Created), webui.At(p.LastUsed, v.Say("settings.never")),
		)})
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

func (r *Room) showNewPasskey(v *web.Visit) error {
	page, err := r.newPasskey(v)
	if err != nil {
		return err
	}
	return v.Show(v.Say("settings.passkeys.new"), ui.AddPasskey(page))
}

// newPasskey proposes the browser as the name: who has several devices tells
// them apart by it.
func (r *Room) newPasskey(v *web.Visit) (ui.NewPasskey, error) {
	who, err := Present(v.Actor())
	if err != nil {
		return ui.NewPasskey{}, err
	}
	if _, _, _, err := r.keyPlace(v.Context(), who); err != nil {
		return ui.NewPasskey{}, err
	}
	s, err := r.sessions.Shown(v.Context(), who, v.Actor().Session)
	return ui.NewPasskey{
		Action: PasskeysPath + "/new", Options: PasskeysPath + "/new/options", Back: PasskeysPath,
		Name: webui.Input{
			Name: "name", Label: v.Say("settings.name"), Hint: v.Say("settings.passkeys.name.hint"), Value: s.Browser, Required: true, Max: LabelMost,
		},
	}, err
}

// beginPasskeyPage answers the script of the page with how the ceremony begins.
func (r *Room) beginPasskeyPage(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	if err := named(typed.Get("name")); err != nil {
		return err
	}
	options, ticket, err := r.BeginPasskey(v.Context(), who)
	if err != nil {
		return err
	}
	return v.JSON(passkeyBegun{options, ticket.Reveal()})
}

// passkeyBegun is the first half of a ceremony for the browser.
type passkeyBegun struct {
	Options json.RawMessage `json:"options" doc:"For PublicKeyCredential.parseCreationOptionsFromJSON"`
	Ticket  string          `json:"ticket" doc:"Send it back with the answer"`
}

func (r *Room) savePasskey(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	_, err = r.AddPasskey(v.Context(), who, secret.Of(typed.Get("ticket")), json.RawMessage(typed.Get("answer")), typed.Get("name"))
	if f := Typed(err); f != nil {
		page, err := r.newPasskey(v)
		if err != nil {
			return err
		}
		page.Name.Value = typed.Get("name")
		form := webui.SettingForm{Fields: []webui.Input{page.Name}}
		Refuse(v, &form, f, "")
		page.Problem, page.Do, page.Name = form.Problem, form.Do, form.Fields[0]
		return v.ShowStatus(f.Status(), v.Say("settings.passkeys.new"), ui.AddPasskey(page))
	}
	if err != nil {
		return err
	}
	return v.See(PasskeysPath + "?done=passkey-added")
}

// theirPasskey is the passkey that the path names.
func (r *Room) theirPasskey(v *web.Visit) (id.Person, Passkey, error) {
	who, err := Present(v.Actor())
	if err != nil {
		return who, Passkey{}, err
	}
	key, err := r.OnePasskey(v.Context(), who, v.Path("passkey"))
	return who, key, err
}

func (r *Room) showOnePasskey(v *web.Visit) error {
	_, key, err := r.theirPasskey(v)
	if err != nil {
		return err
	}
	page := onePasskey(v, key)
	return v.Show(key.Name, ui.ShowPasskey(page))
}

func onePasskey(v *web.Visit, key Passkey) ui.OnePasskey {
	path := PasskeysPath + "/" + key.ID
	page := ui.OnePasskey{Remove: path + "/remove", Form: webui.SettingForm{
		Heading: key.Name, Action: path, Back: PasskeysPath, Submit: v.Say("settings.passkeys.rename"), Kind: webui.Main,
		Fields: []webui.Input{{Name: "name", Label: v.Say("settings.name"), Value: key.Name, Required: true, Max: LabelMost}},
	}, Details: []webui.Detail{
		{Key: v.Say("settings.passkeys.kind"), Value: webui.Text(nature(v, key))},
		{Key: v.Say("settings.created"), Value: webui.Time(key.Created)},
		{Key: v.Say("settings.used"), Value: webui.At(key.LastUsed, v.Say("settings.never"))},
	}}
	if m := model(v, key); m != "" {
		said := v.Say("settings.passkeys.unproven", "model", m)
		if key.Attested {
			said = m
		}
		page.Details = append(page.Details, webui.Detail{Key: v.Say("settings.passkeys.model"), Value: webui.Text(said)})
	}
	return page
}

func (r *Room) saveName(v *web.Visit) error {
	who, key, err := r.theirPasskey(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	err = r.RenamePasskey(v.Context(), who, key.ID, typed.Get("name"))
	if f := Typed(err); f != nil {
		page := onePasskey(v, key)
		page.Form.Fields[0].Value = typed.Get("name")
		Refuse(v, &page.Form, f, "name")
		return v.ShowStatus(f.Status(), key.Name, ui.ShowPasskey(page))
	}
	if err != nil {
		return err
	}
	return v.See(PasskeysPath + "?done=passkey-renamed")
}

func removeForm(v *web.Visit, key Passkey) webui.SettingForm {
	return webui.SettingForm{
		Heading: v.Say("settings.passkeys.remove.ask", "name", key.Name), Lead: v.Say("settings.passkeys.remove.lead"),
		Action: PasskeysPath + "/" + key.ID + "/remove", Back: PasskeysPath, Submit: v.Say("settings.passkeys.remove"), Kind: webui.Danger,
	}
}

func (r *Room) askRemovePasskey(v *web.Visit) error {
	_, key, err := r.theirPasskey(v)
	if err != nil {
		return err
	}
	form := removeForm(v, key)
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) removePasskey(v *web.Visit) error {
	who, key, err := r.theirPasskey(v)
	if err != nil {
		return err
	}
	if err := r.RemovePasskey(v.Context(), who, key.ID); err != nil {
		return err
	}
	return v.See(PasskeysPath + "?done=passkey-removed")
}
