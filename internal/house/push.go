package house

import (
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/notify/webpush"
)

// PushConfig is how people are told in their browsers. Nothing needs to be set.
type PushConfig struct {
	Off     bool     `yaml:"off,omitempty"`     // tell nobody in browsers
	Contact string   `yaml:"contact,omitempty"` // mailto: or https: address for push services; else mail.from or base_url
	Hosts   []string `yaml:"hosts,omitempty"`   // push services that browsers may name; none means the common ones
}

// check says what no type can say.
func (c PushConfig) check(bad func(key, format string, args ...any)) {
	if c.Contact != "" && !strings.HasPrefix(c.Contact, "mailto:") && !strings.HasPrefix(c.Contact, "https://") {
		bad("push.contact", "%q is neither mailto:NAME@DOMAIN nor https://…", c.Contact)
	}
	for _, host := range c.Hosts {
		if u, err := url.Parse(host); strings.ContainsAny(host, "/@* ") && (err != nil || u.Host == "" || u.Path != "") {
			bad("push.hosts", "%q is no host: write fcm.googleapis.com, or .push.apple.com for all below", host)
		}
	}
}

// openPush makes the pager and the way to push services.
func (h *House) openPush() error {
	c := h.config.Push
	o := notify.PagerOptions{
		Store: h.store, Clock: h.options.Clock, Book: h.book, Ring: h.ring, People: h.register, BaseURL: h.config.BaseURL,
		Contact: c.Contact, Hosts: c.Hosts,
	}
	if len(o.Hosts) == 0 {
		o.Hosts = notify.Services
	}
	switch {
	case o.Contact != "":
	case !h.config.Mail.From.IsZero():
		o.Contact = "mailto:" + h.config.Mail.From.Address.String()
	default: // push services want a name to ask for; plain http is for trying out on one machine
		o.Contact = "https://" + strings.TrimPrefix(strings.TrimPrefix(h.config.BaseURL, "https://"), "http://")
	}
	if !c.Off {
		pusher, err := webpush.New(webpush.Options{Egress: h.egress, Clock: h.options.Clock})
		if err != nil {
			return err
		}
		o.Pusher = pusher
	}
	h.pager = notify.NewPager(o)
	if !h.pager.Enabled() {
		return nil
	}
	return h.desk.Register(h.pager.Driver())
}
