package signin

import (
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// known are the levels that a proof can be asked for (?need=).
var known = map[string]string{factor.AAL1: factor.AAL1, factor.AAL2: factor.AAL2, string(factor.ByPasskey): string(factor.ByPasskey)}

// confirmSheet says how the person signed in, and with what they can confirm
// so that it reaches the level that is needed ("" for any).
func (r *Room) confirmSheet(v *web.Visit, back, need string) (ui.Confirm, error) {
	with, err := r.AgainWith(v.Context(), v.Actor().Principal.Person(), v.Actor().Session)
	if err != nil {
		return ui.Confirm{}, err
	}
	c := ui.Confirm{Door: r.door(v, "signin.again.title", "signin.again.lead", with.Login, back), At: with.At}
	c.Passkey, c.Password, c.Code, c.Need = with.Passkey, with.Password, with.Code, known[need]
	if need == string(factor.ByPasskey) || need == factor.AAL2 && !with.Code {
		c.Password = false
	}
	c.Passkeys = c.Passkeys && with.Passkey
	c.How = string(with.Last)
	return c, nil
}

func (r *Room) showAgain(v *web.Visit) error {
	if v.Actor().Principal.Person() == "" {
		return v.See(v.Query("back"))
	}
	c, err := r.confirmSheet(v, v.Query("back"), v.Query("need"))
	if err != nil {
		return err
	}
	return v.Show(c.Title, ui.Again(c))
}

func (r *Room) takeAgain(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	actor, back := v.Actor(), web.Local(typed.Get("back"))
	if actor.Principal.Person() == "" { // only people step up
		return v.See(back)
	}
	answers := []factor.Answer{answerOf(typed)}
	if typed.Has("password") {
		answers = []factor.Answer{{Method: factor.ByPassword, Text: secret.Of(typed.Get("password"))}}
	}
	if code := typed.Get("code"); code != "" && typed.Has("password") {
		answers = append(answers, factor.Answer{Method: factor.CodeMethod(code), Text: secret.Of(code)})
	}
	cookie, ends, err := r.Again(v.Context(), browserOf(v), actor.Principal.Person(), actor.Session, answers...)
	if f := shown(err); f != nil && f.Kind != fault.Unknown {
		c, err := r.confirmSheet(v, back, typed.Get("need"))
		if err != nil {
			return err
		}
		return v.ShowStatus(refused(v, &c.Door, f), c.Title, ui.Again(c))
	}
	if err != nil {
		return err
	}
	v.OpenSession(cookie, ends.Sub(v.Now()))
	return v.See(back)
}
