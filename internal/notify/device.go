package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/webpush"
	"github.com/sekisho/sekisho/internal/words"
)

// DevicesMost is how many browsers of one person are told; the one that was
// added first goes when another comes.
const DevicesMost = 20

// DeviceID is a subscribed browser's own.
type DeviceID string

// Device is a browser that its owner wants to be told in.
type Device struct {
	ID      DeviceID
	Person  id.Person
	Session string // that it was added in
	Name    string // of the browser
	Service string // host of its push service
	AddedAt time.Time
	ToldAt  time.Time // zero if never
	Refused int       // HTTP status, if the last push was refused
	sealed  []byte
}

// Subscription is what PushSubscription.toJSON gives.
type Subscription struct {
	Endpoint string           `json:"endpoint" maxLength:"1000" doc:"Where the push service takes messages for this browser" example:"https://fcm.googleapis.com/fcm/send/dk3…"`
	Keys     SubscriptionKeys `json:"keys" doc:"Keys that messages are encrypted with"`
}

// SubscriptionKeys are the browser's.
type SubscriptionKeys struct {
	P256DH string `json:"p256dh" maxLength:"200" doc:"The browser's public key, base64url" example:"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"`
	Auth   string `json:"auth" maxLength:"100" doc:"The browser's authentication secret, base64url" example:"BTBZMqHH6r4Tts7J_aSIgg"`
}

// target is a subscription as it lies sealed.
type target struct {
	Endpoint string       `json:"endpoint"`
	Keys     webpush.Keys `json:"keys"`
}

// People is what the pager asks of org: who the owner of a device is now.
type People interface {
	People(ctx context.Context, which []id.Person) (map[id.Person]org.Person, error)
}

// PagerOptions is what a pager stands on.
type PagerOptions struct {
	Store  *store.Store
	Clock  clock.Clock
	Book   *words.Book
	Ring   *seal.Ring
	People People
	// BaseURL is where the house is; a push leads there.
	BaseURL string
	// Contact is the mailto: or https: address that push services are told.
	Contact string
	// Hosts are the push services that a browser may name, as host names;
	// ".example.com" is every host below. The endpoint is a stranger's input.
	Hosts []string
	// Pusher is nil in a house that does not push.
	Pusher Pusher
}

// Services are the push services of the browsers that people have: Chromium,
// Firefox, Safari, Edge.
var Services = []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"}

// Pager tells people in the browsers that they chose.
type Pager struct{ PagerOptions }

// NewPager makes a pager.
func NewPager(o PagerOptions) *Pager { return &Pager{o} }

// Enabled reports whether this house pushes.
func (p *Pager) Enabled() bool { return p != nil && p.Pusher != nil }

// Key is the public key that browsers subscribe with; it is made when it is
// asked for first, and never changes. A house whose keys are away is Busy sealed.
func (p *Pager) Key(ctx context.Context) (string, error) {
	sender, err := p.sender(ctx)
	if err != nil {
		return "", err
	}
	return sender.Public(), nil
}

// Add subscribes a browser of a person. A browser has one owner: whoever
// subscribes it last. What does not fit is Invalid with the field.
func (p *Pager) Add(ctx context.Context, who id.Person, session, name string, s Subscription) (Device, error) {
	if !p.Enabled() {
		return Device{}, fault.New(fault.Unmet, "push-off")
	}
	at, err := p.read(s)
	if err != nil {
		return Device{}, err
	}
	now := p.Clock.Now()
	d := Device{ID: id.New[DeviceID](now), Person: who, Session: session, Name: name, Service: at.host(), AddedAt: now}
	plain, err := json.Marshal(at)
	if err != nil {
		return Device{}, err
	}
	defer clear(plain)
	if d.sealed, err = p.Ring.Seal(d.place(), plain); err != nil {
		return Device{}, err
	}
	return d, p.addDevice(ctx, d, at.mark())
}

// Drop ends one of a person's subscriptions.
func (p *Pager) Drop(ctx context.Context, who id.Person, which DeviceID) error {
	return p.dropDevice(ctx, who, which)
}

