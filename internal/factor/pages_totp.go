package factor

import (
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/factor/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) showTOTP(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return err
	}
	return v.Show(v.Say("settings.totp"), ui.ShowTOTP(ui.TOTP{
		On: held.TOTP, Since: held.TOTPAt, Used: held.TOTPUsed, New: TOTPPath + "/new", Remove: TOTPPath + "/remove",
		Saved: Done(v, "totp-added", "totp-removed"),
	}))
}

func (r *Room) showNewTOTP(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	offer, err := r.OfferTOTP(v.Context(), who)
	if err != nil {
		return err
	}
	page, err := r.newTOTP(v, who, offer)
	if err != nil {
		return err
	}
	return v.Show(page.Form.Heading, ui.AddTOTP(page))
}

func (r *Room) newTOTP(v *web.Visit, who id.Person, offer TOTPOffer) (ui.NewTOTP, error) {
	p, err := r.register.Person(v.Context(), who)
	if err != nil {
		return ui.NewTOTP{}, err
	}
	picture, err := totp.Picture(offer.URI, v.Say("settings.totp.picture"))
	return ui.NewTOTP{
		Picture: picture, Secret: totp.Grouped(offer.Secret).Reveal(), Account: r.issuer() + " · " + p.Login, Ticket: offer.Ticket.Reveal(),
		Form: webui.SettingForm{
			Heading: v.Say("settings.totp.new"), Lead: v.Say("settings.totp.new.lead", "minutes", strconv.Itoa(int(OfferLife.Minutes()))),
			Action: TOTPPath + "/new", Back: TOTPPath, Submit: v.Say("settings.totp.confirm"), Kind: webui.Main,
			Fields: []webui.Input{{
				Name: "code", Label: v.Say("settings.totp.code"), Hint: v.Say("settings.totp.code.hint"), Complete: "one-time-code", Required: true,
			}},
		},
	}, err
}

// saveTOTP shows the same secret again after a wrong code.
func (r *Room) saveTOTP(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	ticket := secret.Of(typed.Get("ticket"))
	err = r.AddTOTP(v.Context(), who, ticket, typed.Get("code"))
	if f := Typed(err); f != nil && strings.HasPrefix(f.Code, "totp-") && f.Code != "totp-offer-over" && f.Code != "totp-exists" {
		offer, err := r.ReadTOTPOffer(v.Context(), who, ticket)
		if err != nil {
			return err
		}
		page, err := r.newTOTP(v, who, offer)
		if err != nil {
			return err
		}
		Refuse(v, &page.Form, f, "code")
		return v.ShowStatus(f.Status(), page.Form.Heading, ui.AddTOTP(page))
	}
	if err != nil {
		return err
	}
	held, err := r.Held(v.Context(), who)
	if err == nil && held.RecoveryLeft == 0 {
		return v.See(RecoveryPath + "/new")
	}
	return v.See(TOTPPath + "?done=totp-added")
}

func (r *Room) askRemoveTOTP(v *web.Visit) error {
	if _, err := Present(v.Actor()); err != nil {
		return err
	}
	form := webui.SettingForm{
		Heading: v.Say("settings.totp.remove.ask"), Lead: v.Say("settings.totp.remove.lead"), Action: TOTPPath + "/remove", Back: TOTPPath,
		Submit: v.Say("settings.totp.remove"), Kind: webui.Danger,
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) removeTOTP(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	if err := r.RemoveTOTP(v.Context(), who); err != nil {
		return err
	}
	return v.See(TOTPPath + "?done=totp-removed")
}

func (r *Room) showRecovery(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return err
	}
	return v.Show(v.Say("settings.recovery"), ui.ShowRecovery(ui.Recovery{Left: held.RecoveryLeft, All: held.RecoveryAll, New: RecoveryPath + "/new"}))
}

func (r *Room) askRecovery(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return err
	}
	form := webui.SettingForm{
		Heading: v.Say("settings.recovery.make"), Lead: v.Say("settings.recovery.lead"), Action: RecoveryPath + "/new", Back: RecoveryPath,
		Submit: v.Say("settings.recovery.make"), Kind: webui.Main,
	}
	if held.RecoveryAll > 0 {
		form.Notes = []string{v.Say("settings.recovery.replaces")}
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

// makeRecovery answers with the codes themselves: they are nowhere to be shown
// from again.
func (r *Room) makeRecovery(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	codes, err := r.MakeRecovery(v.Context(), who)
	if err != nil {
		return err
	}
	page := webui.Codes{
		Heading: v.Say("settings.recovery.yours"), Lead: v.Say("settings.recovery.once"), Back: SecurityPath,
		Notes: []string{v.Say("settings.recovery.keep")},
	}
	for _, code := range codes {
		page.Codes = append(page.Codes, code.Reveal())
	}
	page.All = strings.Join(page.Codes, "\n")
	return v.Show(page.Heading, webui.ShowCodes(page))
}
