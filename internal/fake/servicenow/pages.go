package servicenow

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/words"
)

func (s *System) pageRoutes(mux *http.ServeMux) {
	s.site.Routes(mux)
	mux.HandleFunc("GET /{$}", s.site.Inside(s.showCatalog))
	mux.HandleFunc("GET /catalog/{category}", s.site.Inside(s.showCatalog))
	mux.HandleFunc("GET /item/{id}", s.site.Inside(s.showItem))
	mux.Handle("POST /item/{id}", s.site.Form(s.site.Inside(s.orderItem)))
	mux.HandleFunc("GET /cart", s.site.Inside(s.showCartPage))
	mux.Handle("POST /cart", s.site.Form(s.site.Inside(s.submitCart)))
	mux.HandleFunc("GET /requests", s.site.Inside(s.showRequests))
	mux.HandleFunc("GET /request/{number}", s.site.Inside(s.showRequest))
	mux.HandleFunc("GET /approvals", s.site.Inside(s.showApprovals))
	mux.Handle("POST /approval/{id}", s.site.Form(s.site.Inside(s.decideOnPage)))
	for _, table := range []string{"sysapproval_approver", "sc_request", "sc_req_item", "incident", "change_request", "task"} {
		mux.HandleFunc("GET /"+table+".do", s.site.Inside(s.record))
	}
	mux.HandleFunc("GET /oauth_auth.do", s.site.Inside(s.showConsent))
	mux.Handle("POST /oauth_auth.do", s.site.Form(s.answerConsent))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
	})
}

