package hub

import (
	"context"
	"embed"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the room's sentences.
//
//go:embed words
var Words embed.FS

// Item is one thing that a person should look after.
type Item struct {
	Key   string   // of its sentence; Key+".do" is what the link says
	Args  []any    // names and values of the sentence
	Names []string // keys of words that the sentence lists as {names}
	Href  string   // where it is settled; "" where no page does it
	Press string   // path that settles it when it is posted to; Key+".press" is on the button. "" for none
	Grave bool     // before all that are not
}

// Glance is what a room knows that concerns a person.
type Glance struct {
	Items    []Item
	Sessions int // in which they are signed in
}

// Attention is a room that hands in what concerns the actor, at the cost of a
// fixed number of statements.
type Attention interface {
	Attention(ctx context.Context, actor web.Actor) (Glance, error)
}

// People is what the hub asks of the register.
type People interface {
	Grants(ctx context.Context, who id.Person) (org.Grants, error)
	Own(ctx context.Context, who id.Person) (org.Own, error)
}

// Options is what the hub stands on.
type Options struct {
	Book   *words.Book
	People People
	// Peopled says whether anybody was ever added to the house.
	Peopled func(ctx context.Context) (bool, error)
	Rooms   []Attention
	// Open says whether a path is a page of the house that the actor may open.
	Open func(ctx context.Context, actor web.Actor, path string) bool
	// May says whether an actor holds a permission where they act.
	May web.May
	// Finders are the rooms' parts in search everywhere, in the order in which
	// what they find is shown where it fits equally well.
	Finders []web.Finder
	// Dependents are the rooms' parts in what depends on a thing.
	Dependents []web.Dependents
	// Places returns where things ("role:ID") have a page that the actor may
	// open; what has none is missing.
	Places  func(ctx context.Context, actor web.Actor, things []string) (map[string]string, error)
	Witness Witness
	// Signposts are the pages that search everywhere leads to.
	Signposts func() []Signpost
	// Ways are what one may want to begin on the first page.
	Ways []Signpost
	// Panels are what rooms show above all else.
	Panels []web.Panel
	// Follow are the topics that the page waits for.
	Follow []string
	// Pager tells people in their browsers; nil does not.
	Pager *notify.Pager
}

// The pages of other rooms that the hub leads to, where they exist.
const (
	signInPath   = "/signin"
	consolePath  = "/admin"
	sessionsPath = "/settings/sessions"
	profilePath  = "/settings"
	choosePath   = "/organization"
)

// Room is the hub.
type Room struct {
	book    *words.Book
	people  People
	rooms   []Attention
	open    func(ctx context.Context, actor web.Actor, path string) bool
	follow  []string
	panels  []web.Panel
	ways    []Signpost
	peopled func(ctx context.Context) (bool, error)
	may     web.May
	finders []web.Finder

	dependents []web.Dependents
	places     func(ctx context.Context, actor web.Actor, things []string) (map[string]string, error)
	witness    Witness
	pager      *notify.Pager
}

// New makes the room.
func New(o Options) *Room {
	r := &Room{
		book: o.Book, people: o.People, rooms: o.Rooms, open: o.Open, follow: o.Follow, panels: o.Panels, ways: o.Ways, peopled: o.Peopled, may: o.May,
		dependents: o.Dependents, places: o.Places, witness: o.Witness, pager: o.Pager,
	}
	r.finders = append(slices.Clone(o.Finders), signposts{r, o.Signposts})
	return r
}

// gather asks every room, the gravest first. What a room could not tell is said
// instead of hidden.
func (r *Room) gather(ctx context.Context, actor web.Actor, own org.Own) Glance {
	all := Glance{}
	if own.Email != "" && !own.Verified {
		all.Items = append(all.Items, Item{Key: "hub.need.mail", Args: []any{"email", own.Email}, Href: profilePath})
	}
	failed := false
	for _, room := range r.rooms {
		one, err := room.Attention(ctx, actor)
		if err != nil {
			web.Note(ctx, "attention", err.Error())
			failed = true
			continue
		}
		all.Items, all.Sessions = append(all.Items, one.Items...), all.Sessions+one.Sessions
	}
	if failed {
		all.Items = append(all.Items, Item{Key: "hub.need.unknown", Grave: true})
	}
	slices.SortStableFunc(all.Items, func(a, b Item) int { return rank(a) - rank(b) })
	for i := range all.Items {
		if !r.open(ctx, actor, all.Items[i].Href) {
			all.Items[i].Href, all.Items[i].Press = "", ""
		}
	}
	return all
}

func rank(i Item) int {
	if i.Grave {
		return 0
	}
	return 1
}
