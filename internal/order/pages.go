package order

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// ListPath is where people find their requests, NewPath where they order.
const (
	ListPath = "/orders"
	NewPath  = ListPath + "/new"
)

const (
	recentPath = ListPath + "/recent"
	itemPath   = NewPath + "/{system}/{item}"
	perPage    = 30
	recentMost = 3
)

// PathOf is the page of a request.
func PathOf(which id.Order) string { return ListPath + "/" + url.PathEscape(string(which)) }

func offerPath(system id.Connector, item string) string {
	return NewPath + "/" + url.PathEscape(string(system)) + "/" + url.PathEscape(item)
}

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	page := func(method, path string, handler web.Handler) {
		m.Page(web.Route{Method: method, Path: path, Permission: web.SignedIn}, handler)
	}
	page(http.MethodGet, ListPath, r.showList)
	page(http.MethodGet, recentPath, r.showRecent)
	page(http.MethodGet, NewPath, r.showCatalog)
	page(http.MethodGet, itemPath, r.showForm)
	page(http.MethodPost, itemPath, r.takeOrder)
	page(http.MethodGet, ListPath+"/{order}", r.showOne)
}

// looks is the person who looks at their requests: nobody else has any.
func (r *Room) looks(v *web.Visit) (id.Person, error) {
	who := v.Actor().Principal.Person()
	if who == "" {
		return "", fault.New(fault.Forbidden, "orders-are-peoples")
	}
	if r.Topic != nil {
		v.Follow(r.Topic(who))
	}
	if r.Here != nil {
		r.Here(v.Context(), who)
	}
	return who, nil
}

func (r *Room) topic(who id.Person) string {
	if r.Topic == nil {
		return "order"
	}
	return r.Topic(who)
}

func (r *Room) showList(v *web.Visit) error {
	who, err := r.looks(v)
	if err != nil {
		return err
	}
	done := v.Query("done") == "1"
	list, next, err := r.List(v.Context(), who, done, v.Query("cursor"), perPage)
	if err != nil {
		return err
	}
	page := ui.List{
		Heading: v.Say("order.list"), Lead: v.Say("order.list.lead"), Here: v.Request().URL.RequestURI(), Topic: r.topic(who), Done: done,
		Open: ListPath, Closed: ListPath + "?done=1", New: NewPath, None: v.Say("order.none"), NoneDo: v.Say("order.none.do"),
	}
	if done {
		page.None, page.NoneDo = v.Say("order.none.done"), v.Say("order.none.done.do")
	}
	if next != "" {
		q := url.Values{"cursor": {next}}
		if done {
			q.Set("done", "1")
		}
		page.After = ListPath + "?" + q.Encode()
	}
	for _, one := range list {
		page.Items = append(page.Items, item(v, one))
	}
	return v.Show(page.Heading, ui.ShowList(page))
}

// Panel is what the reader waits for, for the first page; nothing for who has
// neither requests nor a catalog.
func (r *Room) Panel(v *web.Visit, _ string) (templ.Component, error) {
	who := v.Actor().Principal.Person()
	if who == "" {
		return nil, nil
	}
	list, _, err := r.List(v.Context(), who, false, "", recentMost)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, nil
	}
	v.Follow(r.topic(who))
	page := ui.Recent{Here: recentPath, Topic: r.topic(who), All: ListPath, New: NewPath}
	for _, one := range list {
		page.Items = append(page.Items, item(v, one))
	}
	return ui.ShowRecent(page), nil
}

func (r *Room) showRecent(v *web.Visit) error {
	if _, err := r.looks(v); err != nil {
		return err
	}
	part, err := r.Panel(v, "")
	if err != nil {
		return err
	}
	if part == nil {
		part = templ.NopComponent
	}
	return v.Fragment(http.StatusOK, part)
}

func item(v *web.Visit, q Request) ui.Item {
	state, kind := badge(v, q)
	return ui.Item{
		Href: PathOf(q.ID), Title: q.Title, Number: q.Number, Source: q.Label, State: state, Kind: kind, Opened: q.Opened,
		Waits: strings.Join(waits(q), v.Say("order.comma")),
	}
}

// waits are the names of those whose approval is missing.
func waits(q Request) (names []string) {
	if q.closed() {
		return nil
	}
	for _, a := range q.Asked {
		if a.State == connector.Pending {
			names = append(names, a.Name)
		}
	}
	return names[:min(len(names), 3)]
}

var kinds = map[connector.State]string{
	connector.Waiting: "wait", connector.Approved: "good", connector.Rejected: "bad", connector.Pending: "wait", Gone: "bad",
}

// badge is where a request stands, in a word.
func badge(v *web.Visit, q Request) (text, kind string) {
	switch q.Way {
	case Sending:
		return v.Say("order.way.sending"), "wait"
	case Refused:
		return v.Say("order.way.refused"), "bad"
	}
	return v.Say("order.state." + string(q.State)), kinds[q.State]
}

