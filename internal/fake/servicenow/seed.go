package servicenow

import (
	"embed"
	"encoding/json"
	"strings"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/secret"
)

//go:embed catalog.json
var seeds embed.FS

// Item is something that can be ordered.
type Item struct {
	Name     string `json:"name"`
	About    string `json:"about"`
	Ja       string `json:"ja"`       // name in Japanese, or "" for the same
	AboutJa  string `json:"about_ja"` // in Japanese
	Category string `json:"category"`
	Price    string `json:"price"` // "1299.99"
	Asks     string `json:"asks"`  // name of a variable that must be given, or ""
}

// Catalog is what Kaede Trading can order.
func Catalog() (items []Item, err error) {
	text, err := seeds.ReadFile("catalog.json")
	if err != nil {
		return nil, err
	}
	return items, json.Unmarshal(text, &items)
}

// seed fills an empty instance.
func (s *System) seed(people []fake.Person, items []Item) {
	for _, p := range people {
		if p.Password.Empty() {
			p.Password = secret.Of(fake.Token(9))
		}
		s.people[p.Login], s.passwords[p.Login] = p, p.Password
		first, last, _ := strings.Cut(p.Name, " ")
		s.insert("sys_user", Row{
			"sys_id": fake.Stable("servicenow:" + p.Login), "user_name": p.Login, "name": p.Name, "first_name": first, "last_name": last, "email": p.Email, "title": p.Title, "locked_out": "false",
			"active": map[bool]string{true: "false", false: "true"}[p.Inactive], "time_zone": p.Zone,
		})
	}
	for _, p := range people {
		s.user(p.Login)["manager"] = s.user(p.Manager)["sys_id"]
	}
	s.insert("sys_user_group", Row{"name": "Hardware"})
	s.insert("cmdb_ci", Row{"name": "db01"})
	catalog := s.insert("sc_catalog", Row{"title": "Service Catalog", "description": "Everything that can be ordered", "active": "true"})
	for _, item := range items {
		category := s.find("sc_category", "title", item.Category)
		if category == nil {
			category = s.insert("sc_category", Row{"title": item.Category, "sc_catalog": catalog["sys_id"], "active": "true"})
		}
		s.insert("sc_cat_item", Row{
			"name": item.Name, "short_description": item.About, "price": item.Price, "category": category["sys_id"], "active": "true",
			"ja": item.Ja, "about_ja": item.AboutJa, "asks": item.Asks,
		})
	}
}