// record leads from the address of a record, such as
// /sysapproval_approver.do?sys_id=…, to its page.
func (s *System) record(w http.ResponseWriter, r *http.Request, _ string) {
	number, id := "", r.URL.Query().Get("sys_id")
	s.stage.Do(func() {
		if row := s.find("sysapproval_approver", "sys_id", id); row != nil {
			id = row["sysapproval"]
		}
		number = s.find("task", "sys_id", id)["number"]
	})
	if number == "" {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	http.Redirect(w, r, "/request/"+url.PathEscape(number), http.StatusSeeOther)
}

// tile is an item of the catalog as a page shows it.
type tile struct{ ID, Name, About, Price, Category, Asks string }

// inWords is an item in the language of a reader.
func (s *System) inWords(row Row, lang words.Lang) tile {
	t := tile{row["sys_id"], row["name"], row["short_description"], dollars(row["price"]), s.find("sc_category", "sys_id", row["category"])["title"], row["asks"]}
	if lang == words.Japanese {
		if row["ja"] != "" {
			t.Name = row["ja"]
		}
		if row["about_ja"] != "" {
			t.About = row["about_ja"]
		}
	}
	return t
}

func (s *System) showCatalog(w http.ResponseWriter, r *http.Request, _ string) {
	lang, category := s.site.Lang(r), r.PathValue("category")
	var tiles []tile
	var categories []string
	s.stage.Do(func() {
		for _, row := range s.tables["sc_category"] {
			categories = append(categories, row["title"])
		}
		for _, row := range s.tables["sc_cat_item"] {
			if t := s.inWords(row, lang); category == "" || t.Category == category {
				tiles = append(tiles, t)
			}
		}
	})
	if category != "" && !slices.Contains(categories, category) {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	s.site.Show(w, r, http.StatusOK, "catalog", "servicenow.catalog", map[string]any{"Items": tiles, "Categories": categories, "Category": category})
}

func (s *System) showItem(w http.ResponseWriter, r *http.Request, login string) {
	s.itemPage(w, r, login, http.StatusOK, "")
}

func (s *System) itemPage(w http.ResponseWriter, r *http.Request, _ string, status int, wrong string) {
	lang := s.site.Lang(r)
	var t tile
	s.stage.Do(func() {
		if row := s.find("sc_cat_item", "sys_id", r.PathValue("id")); row != nil {
			t = s.inWords(row, lang)
		}
	})
	if t.ID == "" {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	s.site.Show(w, r, status, "item", "servicenow.catalog", map[string]any{"Item": t, "Wrong": wrong, "Quantity": r.PostFormValue("quantity")})
}

// orderItem is the button Order Now.
func (s *System) orderItem(w http.ResponseWriter, r *http.Request, login string) {
	var to string
	refused := false
	s.stage.Do(func() {
		id := r.PathValue("id")
		variables := map[string]any{s.find("sc_cat_item", "sys_id", id)["asks"]: r.PostFormValue("asked")}
		one, no := s.lineOf(id, r.PostFormValue("quantity"), variables)
		switch {
		case no != nil:
			refused = true
		case s.switches.TwoStep:
			s.cart(login).Items = append(s.cart(login).Items, one)
			to = "/cart"
		default:
			s.as(login, func() { to = "/request/" + s.order(login, login, []line{one})["number"] + "?ordered=1" })
		}
	})
	if refused {
		s.itemPage(w, r, login, http.StatusBadRequest, "servicenow.order.wrong")
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *System) showCartPage(w http.ResponseWriter, r *http.Request, login string) {
	var c map[string]any
	s.stage.Do(func() { c = s.showCart(s.cart(login)) })
	s.site.Show(w, r, http.StatusOK, "cart", "servicenow.cart", c)
}

func (s *System) submitCart(w http.ResponseWriter, r *http.Request, login string) {
	to := "/cart"
	s.stage.Do(func() {
		items := s.cart(login).Items
		if len(items) > 0 {
			s.carts[login] = nil
			s.as(login, func() { to = "/request/" + s.order(login, login, items)["number"] + "?ordered=1" })
		}
	})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// entry is a request as a page shows it.
type entry struct {
	Request
	For, Sum, At string
	Rows         []rowEntry
	Lines        []Ordered
	Said         []said
}

type rowEntry struct {
	ID, Approver, State, Comments, Due, Decided string
	Mine                                        bool // who reads may decide it now
	About                                       *entry
}

type said struct{ By, Text, At string }

// entryOf shows a request to a reader.
func (s *System) entryOf(row Row, login string) entry {
	zone := s.zone(login)
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format("2006-01-02 15:04")
	}
	q := s.look(row)
	e := entry{Request: q, For: s.user(q.RequestedFor)["name"], Sum: dollars(q.Price), At: at(q.Opened)}
	for _, one := range q.Items {
		one.Price = dollars(one.Price)
		e.Lines = append(e.Lines, one)
	}
	for _, a := range q.Approvals {
		shown := rowEntry{ID: a.ID, Approver: s.user(a.Approver)["name"], State: a.State, Comments: a.Comments, Due: at(a.Due), Mine: a.Approver == login && a.State == "requested"}
		if slices.Contains(decisions, a.State) {
			shown.Decided = at(a.Updated)
		}
		e.Rows = append(e.Rows, shown)
	}
	for _, one := range s.tables["sys_journal_field"] {
		if one["element_id"] == q.ID && one["element"] == "comments" {
			e.Said = append(e.Said, said{s.user(one["sys_created_by"])["name"], one["value"], at(when(one["sys_created_on"]))})
		}
	}
	return e
}

func (s *System) showRequests(w http.ResponseWriter, r *http.Request, login string) {
	var all []entry
	s.stage.Do(func() {
		c := s.caller(login)
		for _, row := range slices.Backward(s.tables["sc_request"]) {
			if row["requested_for"] == c.id || row["opened_by"] == c.id {
				all = append(all, s.entryOf(row, login))
			}
		}
	})
	s.site.Show(w, r, http.StatusOK, "requests", "servicenow.requests", all)
}

func (s *System) showRequest(w http.ResponseWriter, r *http.Request, login string) {
	s.requestPage(w, r, login, r.PathValue("number"), http.StatusOK, "")
}

func (s *System) requestPage(w http.ResponseWriter, r *http.Request, login, number string, status int, wrong string) {
	var e entry
	s.stage.Do(func() {
		row := s.find("task", "number", number)
		if row != nil && s.reads(s.caller(login), row["sys_class_name"], row) {
			e = s.entryOf(row, login)
			s.looked[[2]string{login, number}] = s.stage.Clock.Now()
		}
	})
	if e.Number == "" {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	s.site.Show(w, r, status, "request", "servicenow.request", map[string]any{"Request": e, "Ordered": r.URL.Query().Get("ordered") != "", "Wrong": wrong})
}

func (s *System) showApprovals(w http.ResponseWriter, r *http.Request, login string) {
	var rows []rowEntry
	s.stage.Do(func() {
		me := s.user(login)["sys_id"]
		for _, row := range slices.Backward(s.tables["sysapproval_approver"]) {
			about := s.find("task", "sys_id", row["sysapproval"])
			if row["approver"] != me || about == nil {
				continue
			}
			e := s.entryOf(about, login)
			rows = append(rows, rowEntry{ID: row["sys_id"], State: row["state"], About: &e})
		}
	})
	s.site.Show(w, r, http.StatusOK, "approvals", "servicenow.approvals", rows)
}

// decideOnPage is who decides here, and not in the house.
func (s *System) decideOnPage(w http.ResponseWriter, r *http.Request, login string) {
	var number string
	a := fake.Answer{}
	s.stage.Do(func() {
		row := s.find("sysapproval_approver", "sys_id", r.PathValue("id"))
		if row == nil || row["approver"] != s.user(login)["sys_id"] {
			return
		}
		number = s.find("task", "sys_id", row["sysapproval"])["number"]
		s.as(login, func() {
			a = s.putRow(row, Row{"state": r.PostFormValue("state"), "comments": r.PostFormValue("comments")}, login)
		})
	})
	switch {
	case number == "":
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
	case a.Status >= http.StatusBadRequest:
		s.requestPage(w, r, login, number, http.StatusBadRequest, "servicenow.comments.wanted")
	default:
		http.Redirect(w, r, "/request/"+url.PathEscape(number), http.StatusSeeOther)
	}
}
