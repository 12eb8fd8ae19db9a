package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// style is what the guide and the mails need beyond the pages of the house.
//
//go:embed demo.css
var style embed.FS

// mailPath is where the mails are shown.
const mailPath = "/mail/"

// guideServer is the site of the guide and the mails, on a port of its own. It
// shows passwords: only who asks for it by this machine's own name gets them,
// for a page elsewhere must not read it through a name that it lets point here.
type guideServer struct {
	*site
	demo     *demo
	port     string
	mails    http.Handler
	follower *follower
	people   map[string]id.Principal // of the cast, by login
	key      string                  // that checks the log's signatures
	ready    chan struct{}           // closed when the house is there
}

func (d *demo) openGuide(context.Context) (func() error, error) {
	open, err := beside(d.port)
	if err != nil {
		return nil, err
	}
	g := &guideServer{demo: d, port: portOf(open), ready: make(chan struct{})}
	g.mails, err = d.relay.Handler(mail.Site{Below: mailPath, Lang: langOf, Zone: zoneOf, Frame: g.frameMail})
	if err != nil {
		return nil, err
	}
	d.guide = g
	g.site = serve(g.guard(http.NewCrossOriginProtection().Handler(g.routes())), open)
	return func() error { return g.server.Close() }, nil
}

// begin lets the guide speak of a house that answers.
func (g *guideServer) begin(ctx context.Context, h *house.House) error {
	g.follower = &follower{house: h, known: map[id.Record]bool{}, next: g.demo.clock.Now()}
	for _, s := range stories {
		if begun := g.demo.kept.began(s.Name); begun.Before(g.follower.next) {
			g.follower.next = begun
		}
	}
	g.people = map[string]id.Principal{}
	var err error
	if g.key, err = h.PublicKey(ctx); err != nil {
		return err
	}
	err = h.Store().House().Read(ctx, func(v *store.View) error {
		for _, who := range cast {
			p, err := h.Register().LoginOf(v, who.Login)
			if err == nil {
				g.people[who.Login] = id.OfPerson(p.ID)
			} else if fault.As(err) == nil { // else a visitor deleted them
				return err
			}
		}
		return nil
	})
	if err == nil {
		close(g.ready)
	}
	return err
}

func (g *guideServer) url() string { return "http://localhost:" + g.port + "/" }

// guard answers our own names only, and sends who came by an address to the
// name: cookies of the house and passkeys are of localhost. (A rebound name
// could read passwords else.)
func (g *guideServer) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch r.Host {
		case "localhost:" + g.port:
		case "127.0.0.1:" + g.port, "[::1]:" + g.port:
			http.Redirect(w, r, root(g.url())+r.URL.RequestURI(), http.StatusSeeOther)
			return
		default:
			http.Error(w, http.StatusText(http.StatusMisdirectedRequest), http.StatusMisdirectedRequest)
			return
		}
		select {
		case <-g.ready:
			next.ServeHTTP(w, r)
		default:
			h.Set("Retry-After", "1")
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		}
	})
}

