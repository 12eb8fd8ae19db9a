package servicenow

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fake"
)

// cart is what somebody has put aside.
type cart struct {
	ID    string
	Items []line
}

// line is one item in a cart or an order.
type line struct {
	ID, Item  string
	Quantity  int
	Variables string
}

const catalogPath = "/api/sn_sc/servicecatalog/"

func (s *System) catalogRoutes(mux *http.ServeMux) {
	for _, prefix := range []string{catalogPath, "/api/sn_sc/v1/servicecatalog/"} {
		read := func(path string, do func(r *http.Request, c caller) any) {
			mux.HandleFunc("GET "+prefix+path, s.signed(func(w http.ResponseWriter, r *http.Request, c caller) {
				a := noRecord()
				s.stage.Do(func() {
					if result := do(r, c); result != nil {
						a = fake.Answer{Body: map[string]any{"result": result}}
					}
				})
				a.Write(w)
			}))
		}
		read("catalogs", func(*http.Request, caller) any { return s.catalogs() })
		read("catalogs/{id}", s.oneCatalog)
		read("catalogs/{id}/categories", func(r *http.Request, _ caller) any { return s.categories(r.PathValue("id")) })
		read("items", s.itemList)
		read("items/{id}", s.oneItem)
		read("cart", func(_ *http.Request, c caller) any { return s.showCart(s.cart(c.login)) })
		mux.HandleFunc("POST "+prefix+"items/{id}/add_to_cart", s.signed(s.addToCart))
		mux.HandleFunc("POST "+prefix+"items/{id}/order_now", s.signed(s.orderNow))
		mux.HandleFunc("POST "+prefix+"cart/checkout", s.signed(s.checkout))
		mux.HandleFunc("POST "+prefix+"cart/submit_order", s.signed(s.submitOrder))
		mux.HandleFunc("DELETE "+prefix+"cart/{id}/empty", s.signed(s.emptyCart))
	}
}

func (s *System) catalogs() any {
	out := []map[string]any{}
	for _, row := range s.tables["sc_catalog"] {
		out = append(out, map[string]any{"sys_id": row["sys_id"], "title": row["title"], "description": row["description"], "has_categories": true, "has_items": true})
	}
	return out
}

func (s *System) oneCatalog(r *http.Request, _ caller) any {
	row := s.find("sc_catalog", "sys_id", r.PathValue("id"))
	if row == nil {
		return nil
	}
	return map[string]any{
		"sys_id": row["sys_id"], "title": row["title"], "description": row["description"], "has_categories": true, "has_items": true,
		"categories": s.categories(row["sys_id"]),
	}
}

func (s *System) categories(catalog string) any {
	out := []map[string]any{}
	for _, row := range s.tables["sc_category"] {
		if row["sc_catalog"] == catalog {
			out = append(out, map[string]any{"sys_id": row["sys_id"], "title": row["title"], "description": row["description"], "subcategories": []any{}})
		}
	}
	return out
}

func (s *System) itemList(r *http.Request, _ caller) any {
	asked := r.URL.Query()
	found := []map[string]any{}
	for _, row := range s.tables["sc_cat_item"] {
		fits := strings.Contains(strings.ToLower(row["name"]+" "+row["short_description"]), strings.ToLower(asked.Get("sysparm_text")))
		if category := asked.Get("sysparm_category"); fits && (category == "" || category == row["category"]) {
			found = append(found, s.item(row))
		}
	}
	offset, limit := number(asked.Get("sysparm_offset"), 0), number(asked.Get("sysparm_limit"), 10)
	return found[min(offset, len(found)):min(offset+limit, len(found))]
}

func (s *System) item(row Row) map[string]any {
	category := s.find("sc_category", "sys_id", row["category"])
	catalog := s.find("sc_catalog", "sys_id", category["sc_catalog"])
	return map[string]any{
		"sys_id": row["sys_id"], "name": row["name"], "short_description": row["short_description"], "description": "<p>" + row["short_description"] + "</p>",
		"price": dollars(row["price"]), "localized_price": dollars(row["price"]), "show_price": true, "type": "catalog_item", "sys_class_name": "sc_cat_item",
		"category": map[string]any{"sys_id": category["sys_id"], "title": category["title"]},
		"catalogs": []map[string]any{{"sys_id": catalog["sys_id"], "title": catalog["title"], "active": true}},
	}
}