// Devices returns a person's subscribed browsers, the newest first.
func (p *Pager) Devices(ctx context.Context, who id.Person) ([]Device, error) {
	found, err := p.devicesOf(ctx, []id.Person{who})
	all := found[who]
	slices.Reverse(all)
	return all, err
}

// read holds a subscription to its form and to the services that are allowed.
func (p *Pager) read(s Subscription) (target, error) {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(s.Endpoint) > 1000 {
		return target{}, unusable(fault.Field{Path: "endpoint", Code: "push-endpoint-malformed"})
	}
	if !p.allowed(u) {
		return target{}, unusable(fault.Field{Path: "endpoint", Code: "push-service-not-allowed", Args: fault.Pairs("host", u.Hostname())})
	}
	keys, err := webpush.ParseKeys(s.Keys.P256DH, s.Keys.Auth)
	if err != nil {
		return target{}, unusable(fault.Field{Path: "keys", Code: "push-keys-malformed"})
	}
	return target{s.Endpoint, keys}, nil
}

func unusable(field fault.Field) error {
	f := fault.New(fault.Invalid, "push-subscription-invalid")
	f.Fields = []fault.Field{field}
	return f
}

// allowed holds to https, except on a service that is named with scheme and port
// (a simulated one on this machine).
func (p *Pager) allowed(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	for _, h := range p.Hosts {
		switch {
		case strings.Contains(h, "://"):
			if u.Scheme+"://"+strings.ToLower(u.Host) == h {
				return true
			}
		case u.Scheme != "https" || (u.Port() != "" && u.Port() != "443"):
		case strings.HasPrefix(h, "."):
			if strings.HasSuffix(host, h) {
				return true
			}
		case host == h:
			return true
		}
	}
	return false
}

func (t target) host() string {
	u, err := url.Parse(t.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

func (t target) mark() string {
	sum := sha256.Sum256([]byte(t.Endpoint))
	return hex.EncodeToString(sum[:])
}

func (d Device) place() seal.Place {
	return seal.Place{Table: "notify_device", Column: "sealed", Row: string(d.ID)}
}

// open reads where a device is.
func (p *Pager) open(d Device) (t target, err error) {
	plain, err := p.Ring.Open(d.place(), d.sealed)
	if err != nil {
		return t, err
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, &t); err != nil {
		return t, errors.New("notify: a sealed subscription is not one") // the cause would quote it
	}
	return t, nil
}

var vapid = seal.Place{Table: "notify_pusher", Column: "sealed", Row: "vapid"}

// sender opens the house's key, or makes it.
func (p *Pager) sender(ctx context.Context) (*webpush.Sender, error) {
	sealed, err := p.loadSender(ctx)
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		if sealed, err = p.makeSender(ctx); err != nil {
			return nil, err
		}
	}
	private, err := p.Ring.Open(vapid, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	return webpush.ParseSender(private)
}

// makeSender keeps the first key when two nodes make one at once.
func (p *Pager) makeSender(ctx context.Context) ([]byte, error) {
	sender, err := webpush.NewSender()
	if err != nil {
		return nil, err
	}
	private, err := sender.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(private)
	sealed, err := p.Ring.Seal(vapid, private)
	if err != nil {
		return nil, err
	}
	if err := p.saveSender(ctx, sealed); err != nil {
		return nil, err
	}
	return p.loadSender(ctx)
}

// Push is one message for one browser.
type Push struct {
	Endpoint secret.Text
	Keys     webpush.Keys
	Sender   *webpush.Sender
	Contact  string
	Body     []byte // at most webpush.Most
	Topic    string // a later push of the same topic takes its place (RFC 8030 §5.4)
	Urgent   bool
	Until    time.Time // the service drops it then
}

// Pusher brings messages to push services.
type Pusher interface {
	// Push returns nil when the service took it, *Rebuff for its no, and any
	// other error when nothing is known or nobody was there; a *job.Away says
	// when to come back.
	Push(ctx context.Context, p Push) error
}

// Rebuff is a push service's no.
type Rebuff struct{ Status int }

// Error gives the status.
func (r *Rebuff) Error() string { return "the push service answered with " + statusText(r.Status) }

// Gone reports whether the subscription is no more (RFC 8030 §7.3).
func (r *Rebuff) Gone() bool { return r.Status == 404 || r.Status == 410 }
