package approval

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/approval/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Templates are asks that are prepared (← offer).
type Templates interface {
	Prepared(ctx context.Context, in id.Org) ([]request.Prepared, error)
}

const preparedPath = "/ask-prepared/{ask_template}"

// prepared are the asks that are prepared in an organization.
func (h asks) prepared(ctx context.Context, in id.Org) ([]request.Prepared, error) {
	if h.Templates == nil {
		return nil, nil
	}
	return h.Templates.Prepared(ctx, in)
}

// offers are the links to what is prepared. One of one thing leads to its form.
func (h asks) offers(v *web.Visit, in id.Org) (all []ui.Offer, err error) {
	prepared, err := h.prepared(v.Context(), in)
	for _, p := range prepared {
		href := strings.Replace(preparedPath, "{ask_template}", url.PathEscape(p.ID), 1) + "?org=" + url.QueryEscape(string(in))
		if len(p.Things) == 1 {
			href = newPath(in, p.Things[0].Kind, p.Things[0].Target, url.Values{"prepared": {p.ID}})
		}
		all = append(all, ui.Offer{Href: href, Title: p.Title, About: p.About})
	}
	return all, err
}

// prefill writes into a fresh form what was prepared, and returns what a reason
// should say.
func (h asks) prefill(v *web.Visit, in id.Org, typed url.Values) (hint string, err error) {
	which := typed.Get("prepared")
	if which == "" {
		return "", nil
	}
	all, err := h.prepared(v.Context(), in)
	i := slices.IndexFunc(all, func(p request.Prepared) bool { return p.ID == which })
	if err != nil || i < 0 {
		return "", err
	}
	if typed.Get("reason") == "" {
		typed.Set("reason", all[i].Reason)
	}
	if typed.Get("hours") == "" && all[i].Hours > 0 {
		typed.Set("hours", strconv.Itoa(all[i].Hours))
	}
	return all[i].Hint, nil
}

// onePrepared is a prepared ask of the path.
func (h asks) onePrepared(v *web.Visit) (who id.Person, in id.Org, p request.Prepared, err error) {
	who, orgs, err := h.mine(v)
	if err == nil {
		in, err = where(v, orgs)
	}
	if err != nil {
		return who, in, p, err
	}
	all, err := h.prepared(v.Context(), in)
	i := slices.IndexFunc(all, func(p request.Prepared) bool { return p.ID == v.Path("ask_template") })
	if err == nil && i < 0 {
		return who, in, p, fault.New(fault.NotFound, "paper-unknown")
	}
	if err == nil {
		p = all[i]
	}
	return who, in, p, err
}

func (h asks) showPrepared(v *web.Visit) error {
	who, in, p, err := h.onePrepared(v)
	if err != nil {
		return err
	}
	typed := url.Values{"reason": {p.Reason}}
	for _, t := range p.Things {
		typed.Add("thing", t.Kind+":"+t.Target)
	}
	return h.preparedForm(v, who, in, p, typed, nil, nil, http.StatusOK)
}

// preparedForm shows each thing with what stands against it, if anything does.
func (h asks) preparedForm(v *web.Visit, who id.Person, in id.Org, p request.Prepared, typed url.Values, f *fault.Fault, told map[string]string, status int) error {
	reason := webui.Input{Name: "reason", Label: v.Say("ask.reason"), Hint: p.Hint, Kind: "textarea", Value: typed.Get("reason"), Required: true, Max: request.ReasonMost, Rows: 3}
	if reason.Hint == "" {
		reason.Hint = v.Say("ask.reason.hint")
	}
	page := ui.Prepared{About: p.About, Form: webui.SettingForm{
		Heading: p.Title, Lead: v.Say("ask.prepared.lead"), Back: NewPath + "?org=" + url.QueryEscape(string(in)), Kind: webui.Main, Submit: v.Say("ask.send"),
		Action: v.Request().URL.RequestURI(), Fields: []webui.Input{reason},
	}}
	for _, t := range p.Things {
		one := ui.PreparedThing{Value: t.Kind + ":" + t.Target, Title: t.Target}
		preview, err := h.Preview(v.Context(), who, h.wantedOf(in, p, t, "—"))
		trouble := fault.As(err)
		if err == nil {
			one.Title, trouble = preview.Target.Title+" ("+v.Say("ask.kind."+t.Kind)+")", preview.Trouble
		} else if trouble == nil {
			return err
		}
		if one.Note = told[one.Value]; one.Note == "" && trouble != nil {
			one.Note = v.Say("problem."+trouble.Code, trouble.Args.Pairs()...)
		}
		one.On = slices.Contains(typed["thing"], one.Value) && one.Note == ""
		page.Things = append(page.Things, one)
	}
	if f != nil {
		refuse(v, &page.Form, f)
		if len(f.Fields) == 0 {
			page.Error = v.Say("problem."+f.Code, f.Args.Pairs()...)
		}
	}
	return v.ShowStatus(status, p.Title, ui.ShowPrepared(page))
}

func (h asks) wantedOf(in id.Org, p request.Prepared, t request.Thing, reason string) request.Wanted {
	return request.Wanted{Org: in, Kind: t.Kind, Target: t.Target, Reason: reason, Length: time.Duration(p.Hours) * time.Hour}
}

// savePrepared asks for each thing that was chosen. What is refused is said, and
// what was sent is sent.
func (h asks) savePrepared(v *web.Visit) error {
	who, in, p, err := h.onePrepared(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	told, sent := map[string]string{}, 0
	var first *fault.Fault
	for _, t := range p.Things {
		name := t.Kind + ":" + t.Target
		if !slices.Contains(typed["thing"], name) {
			continue
		}
		_, err := h.Raise(v.Context(), who, h.wantedOf(in, p, t, strings.TrimSpace(typed.Get("reason"))))
		f := fault.As(err)
		switch {
		case err == nil:
			sent++
			told[name] = v.Say("ask.done.asked")
		case f == nil || f.Kind == fault.Busy:
			return err
		default:
			told[name] = v.Say("problem."+f.Code, f.Args.Pairs()...)
			if first == nil {
				first = f
			}
		}
	}
	if first == nil && sent == 0 {
		first = fault.New(fault.Invalid, "ask-nothing-chosen")
	}
	if first != nil {
		return h.preparedForm(v, who, in, p, typed, first, told, first.Status())
	}
	return v.See(request.Path + "?done=asked")
}
