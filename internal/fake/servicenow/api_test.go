package servicenow_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fake/servicenow"
)

func TestWhoIsRefused(t *testing.T) {
	d := open(t)
	q := d.ask()
	row := q.Approvals[0].ID
	for _, one := range []struct {
		name, who, method, path, body, message string
		status                                 int
	}{
		{"nobody", "", "GET", "/api/now/table/incident", "", "User Not Authenticated", 401},
		{"no such table", "aoi", "GET", "/api/now/table/sys_secret", "", "Invalid table sys_secret", 400},
		{"no such record", "aoi", "GET", "/api/now/table/sc_request/0123", "", "No Record found", 404},
		{"somebody else's request", "lena", "GET", "/api/now/table/sc_request/" + q.ID, "", "No Record found", 404},
		{"an approver who is not asked", "haruka", "PATCH", "/api/now/table/sysapproval_approver/" + row, `{"state":"approved"}`, "Operation Failed", 403},
		{"the requester", "aoi", "PATCH", "/api/now/table/sysapproval_approver/" + row, `{"state":"approved"}`, "Operation Failed", 403},
		{"a rejection without its reason", "botan", "PATCH", "/api/now/table/sysapproval_approver/" + row, `{"state":"rejected"}`, "Operation Failed", 403},
		{"no JSON", "botan", "PATCH", "/api/now/table/sysapproval_approver/" + row, `{"state":`, "Exception while reading request", 400},
		{"a request made by hand", "aoi", "POST", "/api/now/table/sc_request", `{}`, "Operation Failed", 403},
		{"a record removed", "aoi", "DELETE", "/api/now/table/sc_request/" + q.ID, "", "Operation Failed", 403},
		{"no such address", "aoi", "GET", "/api/now/nothing", "", "Requested URI does not represent any resource", 400},
		{"no such item", "aoi", "POST", "/api/sn_sc/servicecatalog/items/0123/order_now", `{"sysparm_quantity":"1"}`, "No Record found", 404},
		{"no quantity", "aoi", "POST", "/api/sn_sc/servicecatalog/items/" + d.SysID("iPhone") + "/order_now", `{"sysparm_quantity":"-1"}`, "Invalid Quantity value", 400},
		{"a variable that is wanted", "aoi", "POST", "/api/sn_sc/servicecatalog/items/" + d.SysID("VPN Access") + "/order_now", `{"sysparm_quantity":"1"}`, "Mandatory Variables are required", 400},
		{"an empty cart", "aoi", "POST", "/api/sn_sc/servicecatalog/cart/submit_order", ``, "Cart is empty", 400},
	} {
		t.Run(one.name, func(t *testing.T) {
			a := d.call(one.who, one.method, one.path, one.body)
			if a.status != one.status || at(a.body, "error", "message") != one.message || at(a.body, "status") != "failure" {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	if challenge := d.call("", "GET", "/api/now/table/incident", "").header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "BASIC") {
		t.Errorf("challenge %q", challenge)
	}
	if now := d.now(q.Number); now.Approval != "requested" || now.Approvals[0].State != "requested" || len(d.Requests()) != 1 {
		t.Errorf("something changed: %+v", now)
	}
}

func TestQueries(t *testing.T) {
	d := open(t)
	for _, title := range []string{"Printer jams", "Screen flickers", "Printer is out of paper"} {
		d.Open("incident", "aoi", servicenow.Row{"short_description": title, "urgency": "2"})
		d.clock.Advance(time.Second)
	}
	d.Open("incident", "fumi", servicenow.Row{"short_description": "Mouse squeaks"})
	for _, one := range []struct {
		query string
		want  []string
	}{
		{"short_description=printer jams", []string{"Printer jams"}},
		{"short_description!=Printer jams^ORDERBYshort_description", []string{"Mouse squeaks", "Printer is out of paper", "Screen flickers"}},
		{"short_descriptionLIKEpaper^ORshort_descriptionSTARTSWITHmouse", []string{"Printer is out of paper", "Mouse squeaks"}},
		{"short_descriptionSTARTSWITHPrinter^caller_id.user_name=aoi^ORDERBYDESCsys_created_on", []string{"Printer is out of paper", "Printer jams"}},
		{"short_descriptionLIKEpaper^NQurgency=3", []string{"Printer is out of paper", "Mouse squeaks"}},
		{"urgencyIN1,2^short_descriptionENDSWITHs", []string{"Printer jams", "Screen flickers"}},
		{"urgencyNOT IN1,2", []string{"Mouse squeaks"}},
		{"urgency>2", []string{"Mouse squeaks"}},
		{"sys_created_on<=2026-04-01 00:30:01^short_descriptionNOT LIKEscreen", []string{"Printer jams"}},
		{"cmdb_ciISNOTEMPTY", nil},
		{"cmdb_ciISEMPTY^caller_id.user_name!=aoi", []string{"Mouse squeaks"}},
		{"caller_id.user_name=javascript:gs.getUserName()", nil},
		{"caller_id=javascript:gs.getUserID()", nil},
	} {
		var got []string
		for _, row := range d.list("daichi", "incident", one.query, "sysparm_fields", "short_description").result() {
			got = append(got, at(row, "short_description"))
		}
		if diff := cmp.Diff(one.want, got); diff != "" {
			t.Errorf("%s: %s", one.query, diff)
		}
	}
	t.Run("who am I", func(t *testing.T) {
		rows := d.list("botan", "sys_user", "user_name=javascript:gs.getUserName()", "sysparm_fields", "sys_id,user_name,email").result()
		want := []map[string]any{{"sys_id": d.SysID("botan"), "user_name": "botan", "email": "botan@kaede.example"}}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("fields beside the query", func(t *testing.T) {
		a := d.call("daichi", "GET", "/api/now/table/sys_user?email=aoi%40kaede.example&sysparm_fields=user_name", "")
		if rows := a.result(); len(rows) != 1 || at(rows[0], "user_name") != "aoi" {
			t.Error(a.text)
		}
	})
	t.Run("below task", func(t *testing.T) {
		if rows := d.list("aoi", "task", "opened_by.email=aoi@kaede.example^active=true^ORDERBYDESCsys_created_on", "sysparm_limit", "1").result(); len(rows) != 1 || at(rows[0], "short_description") != "Printer is out of paper" || at(rows[0], "sys_class_name") != "incident" {
			t.Errorf("%v", rows)
		}
	})
}

// The trap: what is misspelt is left out, and more comes back.
func TestBadPartsOfAQueryGiveMore(t *testing.T) {
	d := open(t, "approvers=botan,daichi")
	d.ask()
	botan := d.SysID("botan")
	for _, one := range []struct {
		query string
		rows  int // of the two that there are
	}{
		{"aprover=" + botan + "^state=requested", 2},
		{"approver=" + botan + "^ORaprover=" + botan + "^ORDERBYnothing", 1},
		{"approver~" + botan, 2},
		{"approver=javascript:gs.everybody()", 2},
		{"approver.manager.nothing=x", 2},
		{"approver=" + botan + "^state", 1},
	} {
		d.turn("returns-no-rows=false")
		if a := d.list("botan", "sysapproval_approver", one.query); len(a.result()) != one.rows {
			t.Errorf("C2 %s: %d rows, want %d", one.query, len(a.result()), one.rows)
		}
		d.turn("returns-no-rows")
		if a := d.list("botan", "sysapproval_approver", one.query); len(a.result()) != 0 || a.status != 200 {
			t.Errorf("C2 %s with returns_no_rows: %s", one.query, a.text)
		}
	}
	d.turn("returns-no-rows=false")
	if a := d.call("botan", "GET", "/api/now/table/sysapproval_approver?aprover="+d.SysID("botan"), ""); len(a.result()) != 2 {
		t.Errorf("a misspelt field beside the query: %s", a.text)
	}
}

func TestPages(t *testing.T) {
	d := open(t)
	for range 7 {
		d.Open("incident", "aoi", servicenow.Row{"short_description": "x"})
	}
	a := d.list("aoi", "incident", "ORDERBYsys_id", "sysparm_limit", "3", "sysparm_offset", "3", "sysparm_fields", "sys_id")
	if len(a.result()) != 3 || a.header.Get("X-Total-Count") != "7" {
		t.Errorf("%d rows of %s", len(a.result()), a.header.Get("X-Total-Count"))
	}
	links := map[string]string{}
	for _, link := range strings.Split(a.header.Get("Link"), ",") {
		address, rel, _ := strings.Cut(link, ";rel=")
		links[strings.Trim(rel, `"`)] = strings.Trim(address, "<>")
	}
	seen := map[string]bool{}
	for _, rel := range []string{"first", "prev", "next", "last"} {
		if !strings.HasPrefix(links[rel], d.url+"/api/now/table/incident?") {
			t.Fatalf("link %s: %q", rel, links[rel])
		}
	}
	for _, rel := range []string{"first", "next"} {
		for _, row := range d.call("aoi", "GET", strings.TrimPrefix(links[rel], d.url), "").result() {
			seen[at(row, "sys_id")] = true
		}
	}
	for _, row := range a.result() {
		seen[at(row, "sys_id")] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d of 7 seen", len(seen))
	}
	if links["next"] != links["last"] || links["first"] != links["prev"] {
		t.Errorf("links %v", links)
	}
	if a := d.list("aoi", "incident", ""); a.header.Get("Link") != "" || len(a.result()) != 7 {
		t.Errorf("one page: %q", a.header.Get("Link"))
	}
	if a := d.list("aoi", "incident", "", "sysparm_offset", "99"); len(a.result()) != 0 || a.status != 200 {
		t.Errorf("behind the end: %s", a.text)
	}
}

func TestHowRecordsAreShown(t *testing.T) {
	d := open(t)
	q := d.ask()
	path := "/api/now/table/sc_request/" + q.ID + "?sysparm_fields=number,price,requested_for,approval,opened_at,active,cmdb_ci,requested_for.email,requested_for.manager.user_name,nothing"
	aoi := d.SysID("aoi")
	link := d.url + "/api/now/table/sys_user/" + aoi
	name := "相沢 葵 (Aoi Aizawa)"
	for _, one := range []struct {
		more string
		want map[string]any
	}{
		{"", map[string]any{
			"number": q.Number, "price": "1999.00", "requested_for": map[string]any{"link": link, "value": aoi}, "approval": "requested", "opened_at": "2026-04-01 00:30:00",
			"active": "true", "cmdb_ci": "", "requested_for.email": "aoi@kaede.example", "requested_for.manager.user_name": "botan",
		}},
		{"&sysparm_display_value=false&sysparm_exclude_reference_link=true", map[string]any{
			"number": q.Number, "price": "1999.00", "requested_for": aoi, "approval": "requested", "opened_at": "2026-04-01 00:30:00",
			"active": "true", "cmdb_ci": "", "requested_for.email": "aoi@kaede.example", "requested_for.manager.user_name": "botan",
		}},
		{"&sysparm_display_value=true", map[string]any{
			"number": q.Number, "price": "$1,999.00", "requested_for": map[string]any{"link": link, "display_value": name}, "approval": "Requested",
			"opened_at": "2026-04-01 09:30:00", "active": "true", "cmdb_ci": "", "requested_for.email": "aoi@kaede.example", "requested_for.manager.user_name": "botan",
		}},
		{"&sysparm_display_value=all", map[string]any{
			"number": map[string]any{"value": q.Number, "display_value": q.Number}, "price": map[string]any{"value": "1999.00", "display_value": "$1,999.00"},
			"requested_for": map[string]any{"link": link, "value": aoi, "display_value": name}, "approval": map[string]any{"value": "requested", "display_value": "Requested"},
			"opened_at": map[string]any{"value": "2026-04-01 00:30:00", "display_value": "2026-04-01 09:30:00"}, "active": map[string]any{"value": "true", "display_value": "true"},
			"cmdb_ci": map[string]any{"value": "", "display_value": ""}, "requested_for.email": map[string]any{"value": "aoi@kaede.example", "display_value": "aoi@kaede.example"},
			"requested_for.manager.user_name": map[string]any{"value": "botan", "display_value": "botan"},
		}},
	} {
		a := d.call("aoi", "GET", path+one.more, "")
		if diff := cmp.Diff(one.want, a.one()); diff != "" {
			t.Errorf("%s: %s", one.more, diff)
		}
	}
	t.Run("a link leads to its record", func(t *testing.T) {
		if a := d.call("aoi", "GET", strings.TrimPrefix(link, d.url), ""); at(a.one(), "user_name") != "aoi" {
			t.Error(a.text)
		}
	})
	t.Run("times in the zone of the caller", func(t *testing.T) {
		other := d.Open("incident", "lena", servicenow.Row{})
		if a := d.call("lena", "GET", "/api/now/table/incident/"+other.ID+"?sysparm_display_value=true", ""); at(a.one(), "opened_at") != "2026-04-01 02:30:00" {
			t.Error(a.text)
		}
	})
	t.Run("all values are text", func(t *testing.T) {
		for _, row := range d.list("chika", "sc_req_item", "", "sysparm_exclude_reference_link", "true").result() {
			for field, value := range row {
				if _, is := value.(string); !is {
					t.Errorf("%s is %T", field, value)
				}
			}
		}
	})
}

func TestTicketsAreOpenedAndSpokenOf(t *testing.T) {
	d := open(t)
	a := d.call("aoi", "POST", "/api/now/table/incident", `{"short_description":"Screen flickers","caller_id":"fumi","correlation_id":"ask-7","urgency":2}`)
	number := at(a.one(), "number")
	if a.status != http.StatusCreated || !strings.HasPrefix(number, "INC00") || !strings.HasSuffix(a.header.Get("Location"), at(a.one(), "sys_id")) {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if q := d.now(number); q.RequestedFor != "fumi" || q.Correlation != "ask-7" {
		t.Errorf("%+v", q)
	}
	path := "/api/now/table/incident/" + at(a.one(), "sys_id")
	if a := d.call("aoi", "PATCH", path, `{"comments":"It is worse now"}`); a.status != 200 || at(a.one(), "comments") != "" {
		t.Errorf("a journal is not given back: %s", a.text)
	}
	if a := d.call("aoi", "PATCH", path, `{"work_notes":"x"}`); a.status != 403 {
		t.Errorf("work notes by the requester: %d", a.status)
	}
	if a := d.call("daichi", "PATCH", path, `{"work_notes":"Cable","state":"6","sys_created_by":"me"}`); a.status != 200 || at(a.one(), "state") != "6" || at(a.one(), "sys_created_by") != "aoi" {
		t.Errorf("%s", a.text)
	}
	want := []servicenow.Comment{{By: "aoi", Element: "comments", Text: "It is worse now", At: d.clock.Now()}, {By: "daichi", Element: "work_notes", Text: "Cable", At: d.clock.Now()}}
	if diff := cmp.Diff(want, d.Comments(number)); diff != "" {
		t.Error(diff)
	}
	entries := d.list("aoi", "sys_journal_field", "element_id="+at(a.one(), "sys_id"), "sysparm_fields", "element,value").result()
	if diff := cmp.Diff([]map[string]any{{"element": "comments", "value": "It is worse now"}}, entries); diff != "" {
		t.Errorf("the requester reads: %s", diff)
	}
	shown := d.call("daichi", "GET", path+"?sysparm_display_value=all&sysparm_fields=comments,cmdb_ci", "").one()
	if text := at(shown, "comments", "display_value"); !strings.Contains(text, "(Additional comments)\nIt is worse now") || at(shown, "comments", "value") != "" {
		t.Errorf("%v", shown)
	}
}

func TestCatalog(t *testing.T) {
	d := open(t)
	catalogs := d.call("aoi", "GET", "/api/sn_sc/servicecatalog/catalogs", "").result()
	one := d.call("aoi", "GET", "/api/sn_sc/servicecatalog/catalogs/"+at(catalogs[0], "sys_id"), "").one()
	hardware := d.SysID("Hardware")
	if !strings.Contains(at(one["categories"].([]any)[0], "title"), "Hardware") {
		t.Errorf("%v", one)
	}
	items := d.call("aoi", "GET", "/api/sn_sc/servicecatalog/items?sysparm_limit=2&sysparm_offset=1&sysparm_category="+hardware, "").result()
	if len(items) != 2 || at(items[0], "name") != "Developer Laptop" || at(items[0], "localized_price") != "$2,480.00" || at(items[0], "category", "sys_id") != hardware {
		t.Errorf("%v", items)
	}
	item := d.call("aoi", "GET", "/api/sn_sc/servicecatalog/items/"+d.SysID("VPN Access"), "").one()
	if len(item["variables"].([]any)) != 1 {
		t.Errorf("%v", item)
	}
	order := func(path, body string) answer {
		return d.call("aoi", "POST", "/api/sn_sc/servicecatalog/"+path, body)
	}
	t.Run("one shot", func(t *testing.T) {
		a := order("items/"+d.SysID("Macbook Pro")+"/order_now", `{"sysparm_quantity":"2","sysparm_requested_for":"`+d.SysID("fumi")+`"}`)
		q := d.now(at(a.one(), "request_number"))
		want := servicenow.Request{
			Table: "sc_request", ID: at(a.one(), "request_id"), Number: at(a.one(), "number"), Approval: "requested", State: "1", Title: "Macbook Pro", Price: "3998.00",
			RequestedFor: "fumi", Opened: d.clock.Now(),
			Items:     []servicenow.Ordered{{Number: q.Items[0].Number, Name: "Macbook Pro", Quantity: "2", Price: "1999.00", Stage: "waiting_for_approval"}},
			Approvals: []servicenow.Approval{{ID: q.Approvals[0].ID, Approver: "botan", State: "requested", Due: d.clock.Now().Add(72 * time.Hour), Updated: d.clock.Now()}},
		}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("by the cart", func(t *testing.T) {
		order("items/"+d.SysID("iPhone")+"/add_to_cart", `{"sysparm_quantity":2}`)
		cart := order("items/"+d.SysID("VPN Access")+"/add_to_cart", `{"variables":{"reason":"home"}}`).one()
		if at(cart, "subtotal_price") != "$1,798.00" {
			t.Errorf("%v", cart)
		}
		q := d.now(at(order("cart/checkout", "").one(), "request_number"))
		if len(q.Items) != 2 || q.Price != "1798.00" || q.Title != "iPhone, VPN Access" {
			t.Errorf("%+v", q)
		}
		if cart := d.call("aoi", "GET", "/api/sn_sc/servicecatalog/cart", "").one(); len(cart["items"].([]any)) != 0 {
			t.Errorf("%v", cart)
		}
	})
	t.Run("C7 two-step checkout makes no request", func(t *testing.T) {
		d.turn("two-step")
		before := len(d.Requests())
		a := order("items/"+d.SysID("iPhone")+"/order_now", `{"sysparm_quantity":"1"}`)
		if diff := cmp.Diff([]string{"cart_id"}, keys(a.one())); diff != "" || len(d.Requests()) != before {
			t.Errorf("%s %d", diff, len(d.Requests()))
		}
		if a := order("cart/checkout", ""); at(a.one(), "request_number") != "" || len(d.Requests()) != before {
			t.Errorf("checkout ordered: %s", a.text)
		}
		if q := d.now(at(order("cart/submit_order", "").one(), "request_number")); q.Title != "iPhone" {
			t.Errorf("%+v", q)
		}
		cart := at(order("items/"+d.SysID("iPhone")+"/order_now", `{}`).one(), "cart_id")
		if a := d.call("aoi", "DELETE", "/api/sn_sc/servicecatalog/cart/"+cart+"/empty", ""); a.status != 204 {
			t.Errorf("%d", a.status)
		}
		if a := order("cart/submit_order", ""); a.status != 400 {
			t.Errorf("an empty cart was ordered: %s", a.text)
		}
	})
}

func keys(m map[string]any) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestMailsOfPeople(t *testing.T) {
	d := open(t)
	find := func() []map[string]any {
		return d.list("chika", "sys_user", "email=Botan@kaede.example^active=true", "sysparm_fields", "user_name,email").result()
	}
	if rows := find(); len(rows) != 1 {
		t.Errorf("C5 compared with regard to case: %v", rows)
	}
	d.turn("mail-case")
	if rows := find(); len(rows) != 1 || at(rows[0], "email") != "BOTAN@KAEDE.EXAMPLE" {
		t.Errorf("C5 %v", rows)
	}
	d.turn("duplicate-mail")
	if rows := find(); len(rows) != 2 {
		t.Errorf("C5 %v", rows)
	}
	d.turn("duplicate-mail=false")
	d.turn("mail-case=false")
	if rows := find(); len(rows) != 1 || at(rows[0], "email") != "botan@kaede.example" {
		t.Errorf("C5 put back: %v", rows)
	}
}

func TestSwitchesAreNamed(t *testing.T) {
	d := open(t)
	for _, wrong := range []string{"nothing=1", "workflow=soon", "need", "two-step=perhaps", "broken=x"} {
		if err := d.Turn(wrong); (err == nil) != (wrong == "need") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
