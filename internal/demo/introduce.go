package demo

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
)

// home is the key of the site that the story is about.
func (b *beyond) home() string { return b.Sites[len(b.Sites)-1].Key }

// content is what an administrator would write into the form of the system.
func (b *beyond) content(bellKey string) map[string]any {
	settings, secrets := map[string]any{"base_url": b.URL}, map[string]string{"client_secret": b.Key.Reveal()}
	definition := "servicenow"
	if b.Name == Jira {
		definition = "jira-service-management-cloud"
		settings["login_url"], settings["site_url"] = b.URL, b.URL+"/"+b.home()
		settings["service_desk"], settings["request_type"], settings["asset_field"] = "1", "12", "customfield_10050"
		settings["waiting_statuses"] = []string{"Waiting for approval", "Waiting for operations"}
		secrets["webhook_secret"] = bellKey
	} else {
		settings["currency"] = "USD"
		secrets["doorbell_secret"] = bellKey
	}
	return map[string]any{
		"definition": definition, "name": b.Name, "title": b.Title, "settings": settings, "mode": "user", "scheme": "oauth2_code", "client_id": b.Client,
		"enabled": true, "set_secrets": secrets,
	}
}

// introduce tells the company's house of the systems outside that it was never
// told of, with a doorbell for each.
func (d *demo) introduce(ctx context.Context, h *house.House, dial dialer) error {
	strange := slices.DeleteFunc(slices.Clone(d.beyond), func(b *beyond) bool { return d.kept.Systems[b.Name].Bell != "" })
	if len(strange) == 0 {
		return nil // also if a visitor removed them
	}
	org, err := h.Register().OrganizationNamed(ctx, "kaede")
	if err != nil {
		return err
	}
	for _, b := range strange {
		known := d.kept.Systems[b.Name]
		known.BellKey = fake.Token(24)
		said, err := post(ctx, dial, d.Lang, "/organizations/"+string(org.ID)+"/systems", b.content(known.BellKey))
		if err != nil {
			return err
		}
		var made struct {
			Doorbell string `json:"doorbell_url"`
		}
		if err := json.Unmarshal(said, &made); err != nil {
			return err
		}
		at, err := url.Parse(made.Doorbell)
		if err != nil {
			return err
		}
		known.Bell = at.Path
		if err := d.kept.system(b.Name, known); err != nil {
			return err
		}
	}
	return nil
}

// connectBells has the systems ring at the house, wherever it listens now.
func (d *demo) connectBells() {
	for _, b := range d.beyond {
		if known := d.kept.Systems[b.Name]; known.Bell != "" {
			b.bell(root(d.house.URL())+known.Bell, secret.Of(known.BellKey))
		}
	}
}
