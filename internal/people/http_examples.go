package people

import "github.com/sekisho/sekisho/internal/web"

// examples show the operations that take more than their path.
var examples = map[string][]web.Example{
	"list-organizations": {{Query: map[string]string{"q": "kaede", "limit": "20"}}},
	"add-organization": {
		{Title: "A customer below one's own organization", Body: `{"name": "sakura", "title": "Sakura Logistics", "type": "customer"}`},
		{
			Title: "A name that is no name, and no type: both are named at once", Status: 400, Code: "input-invalid",
			Body: `{"name": "Sakura Logistics", "type": "shop"}`,
		},
	},
	"change-organization": {
		{Title: "Another title; all else stays", Body: `{"title": "Kaede Trading Co.", "version": 1}`},
		{Title: "Somebody else changed it in between", Status: 409, Code: "changed-meanwhile", Body: `{"title": "Kaede", "version": 99}`},
	},
	"list-members": {{Title: "Active members whose name or reading begins so", Query: map[string]string{"q": "たか", "state": "active", "limit": "20"}}},
	"get-member": {
		{},
		{Title: "Somebody who is no member", Path: map[string]string{"person": "01m0r8s3v6x9z2b5d7fgjkm0nq"}, Status: 404, Code: "person-unknown"},
	},
	"add-member": {{
		Title: "Somebody new, asked in by mail",
		Body:  `{"invite": {"login": "ren", "email": "ren@kaede.example", "family_name": "伊藤", "given_name": "蓮", "reading": "いとう れん", "locale": "ja"}, "roles": ["user"]}`,
	}},
	"change-member": {{Title: "Another role and manager", Body: `{"roles": ["user", "auditor"], "manager": "", "version": 1}`}},
	"import-people": {{
		Title: "What a list would do, without doing it",
		Body:  `{"csv": "login,email,family_name,given_name\nsora,sora@kaede.example,加藤,空\n"}`,
	}},
	"add-group":      {{Body: `{"name": "sales", "title": "Sales", "members": ["` + web.ExampleID("person") + `"]}`}},
	"change-group":   {{Title: "Nobody is in it any more", Body: `{"members": [], "version": 1}`}},
	"add-role":       {{Body: `{"name": "help-desk", "title": "Help desk", "permissions": ["people.read"]}`}},
	"change-role":    {{Body: `{"permissions": ["people.read", "people.write"], "version": 1}`}},
	"list-people":    {{Query: map[string]string{"q": "aoi", "limit": "20"}}},
	"change-person":  {{Title: "Another reading; all else stays", Body: `{"reading": "たかはし あおい", "version": 1}`}},
	"delete-person":  {{Title: "For good: the login is typed again", Query: map[string]string{"login": "aoi"}}},
	"change-profile": {{Body: `{"locale": "ja", "time_zone": "Asia/Tokyo", "version": 1}`}},
}