func (s *System) oneItem(r *http.Request, _ caller) any {
	row := s.find("sc_cat_item", "sys_id", r.PathValue("id"))
	if row == nil {
		return nil
	}
	out := s.item(row)
	variables := []map[string]any{}
	if row["asks"] != "" {
		variables = append(variables, map[string]any{"name": row["asks"], "label": row["asks"], "friendly_type": "single_line_text", "type": 6, "mandatory": true, "value": ""})
	}
	out["variables"] = variables
	return out
}

// cart is the one of a login.
func (s *System) cart(login string) *cart {
	if s.carts[login] == nil {
		s.carts[login] = &cart{ID: fake.Hex(16)}
	}
	return s.carts[login]
}

func (s *System) showCart(c *cart) map[string]any {
	items, sum := []map[string]any{}, 0.0
	for _, one := range c.Items {
		row := s.find("sc_cat_item", "sys_id", one.Item)
		each, _ := strconv.ParseFloat(row["price"], 64)
		sum += each * float64(one.Quantity)
		items = append(items, map[string]any{
			"cart_item_id": one.ID, "catalog_item_id": one.Item, "item_name": row["name"], "quantity": strconv.Itoa(one.Quantity), "price": dollars(row["price"]),
		})
	}
	return map[string]any{"cart_id": c.ID, "subtotal_price": dollars(fmt.Sprint(sum)), "total_price": dollars(fmt.Sprint(sum)), "items": items}
}

// lineOf reads what is ordered of an item.
func (s *System) lineOf(item, quantity string, variables map[string]any) (line, *fake.Answer) {
	row := s.find("sc_cat_item", "sys_id", item)
	if row == nil {
		a := noRecord()
		return line{}, &a
	}
	n, err := strconv.Atoi(quantity)
	if quantity == "" {
		n, err = 1, nil
	}
	if err != nil || n < 1 || n > 100 {
		a := refuse(http.StatusBadRequest, "Invalid Quantity value", "")
		return line{}, &a
	}
	if row["asks"] != "" && !given(variables[row["asks"]]) {
		a := refuse(http.StatusBadRequest, "Mandatory Variables are required", row["asks"])
		return line{}, &a
	}
	var said []string
	for name, value := range variables {
		said = append(said, fmt.Sprint(name, ": ", value))
	}
	slices.Sort(said)
	return line{ID: fake.Hex(16), Item: item, Quantity: n, Variables: strings.Join(said, "\n")}, nil
}

func given(value any) bool { return value != nil && strings.TrimSpace(fmt.Sprint(value)) != "" }

// ordering is the body of an order.
type ordering struct {
	Quantity  any            `json:"sysparm_quantity"`
	For       string         `json:"sysparm_requested_for"`
	Variables map[string]any `json:"variables"`
}

// bought runs an order of the API: effect gets what the body says.
func (s *System) bought(w http.ResponseWriter, r *http.Request, c caller, effect func(ordering) fake.Answer) {
	var o ordering
	if err := fake.ReadJSON(r, &o); err != nil {
		refuse(http.StatusBadRequest, "Exception while reading request", "The payload is not valid JSON.").Write(w)
		return
	}
	body := fmt.Sprintf("quantity=%v for=%s", o.Quantity, o.For)
	s.stage.Written(w, r, fake.Write{By: c.login, Object: r.PathValue("id"), Body: body}, s.save, func(write *fake.Write) (a fake.Answer) {
		s.as(c.login, func() { a = effect(o) })
		return a
	})
}

func quantity(o ordering) string {
	if o.Quantity == nil {
		return ""
	}
	return fmt.Sprint(o.Quantity)
}

func (s *System) addToCart(w http.ResponseWriter, r *http.Request, c caller) {
	s.bought(w, r, c, func(o ordering) fake.Answer {
		one, refused := s.lineOf(r.PathValue("id"), quantity(o), o.Variables)
		if refused != nil {
			return *refused
		}
		s.cart(c.login).Items = append(s.cart(c.login).Items, one)
		return fake.Answer{Body: map[string]any{"result": s.showCart(s.cart(c.login))}}
	})
}

