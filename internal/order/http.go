package order

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

type (
	askedBody struct {
		Name  string `json:"name" doc:"As the system writes it"`
		State string `json:"state" doc:"pending, approved, rejected, cancelled or unknown"`
	}
	orderStep struct {
		Name string    `json:"name" doc:"ordered, placed, refused, found or state.STATE"`
		At   time.Time `json:"at" doc:"When it was seen here"`
		Text string    `json:"text,omitempty" doc:"The system's own word"`
	}
	orderBody struct {
		ID       string      `json:"id" doc:"Identifier of the request here"`
		Org      string      `json:"org" doc:"Organization that the system belongs to"`
		System   string      `json:"system" doc:"Identifier of the system"`
		Source   string      `json:"source" doc:"How people call the system"`
		Way      string      `json:"way" doc:"there, sending, refused, or unclear: it may have arrived"`
		State    string      `json:"state" doc:"open, waiting, approved, rejected, closed, cancelled, gone or unknown"`
		Native   string      `json:"native_state,omitempty" doc:"The system's own word"`
		Number   string      `json:"number,omitempty" doc:"As the system calls it; left out until it has one"`
		URL      string      `json:"url,omitempty" doc:"The request at its system"`
		Title    string      `json:"title" doc:"Plain text"`
		Item     string      `json:"item,omitempty" doc:"Of the catalog, of one that was ordered here"`
		Quantity int         `json:"quantity,omitempty" doc:"Of one that was ordered here"`
		Price    string      `json:"price,omitempty" doc:"Of one, as the system wrote it"`
		Why      string      `json:"why,omitempty" doc:"Kind of problem, of one that was refused"`
		Said     string      `json:"said,omitempty" doc:"The system's own words about it"`
		Asked    []askedBody `json:"asked" doc:"Who is asked to approve it"`
		Steps    []orderStep `json:"steps" doc:"What happened, the oldest first"`
		Opened   time.Time   `json:"opened" doc:"When it was made"`
		Version  int64       `json:"version" doc:"Raised by each change"`
	}
	ordersInput struct {
		Done   bool   `query:"done" doc:"Those that are closed"`
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Requests on a page"`
	}
	// OrderList is a page of requests.
	OrderList struct {
		Items []orderBody `json:"items" doc:"The newest first"`
		Next  string      `json:"next,omitempty" doc:"Cursor of the next page"`
	}
	ordersOutput struct{ Body OrderList }
	orderInput   struct {
		Order string `path:"order" doc:"Identifier of the request here"`
	}
	orderOutput struct{ Body orderBody }

	catalogBody struct {
		System       string `json:"system" doc:"Identifier of the system"`
		Title        string `json:"title" doc:"As people call it"`
		Organization string `json:"organization" doc:"Identifier of the organization that it belongs to"`
		Connected    bool   `json:"connected" doc:"The caller has switched it on, or orders through the organization's connection"`
		Shared       bool   `json:"shared,omitempty" doc:"Orders go through the organization's connection, in the caller's name"`
	}
	catalogsOutput struct {
		Body struct {
			Items []catalogBody `json:"items" doc:"Systems with a catalog"`
		}
	}
	optionBody struct {
		Value string `json:"value" doc:"What is sent"`
		Label string `json:"label" doc:"What people read"`
	}
	itemField struct {
		ID      string       `json:"id" doc:"Name of the value in an order"`
		Label   string       `json:"label" doc:"As the system calls it"`
		Format  string       `json:"format" doc:"text, number, date, select or boolean"`
		Min     int          `json:"min,omitempty" doc:"Characters; 1 makes it compulsory"`
		Max     int          `json:"max,omitempty" doc:"Characters"`
		Options []optionBody `json:"options" doc:"What can be chosen"`
	}
	itemBody struct {
		ID       string      `json:"id" doc:"Identifier at the system"`
		Title    string      `json:"title" doc:"Plain text"`
		Text     string      `json:"text,omitempty" doc:"Plain text"`
		Category string      `json:"category,omitempty" doc:"As the system calls it"`
		Price    string      `json:"price,omitempty" doc:"Of one, as the system writes it"`
		Fields   []itemField `json:"fields" doc:"What an order asks; of a single item"`
		Digest   string      `json:"digest,omitempty" doc:"Of a single item; an order sends it back"`
	}
	itemsInput struct {
		Catalog  string `path:"catalog" doc:"Identifier of the system"`
		Text     string `query:"text" maxLength:"80" doc:"Narrows the list"`
		Category string `query:"category" maxLength:"200" doc:"Narrows the list, where the system knows categories"`
	}
	itemsOutput struct {
		Body struct {
			Items []itemBody `json:"items" doc:"As the system orders them"`
		}
	}
	itemInput struct {
		Catalog string `path:"catalog" doc:"Identifier of the system"`
		Item    string `path:"item" doc:"Identifier of the item at the system"`
	}
	itemOutput     struct{ Body itemBody }
	sendOrderInput struct {
		Catalog string `path:"catalog" doc:"Identifier of the system"`
		Item    string `path:"item" doc:"Identifier of the item at the system"`
		Body    struct {
			Key      string            `json:"key" minLength:"26" maxLength:"26" pattern:"^[0-9a-hjkmnp-tv-z]{26}$" doc:"Made up by the caller, 26 characters of lower-case Crockford base32; sent again it is the same order"`
			Digest   string            `json:"digest" doc:"Of the item as it was read"`
			Quantity int               `json:"quantity,omitempty" minimum:"1" maximum:"99" default:"1" doc:"How many"`
			Values   map[string]string `json:"values,omitempty" doc:"By field of the item"`
		}
	}
)