func (g *guideServer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", g.showGuide)
	mux.HandleFunc("GET /steps", g.showSteps)
	mux.HandleFunc("POST /again", g.again)
	mux.HandleFunc("POST /language", chooseLanguage)
	mux.HandleFunc("GET "+deployPath+"{$}", g.showDeploy)
	mux.HandleFunc("POST "+deployPath+"ask", g.askMore)
	mux.HandleFunc("GET "+ui.AssetPrefix, giveAsset)
	mux.HandleFunc("GET /demo.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, style, "demo.css") })
	mux.Handle("GET "+mailPath, g.mails)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	return mux
}

// The cookies are those of the house, which has the same name on another port:
// who reads one in Japanese reads the other so.
func langOf(r *http.Request) words.Lang {
	if c, err := r.Cookie("sekisho-lang"); err == nil && slices.Contains(words.Langs, words.Lang(c.Value)) {
		return words.Lang(c.Value)
	}
	return words.Pick(r.Header.Get("Accept-Language"))
}

func zoneOf(r *http.Request) *time.Location {
	c, err := r.Cookie("sekisho-zone")
	if err != nil || len(c.Value) > 64 || c.Value == "Local" {
		return time.UTC
	}
	if zone, err := time.LoadLocation(c.Value); err == nil {
		return zone
	}
	return time.UTC
}

func chooseLanguage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if lang := words.Lang(r.PostFormValue("lang")); slices.Contains(words.Langs, lang) {
		http.SetCookie(w, &http.Cookie{Name: "sekisho-lang", Value: string(lang), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	back := r.PostFormValue("back")
	if !strings.HasPrefix(back, mailPath) && back != deployPath || strings.ContainsAny(back, "\\\r\n") {
		back = "/"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func giveAsset(w http.ResponseWriter, r *http.Request) {
	asset, known := ui.Assets().Find(r.URL.Path)
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", asset.Type)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(asset.Plain) // the reader went away
}

// reader is the context in which components find who reads.
func (g *guideServer) reader(r *http.Request, title string) context.Context {
	frame := &ui.Frame{
		Lang: langOf(r), Zone: zoneOf(r), Now: g.demo.clock.Now(), Book: g.demo.book, Title: title, Path: r.URL.RequestURI(),
		Asset: ui.Assets().Path,
	}
	ctx := ui.With(r.Context(), frame)
	for _, link := range []ui.Link{{Text: "demo.guide", Href: "/"}, {Text: "demo.mail", Href: mailPath}, {Text: "demo.deploy", Href: deployPath}, {Text: "demo.house", Href: g.demo.house.URL() + "/"}} {
		link.Current = link.Href == r.URL.Path || link.Href == mailPath && strings.HasPrefix(r.URL.Path, mailPath)
		link.Text = ui.Say(ctx, link.Text)
		frame.Links = append(frame.Links, link)
	}
	return ctx
}

// write renders a page or a part of one, whole or not at all.
func (g *guideServer) write(ctx context.Context, w http.ResponseWriter, status int, c templ.Component) {
	var out bytes.Buffer
	if err := c.Render(ctx, &out); err != nil {
		g.broke(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the reader went away
}

func (g *guideServer) broke(w http.ResponseWriter, err error) {
	g.demo.Log.Error("the guide cannot be shown", "err", err)
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// frameMail puts the mails into the pages of the guide.
func (g *guideServer) frameMail(w http.ResponseWriter, p mail.Page) error {
	ctx := g.reader(p.Request, p.Title)
	g.write(ctx, w, p.Status, page(p.Refresh, templ.Raw(string(p.Body)))) // the relay's templates escaped it
	return nil
}

func (g *guideServer) showGuide(w http.ResponseWriter, r *http.Request) {
	ctx := g.reader(r, "")
	ui.Of(ctx).Title = ui.Say(ctx, "demo.guide")
	view, err := g.demo.look(ctx)
	if err != nil {
		g.broke(w, err)
		return
	}
	g.write(ctx, w, http.StatusOK, page(10, guide(view)))
}

// showSteps is the stories alone, for a page that asks again and again; nothing
// if they stand as the page says.
func (g *guideServer) showSteps(w http.ResponseWriter, r *http.Request) {
	ctx := g.reader(r, "")
	view, err := g.demo.look(ctx)
	if err != nil {
		g.broke(w, err)
		return
	}
	if view.State == r.URL.Query().Get("seen") {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	g.write(ctx, w, http.StatusOK, tales(view))
}

// again lets a story begin once more: what happened before counts no more.
func (g *guideServer) again(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	name := r.PostFormValue("story")
	if slices.ContainsFunc(stories, func(s story) bool { return s.Name == name }) {
		if err := g.demo.kept.begin(name, g.demo.clock.Now()); err != nil {
			g.broke(w, err)
			return
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// view is the guide as it stands.
type view struct {
	State  string // changes with every tick
	House  string
	Cast   []playerView
	Tales  []tale
	Files  string // where the manifests are, "" if nowhere near
	Folder string // of the data
	Keeps  bool   // the folder stays
	Beyond []placeView
}

// placeView is an outside system.
type placeView struct{ Title, URL, About string }

type playerView struct{ Login, Name, Part, Password string }

type tale struct {
	Name, Title, Lead string
	Done, All         int
	Steps             []stepView
	Over              bool
}

type stepView struct {
	Number               int
	Title, Do, Look, Why string
	Who                  *playerView // nil: the newcomer or the reader's shell
	Alias                string      // who it is then
	Open                 string
	Commands             []string
	At                   time.Time
	Now                  bool
}

// look finds out how the stories stand.
func (d *demo) look(ctx context.Context) (view, error) {
	v := view{House: d.house.URL(), Files: applied(), Folder: d.Data, Keeps: d.keeps}
	for _, who := range cast {
		p := playerView{Login: who.Login, Part: ui.Say(ctx, "demo.part."+who.Login), Password: d.kept.Passwords[who.Login]}
		if known, err := d.house.Register().Person(ctx, d.guide.people[who.Login].Person()); err == nil {
			p.Name = known.DisplayName
		}
		v.Cast = append(v.Cast, p)
	}
	for _, b := range d.beyond {
		v.Beyond = append(v.Beyond, placeView{b.Title, b.URL + "/", ui.Say(ctx, "demo.beyond."+b.Name)})
	}
	v.Beyond = append(v.Beyond, placeView{ui.Say(ctx, "demo.deploy"), deployPath, ui.Say(ctx, "demo.deploy.about")})
	state := sha256.New()
	for _, s := range stories {
		t, err := d.tell(ctx, s)
		if err != nil {
			return v, err
		}
		v.Tales = append(v.Tales, d.tale(ctx, t, v.Cast))
		_, _ = state.Write([]byte(s.Name + strconv.Itoa(t.next()) + string(t.scene.record.ID) + t.scene.order.Number + t.scene.newcomer.DisplayName + t.scene.newcomer.Email))
	}
	_, _ = state.Write([]byte(ui.Of(ctx).Lang))
	v.State = hex.EncodeToString(state.Sum(nil)[:8])
	return v, nil
}

func (d *demo) tale(ctx context.Context, t told, cast []playerView) tale {
	prefix := "story." + t.Name + "."
	next := t.next()
	out := tale{Name: t.Name, Title: ui.Say(ctx, prefix+"title"), Lead: ui.Say(ctx, prefix+"lead"), Done: next, All: len(t.Steps), Over: next == len(t.Steps)}
	args := t.scene.args()
	for i, one := range t.Steps {
		say := func(what string) string { return ui.Say(ctx, prefix+one.Name+"."+what, args...) }
		v := stepView{Number: i + 1, Title: say("title"), Do: say("do"), Look: say("look"), Why: say("why"), At: t.at[i], Now: i == next, Open: d.place(one.Open)}
		switch at := slices.IndexFunc(cast, func(p playerView) bool { return p.Login == one.Who }); {
		case at >= 0:
			v.Who = &cast[at]
		case one.Who == terminal:
			v.Alias = ui.Say(ctx, "demo.terminal")
		default:
			v.Alias = ui.Say(ctx, "demo.newcomer", args...)
		}
		if one.Run != nil {
			v.Commands = d.commands(one.Run(t.scene))
		}
		out.Steps = append(out.Steps, v)
	}
	return out
}

// place is the address of a step's page.
func (d *demo) place(open string) string {
	switch open {
	case "":
		return ""
	case mailPage:
		return mailPath
	case itemsPage, ordersPage:
		return d.outside(ServiceNow).URL + strings.TrimPrefix(open, ServiceNow)
	}
	return d.house.URL() + open
}

// commands are what the reader types, in the folder in which they started this.
func (d *demo) commands(all []string) (lines []string) {
	for _, one := range all {
		lines = append(lines, "SEKISHO_DATA="+quoted(d.Data)+" "+d.Command+" "+one)
	}
	return lines
}

// quoted writes a path for a shell.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r < 128 && (r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z')
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