// orderNow orders one item at once; with two-step checkout it only puts it into
// the cart, and no request exists.
func (s *System) orderNow(w http.ResponseWriter, r *http.Request, c caller) {
	s.bought(w, r, c, func(o ordering) fake.Answer {
		one, refused := s.lineOf(r.PathValue("id"), quantity(o), o.Variables)
		if refused != nil {
			return *refused
		}
		who := c.login
		if o.For != "" {
			at := s.find("sys_user", "sys_id", o.For)
			if at == nil {
				return refuse(http.StatusBadRequest, "Invalid requested_for value", "")
			}
			who = at["user_name"]
		}
		if s.switches.TwoStep {
			s.cart(c.login).Items = append(s.cart(c.login).Items, one)
			return fake.Answer{Body: map[string]any{"result": map[string]any{"cart_id": s.cart(c.login).ID}}}
		}
		return orderedAnswer(s.order(c.login, who, []line{one}))
	})
}

// orderedAnswer is the answer to an order that made a request.
func orderedAnswer(request Row) fake.Answer {
	return fake.Answer{Body: map[string]any{"result": map[string]any{
		"sys_id": request["sys_id"], "number": request["number"], "request_number": request["number"], "request_id": request["sys_id"],
		"parent_id": nil, "parent_table": "task", "table": "sc_request",
	}}}
}

func (s *System) checkout(w http.ResponseWriter, r *http.Request, c caller) {
	s.bought(w, r, c, func(ordering) fake.Answer {
		if s.switches.TwoStep && len(s.cart(c.login).Items) > 0 {
			return fake.Answer{Body: map[string]any{"result": s.showCart(s.cart(c.login))}}
		}
		return s.orderCart(c)
	})
}

func (s *System) submitOrder(w http.ResponseWriter, r *http.Request, c caller) {
	s.bought(w, r, c, func(ordering) fake.Answer { return s.orderCart(c) })
}

func (s *System) orderCart(c caller) fake.Answer {
	items := s.cart(c.login).Items
	if len(items) == 0 {
		return refuse(http.StatusBadRequest, "Cart is empty", "")
	}
	s.carts[c.login] = nil
	return orderedAnswer(s.order(c.login, c.login, items))
}

func (s *System) emptyCart(w http.ResponseWriter, r *http.Request, c caller) {
	s.bought(w, r, c, func(ordering) fake.Answer {
		if s.cart(c.login).ID != r.PathValue("id") {
			return noRecord()
		}
		s.carts[c.login] = nil
		return fake.Answer{Status: http.StatusNoContent}
	})
}

// order makes a request with its items, and asks who must approve it.
func (s *System) order(by, who string, items []line) Row {
	now := stamp(s.stage.Clock.Now())
	opened, requested := s.user(by)["sys_id"], s.user(who)["sys_id"]
	request := s.insert("sc_request", Row{
		"active": "true", "state": "1", "approval": "requested", "request_state": "requested", "stage": "requested", "opened_by": opened, "opened_at": now,
		"requested_for": requested, "priority": "4", "urgency": "3", "impact": "3", "short_description": "",
	})
	sum := 0.0
	var names []string
	for _, one := range items {
		row := s.find("sc_cat_item", "sys_id", one.Item)
		each, _ := strconv.ParseFloat(row["price"], 64)
		sum += each * float64(one.Quantity)
		names = append(names, row["name"])
		s.insert("sc_req_item", Row{
			"request": request["sys_id"], "cat_item": one.Item, "short_description": row["name"], "quantity": strconv.Itoa(one.Quantity), "price": row["price"],
			"active": "true", "state": "1", "approval": "requested", "stage": "waiting_for_approval", "opened_by": opened, "opened_at": now, "requested_for": requested,
			"priority": "4", "variables": one.Variables,
		})
	}
	request["price"], request["short_description"] = strconv.FormatFloat(sum, 'f', 2, 64), strings.Join(names, ", ")
	need := s.switches.Need
	if need == "" {
		need = "any"
	}
	s.as("system", func() { s.ask(request, need, s.approversOf(who)) })
	return request
}
