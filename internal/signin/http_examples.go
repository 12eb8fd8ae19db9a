package signin

import "github.com/sekisho/sekisho/internal/web"

// examples show the operations that take more than their path.
var examples = map[string][]web.Example{
	"change-own-password": {
		{Title: "A phrase of some words is easy to keep and hard to guess", Body: `{"new": "four herons over the still pond"}`},
		{Title: "Too short", Status: 400, Code: "password-too-short", Body: `{"new": "short"}`},
	},
	"add-own-passkey":    {{Body: `{"ticket": "v1.ticket-of-the-beginning", "name": "Laptop", "answer": {"id": "…", "type": "public-key"}}`}},
	"rename-own-passkey": {{Body: `{"name": "Work laptop"}`}},
	"add-own-totp":       {{Body: `{"ticket": "v1.ticket-of-the-offer", "code": "123456"}`}},
	"make-own-token": {{
		Title: "For a program that reads people, for a month",
		Body:  `{"name": "Report", "org": "` + web.ExampleID("org") + `", "scopes": ["people.read"], "days": 30}`,
	}},
	"reset-member-sign-in":  {{Title: "A telephone was lost", Body: `{"take": ["totp", "recovery"]}`}},
	"make-recover-link":     {{Body: `{"login": "aoi"}`}},
	"add-sign-in-policy":    {{Title: "Nobody without a passkey, and no session longer than a day", Body: `{"name": "strong", "require": ["passkey"], "absolute": 86400}`}},
	"change-sign-in-policy": {{Title: "A password and a one-time code will do; what is left out is gone", Body: `{"name": "strong", "require": ["password", "totp"], "version": 1}`}},
}
