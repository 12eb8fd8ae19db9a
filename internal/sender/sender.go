package sender

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// The permissions to see senders, and to add, change and remove them and make
// their tokens. Reach is that to let a callback stand in a private network: its
// calls leave from the installation's own. Keys is that to follow the house's
// signing keys by new ones.
const (
	Read  = "sender.read"
	Write = "sender.write"
	Reach = "sender.reach"
	Keys  = "signing-key.write"
)

// Permissions are those of the room.
func Permissions() []org.Permission {
	return []org.Permission{
		{Name: Read, Roles: []string{string(org.Auditor)}}, {Name: Write}, {Name: Reach, House: true}, {Name: Keys, House: true},
	}
}

// Role is what a sender may do.
type Role string

// The roles. A creator sends, and sees and withdraws what it has sent; an admin
// sees and withdraws what any sender of the organization has sent, too; an
// auditor sees all of it, and sends nothing.
const (
	Admin   Role = "admin"
	Creator Role = "creator"
	Auditor Role = "auditor"
)

// Signature is the form in which decisions are signed.
type Signature string

// The forms: a JSON Web Token as the whole body (RFC 7519), or a JSON body with an
// HTTP message signature (RFC 9421).
const (
	Token   Signature = "jwt"
	Message Signature = "http"
)

// Bounds of what is said of a sender.
const (
	NameMost      = 64
	TitleMost     = 80
	networksMost  = 16
	audienceMost  = 200
	templatesMost = 50
	RateMost      = 600
	RateUsual     = 60
)

// Sender is a program that may put cards before people of an organization.
type Sender struct {
	ID        id.Sender
	Org       id.Org
	Name      string // unique in the organization
	Title     string // as people read it on cards; "" is the name
	Role      Role
	Callback  string // where decisions are told; "" sends nothing that is to be decided
	Signature Signature
	Alg       jws.Alg
	Audience  Audience
	Templates []Template
	Networks  []string // CIDRs besides public ones that the callback may stand in
	Urgent    bool     // its urgent cards pass quiet hours
	Rate      int      // messages a minute
	Enabled   bool

	Made, Changed time.Time
	By            id.Principal
	Revision      int64 // raised by each change; 0 before the first
}

// Principal is the sender as an actor.
func (s Sender) Principal() id.Principal { return principalOf(s.ID) }

func principalOf(which id.Sender) id.Principal {
	return id.Principal(id.KindApp + ":" + string(which))
}

// Shown is how people call it.
func (s Sender) Shown() string { return cmp.Or(s.Title, s.Name) }

func (s Sender) event(name string, by id.Principal, pairs ...string) store.Event {
	fields := map[string]string{"name": s.Name, "role": string(s.Role)}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fields[pairs[i]] = pairs[i+1]
		}
	}
	return store.Event{Name: name, Org: s.Org, By: by, Target: "card-sender:" + string(s.ID), Fields: fields}
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Settle brings a sender into the form in which it is kept, and returns all that
// is wrong with it (sender-invalid).
func (s *Sender) Settle() *fault.Fault {
	s.Signature, s.Alg, s.Role = cmp.Or(s.Signature, Token), cmp.Or(s.Alg, jws.ES256), cmp.Or(s.Role, Creator)
	s.Rate = cmp.Or(s.Rate, RateUsual)
	s.Networks = slices.Compact(slices.Sorted(slices.Values(s.Networks)))
	s.Audience.settle()
	var bad fault.Checks
	if len(s.Name) > NameMost || !nameForm.MatchString(s.Name) {
		bad.Add("name", "name-malformed", "limit", NameMost)
	}
	plain(&bad, "title", s.Title, TitleMost)
	choice(&bad, "role", s.Role, Admin, Creator, Auditor)
	choice(&bad, "signature", s.Signature, Token, Message)
	choice(&bad, "alg", s.Alg, jws.ES256, jws.RS256)
	if s.Rate < 1 || s.Rate > RateMost {
		bad.Add("rate", "sender-rate", "limit", RateMost)
	}
	if s.Callback != "" {
		if f := fault.As(checkCallback(s.Callback)); f != nil {
			bad.AddFault("callback", f)
		}
	}
	s.checkNetworks(&bad)
	s.checkTemplates(&bad)
	if len(s.Audience.People)+len(s.Audience.Groups) > audienceMost {
		bad.Add("audience", "sender-audience-long", "limit", audienceMost)
	}
	return bad.Fault("sender-invalid")
}

func (s *Sender) checkNetworks(bad *fault.Checks) {
	if len(s.Networks) > networksMost {
		bad.Add("networks", "sender-networks-long", "limit", networksMost)
	}
	for _, text := range s.Networks {
		if prefix, err := netip.ParsePrefix(text); err != nil || prefix.Bits() == 0 {
			bad.Add("networks", "sender-network-malformed", "network", text)
		}
	}
}

func choice[T ~string](bad *fault.Checks, path string, value T, all ...T) {
	if !slices.Contains(all, value) {
		bad.Add(path, "field-wrong")
	}
}

// checkCallback accepts what is called over TLS, and plain HTTP on this machine
// alone: what was decided travels there.
func checkCallback(text string) error {
	u, err := egress.ParseURL(text)
	if err != nil {
		return err
	}
	host := u.Parsed().Hostname()
	addr, err := netip.ParseAddr(host)
	loopback := err == nil && addr.IsLoopback() || host == "localhost"
	if u.Parsed().Scheme != "https" && !loopback {
		return fault.New(fault.Invalid, "sender-callback-plain", "host", host)
	}
	return nil
}

// Use is the way out to the callback.
func (s Sender) Use() egress.Use {
	use := egress.Use{Name: "card sender " + s.Name, Limits: egress.Limits{Total: callMost, Body: 64 << 10, Redirects: -1}}
	for _, text := range s.Networks {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			use.Allow = append(use.Allow, prefix)
		}
	}
	return use
}

// plain holds a text to one line of plain text: nothing that turns or hides it,
// and nothing that is meant to be rendered, for it would be shown as it is
// written.
func plain(bad *fault.Checks, path, text string, most int) bool {
	return wording(bad, path, text, most, false)
}

func wording(bad *fault.Checks, path, text string, most int, breaks bool) bool {
	switch {
	case !utf8.ValidString(text):
		bad.Add(path, "text-not-utf8")
	case utf8.RuneCountInString(text) > most:
		bad.Add(path, "field-too-long", "limit", most)
	case strings.ContainsFunc(text, func(c rune) bool { return odd(c) && (c != '\n' || !breaks) }):
		bad.Add(path, "text-has-controls")
	case markup.MatchString(text):
		bad.Add(path, "text-has-markup")
	default:
		return true
	}
	return false
}

// odd are characters that have no look of their own, or change that of others.
func odd(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || c == '\u3164' || c == '\u115F' || c == '\u1160' || c == '\uFFA0'
}

// markup is what somebody writes who expects it to be rendered: a tag of HTML, an
// entity, a link, an image, bold type or a fence of Markdown.
var markup = regexp.MustCompile("<[/!?]?[a-zA-Z][^<>]*>|<!--|&(#[0-9]+|#x[0-9a-fA-F]+|[a-zA-Z]{2,12});|!?\\[[^\\]\\n]*\\]\\([^)\\n]*\\)|\\*\\*[^*\\s][^*\\n]*\\*\\*|```")
