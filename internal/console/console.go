package console

import (
	"context"
	"embed"
	"log/slog"
	"sync/atomic"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// The permissions of the room.
const (
	AuditRead  = "audit.read"     // records of the organization
	AuditHouse = "audit.house"    // records of the house itself
	AuditKeep  = "audit.keep"     // archive what is old, erase a field
	Operate    = "house.operate"  // state, keys, effects of everybody
	Effects    = "effect.settle"  // effects of the organization: see, retry, skip
	Manifest   = "house.manifest" // plan, apply, export
	Unseal     = "house.unseal"   // only for processes of the machine
)

// Permissions lists the permissions of the room. Unseal is none of them: only
// processes of the machine do that.
func Permissions() []org.Permission {
	return []org.Permission{
		{Name: AuditRead, Roles: []string{string(org.Auditor)}},
		{Name: AuditHouse, House: true},
		{Name: AuditKeep, House: true},
		{Name: Operate, House: true},
		{Name: Effects},
		{Name: Manifest, House: true},
	}
}

// Options is what the console stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Book  *words.Book
	Audit *audit.Log
	Ring  *seal.Ring
	Desk  *job.Desk
	Kinds *manifest.Set
	Guide Guide
	// Register counts who and what there is.
	Register Register
	// SignIn are the codes with which a sign-in is refused.
	SignIn []string
	// Targets are what outside systems are called by the name of the target that
	// effects on them have; one that has no other name is missing. One call a
	// page; nil: none has.
	Targets func(ctx context.Context, targets []string) (map[string]string, error)
	// Drawings are further pictures of dashboards.
	Drawings []Drawing
	Premises Premises
	Log      *slog.Logger
	Node     id.Node // this process
	Version  string
	// Alone: no server uses the house, and nobody waits.
	Alone bool
	// Data is the folder in which archives are kept.
	Data string
	// Unsealed starts what waited for the keys.
	Unsealed func(context.Context) error
}

// Room is the console.
type Room struct {
	store    *store.Store
	clock    clock.Clock
	book     *words.Book
	audit    *audit.Log
	ring     *seal.Ring
	desk     *job.Desk
	kinds    *manifest.Set
	guide    Guide
	folder   bool // one command has the house open, no server
	register Register
	signIn   []string
	drawings []Drawing
	targets  func(ctx context.Context, targets []string) (map[string]string, error)
	data     string
	unsealed func(context.Context) error
	premises Premises
	log      *slog.Logger
	node     id.Node
	version  string
	alarms   atomic.Pointer[[]string]
	seen     atomic.Pointer[seen]
}

// New makes the room.
func New(o Options) *Room {
	return &Room{
		store: o.Store, clock: o.Clock, book: o.Book, audit: o.Audit, ring: o.Ring, desk: o.Desk,
		kinds: o.Kinds, unsealed: o.Unsealed, guide: o.Guide, data: o.Data, folder: o.Alone, register: o.Register, signIn: o.SignIn, drawings: o.Drawings, targets: o.Targets,
		premises: o.Premises, log: o.Log, node: o.Node, version: o.Version,
	}
}

// Entry is one line of the console's navigation: the key of its words and
// where it leads.
type Entry struct{ Key, Href, Permission, Or string }

// HomePath leads to the first page of the console that the reader may open.
const HomePath = "/admin"

// Rail lists the console's own pages.
func (r *Room) Rail() []Entry {
	return []Entry{
		{Key: "console.dashboard", Href: DashboardPath, Permission: AuditRead, Or: AuditHouse},
		{Key: "console.audit", Href: LogPath, Permission: AuditRead, Or: AuditHouse},
		{Key: "console.effects", Href: EffectsPath, Permission: Operate, Or: Effects},
		{Key: "console.keys", Href: KeysPath, Permission: Operate},
		{Key: "console.state.short", Href: StatePath, Permission: Operate},
		{Key: "console.manifest", Href: ManifestPath, Permission: Manifest},
	}
}