// showCatalog is the search for what can be ordered, at one system at a time.
func (r *Room) showCatalog(v *web.Visit) error {
	who, err := r.looks(v)
	if err != nil {
		return err
	}
	all, err := r.Desk.Places(v.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Catalog{Action: NewPath, Text: v.Query("q"), Switch: r.Switch, None: v.Say("order.nothing"), NoneDo: v.Say("order.nothing.do")}
	for _, p := range all {
		switch {
		case p.Catalog && p.On:
			page.Systems = append(page.Systems, webui.Option{Value: string(p.System), Text: p.Title})
			if page.System == "" || string(p.System) == v.Query("system") {
				page.System = string(p.System)
			}
		case p.Catalog:
			page.Connect = append(page.Connect, ui.Connect{Title: p.Title, Organization: p.Organization})
		}
	}
	if page.System == "" {
		return v.Show(v.Say("order.new"), ui.ShowCatalog(page))
	}
	_, offers, err := r.Offers(v.Context(), who, id.Connector(page.System), page.Text, "")
	if f := fault.As(err); f != nil && f.Kind != fault.Broken {
		page.Problem, page.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	} else if err != nil {
		return err
	}
	for _, o := range offers {
		page.Offers = append(page.Offers, ui.Offer{
			Href: offerPath(id.Connector(page.System), o.ID), Title: cut(o.Title, lineMost), Text: cut(o.Description, lineMost),
			Category: cut(o.Category, lineMost), Price: cut(priceOf(o), 80),
		})
	}
	return v.Show(v.Say("order.new"), ui.ShowCatalog(page))
}

func (r *Room) showForm(v *web.Visit) error {
	who, err := r.looks(v)
	if err != nil {
		return err
	}
	offer, err := r.Offer(v.Context(), who, id.Connector(v.Path("system")), v.Path("item"))
	if err != nil {
		return err
	}
	return r.form(v, offer, url.Values{"key": {r.NewKey()}, "quantity": {"1"}}, nil)
}

// form shows an item with what was typed and what is wrong with it.
func (r *Room) form(v *web.Visit, o Offer, typed url.Values, bad *fault.Fault) error {
	page := ui.Form{
		SettingForm: webui.SettingForm{
			Heading: cut(o.Item.Title, lineMost), Lead: cut(o.Item.Description, textMost), Action: offerPath(o.Place.System, o.Item.ID),
			Back: NewPath + "?" + url.Values{"system": {string(o.Place.System)}}.Encode(), Submit: v.Say("order.send"), Kind: webui.Main,
		},
		Shared: sharedBy(v, o.Place), Source: o.Place.Title, Price: cut(priceOf(o.Item), 80), Category: cut(o.Item.Category, lineMost), Key: typed.Get("key"), Digest: o.Digest,
	}
	for _, field := range o.Item.Fields {
		page.Fields = append(page.Fields, inputOf(v, field, typed.Get(fieldPath(field.ID))))
	}
	page.Fields = append(page.Fields, webui.Input{
		Name: "quantity", Label: v.Say("order.quantity"), Kind: "number", Value: typed.Get("quantity"), Required: true, Half: true,
	})
	status := http.StatusOK
	if bad != nil {
		status = bad.Status()
		page.Problem, page.Do = v.Say("problem."+bad.Code, bad.Args.Pairs()...), v.Say("problem."+bad.Code+".do", bad.Args.Pairs()...)
		for _, one := range bad.Fields {
			if at := slices.IndexFunc(page.Fields, func(i webui.Input) bool { return i.Name == one.Path }); at >= 0 {
				page.Fields[at].Error = v.Say("problem."+one.Code, one.Args.Pairs()...)
			}
		}
	}
	v.Crumb(v.Say("order.new"), page.Back)
	return v.ShowStatus(status, page.Heading, ui.ShowForm(page))
}

// sharedBy says through whose connection an order goes that is not the reader's.
func sharedBy(v *web.Visit, p Place) string {
	if !p.Shared {
		return ""
	}
	return v.Say("order.shared", "organization", p.Organization)
}

// inputOf is a field of an item as a form shows it.
func inputOf(v *web.Visit, field connector.Input, typed string) webui.Input {
	in := webui.Input{Name: fieldPath(field.ID), Label: cut(field.Label, lineMost), Required: field.Min > 0, Value: typed, Max: most(field)}
	switch {
	case len(field.Options) > 0 || field.Format == "boolean":
		in.Kind, in.Max, in.Options = "select", 0, []webui.Option{{Text: v.Say("order.choose")}}
		for _, o := range field.Options[:min(len(field.Options), optionsMost)] {
			in.Options = append(in.Options, webui.Option{Value: o.Value, Text: cut(o.Label, lineMost)})
		}
		if len(field.Options) == 0 {
			in.Options = append(in.Options, webui.Option{Value: "true", Text: v.Say("order.yes")}, webui.Option{Value: "false", Text: v.Say("order.no")})
		}
	case field.Format == "number", field.Format == "date":
		in.Kind, in.Max = field.Format, 0
	case in.Max > 200 && field.Max > 200:
		in.Kind, in.Rows = "textarea", 3
	}
	return in
}

// takeOrder is the one way in which a page orders. A refusal shows the item as it
// is now, with what was typed; the form keeps its key.
func (r *Room) takeOrder(v *web.Visit) error {
	who, err := r.looks(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	w := Wish{System: id.Connector(v.Path("system")), Item: v.Path("item"), Key: typed.Get("key"), Digest: typed.Get("digest"), Values: map[string]string{}}
	w.Quantity, err = strconv.Atoi(cmp.Or(typed.Get("quantity"), "1"))
	if err != nil {
		w.Quantity = 0 // refused among the others
	}
	for name, values := range typed {
		if field, ok := strings.CutPrefix(name, "value."); ok && values[0] != "" {
			w.Values[field] = strings.ReplaceAll(values[0], "\r\n", "\n")
		}
	}
	q, err := r.Order(v.Context(), who, w)
	if err == nil {
		return v.See(PathOf(q.ID))
	}
	bad := fault.As(err)
	if bad == nil || bad.Kind != fault.Invalid && bad.Kind != fault.Conflict || bad.Code == "order-key-malformed" {
		return err
	}
	offer, err := r.Offer(v.Context(), who, w.System, w.Item)
	if err != nil {
		return err
	}
	if bad.Code == "order-key-taken" {
		typed.Set("key", r.NewKey())
	}
	return r.form(v, offer, typed, bad)
}

func (r *Room) showOne(v *web.Visit) error {
	who, err := r.looks(v)
	if err != nil {
		return err
	}
	q, err := r.Get(v.Context(), who, id.Order(v.Path("order")))
	if err != nil {
		return err
	}
	page := ui.One{
		Here: PathOf(q.ID), Topic: r.topic(who), Title: q.Title, Source: q.Label, URL: q.URL, Said: q.Said,
	}
	page.State, page.Kind = badge(v, q)
	if err := r.stands(v, q, &page); err != nil {
		return err
	}
	fact := func(key, value string) {
		if value != "" {
			page.Facts = append(page.Facts, webui.Detail{Key: v.Say(key), Value: webui.Text(value)})
		}
	}
	fact("order.number", q.Number)
	fact("order.native", q.Native)
	fact("order.price", q.Price)
	if q.Key != "" {
		fact("order.quantity", strconv.Itoa(q.Quantity))
		page.Again = offerPath(q.System, q.Item)
	}
	page.Facts = append(page.Facts, webui.Detail{Key: v.Say("order.opened"), Value: webui.Time(q.Opened)})
	for _, f := range q.Filled {
		page.Filled = append(page.Filled, webui.Detail{Key: f.Label, Value: webui.Text(f.Value)})
	}
	for _, a := range q.Asked {
		page.Asked = append(page.Asked, ui.Asked{Name: a.Name, State: v.Say("order.asked." + string(a.State)), Kind: kinds[a.State]})
	}
	for _, s := range q.Steps {
		page.Steps = append(page.Steps, webui.Step{Title: v.Say("order.step." + s.Name), At: s.At, Text: s.Text})
	}
	v.Crumb(v.Say("order.list"), ListPath)
	return v.Show(q.Title, ui.ShowOne(page))
}

// stands says in words how a request stands.
func (r *Room) stands(v *web.Visit, q Request, page *ui.One) error {
	s, err := r.StandOf(v.Context(), q)
	if err != nil {
		return err
	}
	switch {
	case q.Way == Refused:
		page.Sentence = v.Say("order.says.refused." + refusalWord(q.Why))
	case s.GivenUp:
		page.Sentence = v.Say("order.says.given-up", "system", q.Label)
	case s.Unclear:
		page.Sentence, page.Way = v.Say("order.says.unclear", "system", q.Label), v.Say("order.says.unclear.do")
		page.State, page.Kind = v.Say("order.way.unclear"), "bad"
	case s.Behind:
		page.Sentence = v.Say("order.says.behind", "system", q.Label)
	case q.Way == Sending:
		page.Sentence = v.Say("order.says.sending", "system", q.Label)
		if s.Waits != "" {
			page.Way = v.Say("order.says.waits", "system", q.Label)
		}
	case len(waits(q)) > 0:
		page.Sentence = v.Say("order.says.waiting", "names", strings.Join(waits(q), v.Say("order.comma")))
	}
	return nil
}

// refusals are the kinds of problems that have a sentence of their own.
var refusals = map[string]bool{"unauthorized": true, "forbidden": true, "invalid": true, "conflict": true, "notfound": true, "nosuchuser": true, "ambiguoususer": true}

func refusalWord(why string) string {
	if word := strings.ToLower(why); refusals[word] {
		return word
	}
	return "other"
}
