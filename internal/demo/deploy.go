package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/app"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/wire/yaml"
	"github.com/sekisho/sekisho/internal/words"
)

// deployDesk is a program of the company: it wants somebody's word before it
// deploys, sends them a card, and shows what it was told. It knows the house as any
// other program does: by its address, a service token and the published keys.
type deployDesk struct {
	app      *app.App
	listener *fake.Listener
	client   *http.Client
	house    string // its address
	token    secret.Text

	mu   sync.Mutex
	sent []deployment // the oldest first
}

// deployment is one that the program asked about.
type deployment struct {
	ID, Key, Title string
	At             time.Time
}

const (
	deployName = "deploy"
	deployPath = "/deploy/"
	deployMost = 50 // of one run
)

// openDeploy starts the program, where it was before if that place is free: its
// address is its callback.
func (d *demo) openDeploy(context.Context) (func() error, error) {
	p := &deployDesk{client: &http.Client{Timeout: 10 * time.Second}, house: "http://localhost:" + d.port}
	hear := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.app.ServeHTTP(w, r) })
	known := d.kept.Systems[deployName]
	var err error
	if p.listener, err = fake.Listen(known.Listen, hear); err != nil && known.Listen != "" {
		p.listener, err = fake.Listen("", hear)
	}
	if err != nil {
		return nil, err
	}
	p.app = app.New(app.Options{House: p.house, Callback: p.listener.URL + "/decided", Clock: d.clock, Keys: p.keys})
	d.deploy = p
	known.Listen = p.listener.URL[len("http://"):]
	return p.listener.Close, d.kept.system(deployName, known)
}

// keys reads what the house publishes.
func (p *deployDesk) keys(ctx context.Context) ([]byte, error) {
	return p.call(ctx, http.MethodGet, "/keys/jwks.json", nil)
}

// call is a request to the house with the service token.
func (p *deployDesk) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, p.house+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token.Reveal())
	r.Header.Set("Content-Type", "application/json")
	answer, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s was refused: %s %s", path, answer.Status, said)
	}
	return said, err
}

// enlist tells the company's house of the program, and makes it a token.
func (d *demo) enlist(ctx context.Context, h *house.House, dial dialer) error {
	text, err := json.Marshal(map[string]any{"kind": "CardSender", "org": "kaede", "name": deployName, "spec": map[string]any{
		"title": d.words("demo.deploy.sender"), "audience": map[string]any{"people": []string{"chika"}}, "callback": d.deploy.app.Callback,
		"templates": []any{d.question()},
	}})
	if err != nil {
		return err
	}
	roots, err := yaml.Parse(deployName, text, yaml.Limits{})
	if err != nil {
		return err
	}
	if err := applyTo(ctx, dial, d.Lang, []manifest.Document{{File: deployName, Root: roots[0]}}); err != nil {
		return err
	}
	org, err := h.Register().OrganizationNamed(ctx, "kaede")
	if err != nil {
		return err
	}
	all, err := h.Senders().List(ctx, org.ID)
	which := ""
	for _, s := range all {
		if s.Name == deployName {
			which = string(s.ID)
		}
	}
	if err != nil || which == "" {
		return errors.Join(err, errors.New("demo: the house does not know the program that it was told of"))
	}
	said, err := post(ctx, dial, d.Lang, "/organizations/"+string(org.ID)+"/card-senders/"+which+"/tokens", map[string]any{"days": 30, "overlap_hours": 0})
	if err != nil {
		return err
	}
	var made struct{ Value string }
	err = json.Unmarshal(said, &made)
	d.deploy.token = secret.Of(made.Value)
	return err
}

// question is the card that the program sends, in both languages.
func (d *demo) question() map[string]any {
	card := func(lang words.Lang) map[string]any {
		say := func(key string) string {
			return d.book.Say(lang, "demo.deploy.card."+key, fault.Pairs("what", "{what}"))
		}
		return map[string]any{
			"title": say("title"), "text": say("text"), "fields": []any{map[string]string{"label": say("window"), "value": "22:00–22:30"}},
			"actions": []any{
				map[string]any{"id": "go", "label": say("go"), "completed": say("gone")},
				map[string]any{"id": "stop", "label": say("stop"), "inputs": []any{map[string]any{"id": "why", "label": say("why")}}},
			},
		}
	}
	all := card(words.English)
	all["name"], all["languages"] = deployName, map[string]any{string(words.Japanese): card(words.Japanese)}
	return all
}

// ask sends the card about one deployment; the one of this name again is the same.
func (p *deployDesk) ask(ctx context.Context, n int) error {
	what := "web 2." + strconv.Itoa(n)
	said, err := p.call(ctx, http.MethodPost, web.APIPrefix+"/sent-cards", map[string]any{
		"key": "deploy-2." + strconv.Itoa(n), "to": map[string]any{"people": []string{"chika"}}, "template": deployName,
		"arguments": map[string]string{"what": what},
	})
	if err != nil {
		return err
	}
	var made struct {
		ID            string
		Title         string
		Made          time.Time
		ContentDigest string `json:"content_digest"`
	}
	if err := json.Unmarshal(said, &made); err != nil {
		return err
	}
	p.app.Expects(made.ID, made.ContentDigest)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, deployment{made.ID, "deploy-2." + strconv.Itoa(n), made.Title, made.Made})
	return nil
}

// showDeploy is the program's own page: what it asked, and what it was told.
func (g *guideServer) showDeploy(w http.ResponseWriter, r *http.Request) {
	ctx := g.reader(r, "")
	ui.Of(ctx).Title = ui.Say(ctx, "demo.deploy")
	g.write(ctx, w, http.StatusOK, page(5, deploys(g.demo.deploy.look())))
}

// deployView is that page.
type deployView struct {
	Callback string
	Asked    []deployAsked
	More     bool // another may be asked about
}

type deployAsked struct {
	deployment
	Told []deployTold
}

// deployTold is one decision, as it was signed.
type deployTold struct{ Decision, Reason, Who, Claims string }

func (p *deployDesk) look() deployView {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := deployView{Callback: p.app.Callback, More: len(p.sent) < deployMost}
	told := p.app.Told()
	for _, one := range slices.Backward(p.sent) {
		asked := deployAsked{deployment: one}
		for _, t := range told {
			if t.SentCard != one.ID {
				continue
			}
			claims, _ := json.MarshalIndent(t, "", "  ") // of strings
			asked.Told = append(asked.Told, deployTold{t.Decision, t.Inputs["why"], t.Person.Name, string(claims)})
		}
		v.Asked = append(v.Asked, asked)
	}
	return v
}

// askMore has the program ask about the next deployment.
func (g *guideServer) askMore(w http.ResponseWriter, r *http.Request) {
	p := g.demo.deploy
	p.mu.Lock()
	n := deployFirst + len(p.sent)
	p.mu.Unlock()
	if n < deployFirst+deployMost {
		if err := p.ask(r.Context(), n); err != nil {
			g.broke(w, err)
			return
		}
	}
	http.Redirect(w, r, deployPath, http.StatusSeeOther)
}

// deployFirst is the number of the first deployment.
const deployFirst = 4