//go:embed examples.json
var examples []byte

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"orders"}}
	}
	route := web.Route{Permission: web.SignedIn}
	web.API(m, route, op(http.MethodGet, "/orders", "list-orders", "The caller's own requests at outside systems"), r.apiList)
	web.API(m, route, op(http.MethodGet, "/orders/{order}", "get-order", "One request, with who is asked to approve it"), r.apiOne)
	web.API(m, route, op(http.MethodGet, "/catalogs", "list-catalogs", "Systems at which the caller can order, or could once they have switched them on"), r.apiCatalogs)
	web.API(m, route, op(http.MethodGet, "/catalogs/{catalog}/items", "list-catalog-items", "What a system offers"), r.apiItems)
	web.API(m, route, op(http.MethodGet, "/catalogs/{catalog}/items/{item}", "get-catalog-item", "One item, with its fields and the digest that an order needs"), r.apiItem)
	send := op(http.MethodPost, "/catalogs/{catalog}/items/{item}/order", "order-item", "Order an item; it is on its way when this returns")
	send.Security = web.SessionOnly
	web.API(m, route, send, r.apiOrder)
}

// caller is the person whose requests are asked for.
func caller(ctx context.Context) (id.Person, error) {
	if who := web.ActorOf(ctx).Principal.Person(); who != "" {
		return who, nil
	}
	return "", fault.New(fault.Forbidden, "orders-are-peoples")
}

func (r *Room) apiList(ctx context.Context, in *ordersInput) (*ordersOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := r.List(ctx, who, in.Done, in.Cursor, in.Limit)
	out := &ordersOutput{Body: OrderList{Items: []orderBody{}, Next: next}}
	for _, q := range list {
		out.Body.Items = append(out.Body.Items, bodyOf(q, Stand{}))
	}
	return out, err
}

func (r *Room) apiOne(ctx context.Context, in *orderInput) (*orderOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	q, err := r.Get(ctx, who, id.Order(in.Order))
	if err != nil {
		return nil, err
	}
	s, err := r.StandOf(ctx, q)
	return &orderOutput{bodyOf(q, s)}, err
}

func (r *Room) apiCatalogs(ctx context.Context, _ *struct{}) (*catalogsOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.Desk.Places(ctx, who)
	out := &catalogsOutput{}
	out.Body.Items = []catalogBody{}
	for _, p := range all {
		if p.Catalog {
			out.Body.Items = append(out.Body.Items, catalogBody{System: string(p.System), Title: p.Title, Organization: string(p.Org), Connected: p.On, Shared: p.Shared})
		}
	}
	return out, err
}

func (r *Room) apiItems(ctx context.Context, in *itemsInput) (*itemsOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	_, all, err := r.Offers(ctx, who, id.Connector(in.Catalog), in.Text, in.Category)
	out := &itemsOutput{}
	out.Body.Items = []itemBody{}
	for _, one := range all {
		out.Body.Items = append(out.Body.Items, itemOf(one))
	}
	return out, err
}

func (r *Room) apiItem(ctx context.Context, in *itemInput) (*itemOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	o, err := r.Offer(ctx, who, id.Connector(in.Catalog), in.Item)
	out := &itemOutput{itemOf(o.Item)}
	out.Body.Digest = o.Digest
	return out, err
}

func (r *Room) apiOrder(ctx context.Context, in *sendOrderInput) (*orderOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if web.ActorOf(ctx).Token { // who orders is present
		return nil, fault.New(fault.Forbidden, "person-must-be-present")
	}
	w := Wish{System: id.Connector(in.Catalog), Item: in.Item, Quantity: max(in.Body.Quantity, 1), Values: in.Body.Values, Key: in.Body.Key, Digest: in.Body.Digest}
	q, err := r.Order(ctx, who, w)
	if err != nil {
		return nil, err
	}
	return &orderOutput{bodyOf(q, Stand{})}, nil
}

func itemOf(i connector.Item) itemBody {
	b := itemBody{
		ID: i.ID, Title: cut(i.Title, lineMost), Text: cut(i.Description, textMost), Category: cut(i.Category, lineMost), Price: cut(priceOf(i), 80),
		Fields: []itemField{},
	}
	for _, f := range i.Fields {
		field := itemField{ID: f.ID, Label: cut(f.Label, lineMost), Format: f.Format, Min: f.Min, Max: most(f), Options: []optionBody{}}
		for _, o := range f.Options {
			field.Options = append(field.Options, optionBody(o))
		}
		b.Fields = append(b.Fields, field)
	}
	return b
}

func bodyOf(q Request, s Stand) orderBody {
	b := orderBody{
		ID: string(q.ID), Org: string(q.Org), System: string(q.System), Source: q.Label, Way: string(q.Way), State: string(q.State), Native: q.Native,
		Number: q.Number, URL: q.URL, Title: q.Title, Item: q.Item, Quantity: q.Quantity, Price: q.Price, Why: q.Why, Said: q.Said,
		Asked: []askedBody{}, Steps: []orderStep{}, Opened: q.Opened, Version: q.Version,
	}
	switch {
	case s.Unclear:
		b.Way = "unclear"
	case q.Way == There:
		b.Way = "there"
	}
	for _, a := range q.Asked {
		b.Asked = append(b.Asked, askedBody{a.Name, string(a.State)})
	}
	for _, step := range q.Steps {
		b.Steps = append(b.Steps, orderStep(step))
	}
	return b
}
