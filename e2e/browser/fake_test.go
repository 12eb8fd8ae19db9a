package browser_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/secret"
)

// outside is a simulator on a port, with a window of somebody who is signed in.
type outside struct {
	url      string
	password func(string) secret.Text
}

func listening(t *testing.T, s interface {
	http.Handler
	Password(string) secret.Text
	Close()
},
) outside {
	t.Helper()
	l, err := fake.Listen("", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		_ = l.Close()
	})
	return outside{l.URL, s.Password}
}

func (o outside) as(t *testing.T, login string) *tab {
	t.Helper()
	b := open(t, nil)
	b.site = o.url
	if login != "" {
		b.visit("/login")
		b.do(typed("login", login), typed("password", o.password(login).Reveal()))
		b.press("main button")
	}
	return b
}

// window is whose window shows a page.
type window struct {
	who *tab
	place
}

// nowPages are the pages of ServiceNow: the story of a notebook, and what goes
// wrong.
func nowPages(t *testing.T) []window {
	t.Helper()
	s, err := servicenow.New(servicenow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := listening(t, s)
	client := s.AddClient("Sekisho (production)", o.url+"/callback")
	aoi, botan, lena, nobody := o.as(t, "aoi"), o.as(t, "botan"), o.as(t, "lena"), o.as(t, "")
	aoi.visit("/item/" + s.SysID("Macbook Pro"))
	aoi.press("main form button") // Order Now
	for _, item := range []string{"iPhone", "27-inch Display"} {
		if _, err := s.Order("aoi", item, 2); err != nil {
			t.Fatal(err)
		}
	}
	all := s.Requests()
	if err := s.Decide(all[1].Approvals[0].ID, "botan", "approved", ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(all[2].Approvals[0].ID, "botan", "rejected", "The old one is a year old. Ask again in spring, please."); err != nil {
		t.Fatal(err)
	}
	page := func(who *tab, name, path string, status int) window {
		return window{who, place{"now-" + name, path, false, status}}
	}
	s.Set(func(all *servicenow.Switches) { all.TwoStep = true })
	lena.visit("/item/" + s.SysID("Developer Laptop"))
	lena.press("main form button")
	return []window{
		page(nobody, "login", "/login", 200), page(aoi, "catalog", "/", 200), page(aoi, "hardware", "/catalog/Hardware", 200),
		page(aoi, "item", "/item/"+s.SysID("Macbook Pro"), 200), page(aoi, "item-asks", "/item/"+s.SysID("VPN Access"), 200),
		page(aoi, "requests", "/requests", 200), page(aoi, "ordered", "/request/"+all[0].Number+"?ordered=1", 200), page(aoi, "approved", "/request/"+all[1].Number, 200),
		page(aoi, "rejected", "/request/"+all[2].Number, 200), page(botan, "decide", "/request/"+all[0].Number, 200), page(botan, "approvals", "/approvals", 200),
		page(lena, "requests-none", "/requests", 200), page(lena, "approvals-none", "/approvals", 200), page(lena, "cart", "/cart", 200), page(aoi, "cart-none", "/cart", 200),
		page(botan, "consent", "/oauth_auth.do?response_type=code&client_id="+client.ID+"&redirect_uri="+o.url+"/callback", 200),
		page(botan, "consent-wrong", "/oauth_auth.do?client_id=x", 400), page(aoi, "missing", "/nothing", 404),
	}
}

// jiraPages are the pages of Jira: a request that waits, one in its second
// stage, and what goes wrong.
func jiraPages(t *testing.T) []window {
	t.Helper()
	s, err := jira.New(jira.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := listening(t, s)
	app := s.AddApp("Sekisho (production)", o.url+"/callback")
	aoi, botan, lena := o.as(t, "aoi"), o.as(t, "botan"), o.as(t, "lena")
	const form = "/kaede/servicedesk/customer/portal/1/create/10"
	aoi.visit(form)
	aoi.do(typed("summary", "Root on db01 for the update of the database"), chromedp.SetValue(`[name="customfield_10050"]`, "db01"))
	aoi.press("main form button")
	change, err := s.Raise("kaede", "Emergency change", "aoi", map[string]any{"summary": "Replace a disk", "customfield_10060": []any{"db01", "web01"}, "customfield_10062": 30})
	if err == nil {
		err = s.Decide(change.Key, "botan", "approved")
	}
	if err == nil {
		err = s.Say(change.Key, "botan", "Tonight, after the backup.\nCall me when it is done.", true)
	}
	if err != nil {
		t.Fatal(err)
	}
	page := func(who *tab, name, path string, status int) window {
		return window{who, place{"jira-" + name, path, false, status}}
	}
	const portal = "/kaede/servicedesk/customer/portal/1/"
	return []window{
		page(aoi, "portals", "/", 200), page(botan, "portals-two", "/", 200), page(aoi, "form", form, 200), page(aoi, "raised", portal+"OPS-1?raised=1", 200),
		page(aoi, "stages", portal+change.Key, 200), page(botan, "decide", portal+"OPS-1", 200), page(aoi, "requests", "/requests", 200), page(botan, "approvals", "/approvals", 200),
		page(lena, "requests-none", "/requests", 200), page(lena, "missing", portal+"OPS-1", 404),
		page(botan, "consent", "/authorize?audience=api.atlassian.com&response_type=code&client_id="+app.ID+"&redirect_uri="+o.url+"/callback&scope=read:servicedesk-request%20write:servicedesk-request%20read:jira-user%20offline_access", 200),
	}
}

func TestEveryPageOfTheSimulators(t *testing.T) {
	for _, p := range append(nowPages(t), jiraPages(t)...) {
		p.who.law(p.place)
	}
}

// TestPicturesOfTheSimulators puts a picture of every page into the folder
// -pictures.
func TestPicturesOfTheSimulators(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	for _, p := range append(nowPages(t), jiraPages(t)...) {
		p.who.album(p.name, func() { p.who.visit(p.path) })
	}
}
