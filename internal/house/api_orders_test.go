package house_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"

	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/secret"
)

// shop is a catalog to which the chief is connected: a simulated ServiceNow.
func (s *stage) shop() string {
	s.t.Helper()
	system, err := servicenow.New(servicenow.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	site := httptest.NewServer(system)
	s.t.Cleanup(func() { site.Close(); system.Close() })
	made := s.call("POST", "/organizations/"+s.ids["org"]+"/systems", string(raw(object{
		"definition": "servicenow", "name": "shop", "settings": object{"base_url": site.URL}, "mode": "user", "scheme": "oauth2_code", "client_id": "sekisho",
		"set_secrets": object{"client_secret": "a word between the two"}, "enabled": true, "networks": []string{"127.0.0.0/8"},
	})))
	which, callback := fmt.Sprint(made["id"]), fmt.Sprint(made["callback_url"])
	system.PutClient(servicenow.Client{ID: "sekisho", Secret: secret.Of("a word between the two"), Name: "Sekisho", Redirects: []string{callback}})
	at, err := url.Parse(s.chief.Get("/connect/" + which + "/start").Header.Get("Location"))
	if err != nil {
		s.t.Fatal(err)
	}
	q := at.Query()
	back := url.Values{"state": {q.Get("state")}, "code": {system.Code("chika", "sekisho", callback, q.Get("code_challenge"))}}
	if got := s.chief.Get("/connect/" + which + "/callback?" + back.Encode()); got.Status >= 400 {
		s.t.Fatalf("connect: %d %s", got.Status, got.Body)
	}
	s.goods = system.SysID("iPhone")
	return which
}

func (s *stage) goodsPath() string { return "/catalogs/" + s.ids["catalog"] + "/items/" + s.goods }

func (s *stage) goodsDigest() string { return fmt.Sprint(s.call("GET", s.goodsPath(), "")["digest"]) }
