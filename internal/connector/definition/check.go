package definition

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// The codes of what can be wrong in a definition.
const (
	codeApproverMissing = "definition-approver-missing"
	codeOrdering        = "definition-order-only"
	codeBehalf          = "definition-order-for-nobody"
	codeBody            = "definition-body"
	codeCardOperations  = "definition-card-operations"
	codeEach            = "definition-each"
	codeEndpoint        = "definition-endpoint"
	codeEnglish         = "definition-english"
	codeExample         = "definition-example"
	codeExpression      = "definition-expression"
	codeHeader          = "definition-header"
	codeHost            = "definition-host"
	codeHostUnlisted    = "definition-host-unlisted"
	codeLimit           = "definition-limit"
	codeName            = "definition-name"
	codeOneDocument     = "definition-one-document"
	codePage            = "definition-page"
	codePathOrUrl       = "definition-path-or-url"
	codePattern         = "definition-pattern"
	codeSecretDefault   = "definition-secret-default"
	codeType            = "definition-type"
	codeUnknownName     = "definition-unknown-name"
	codeUnquoted        = "definition-unquoted"
	codeVerifyMissing   = "definition-verify-missing"
	codeWord            = "definition-word"
)

func invalid(err error) error {
	if ps, ok := err.(yaml.Problems); ok {
		return ps.Fault("definition-invalid")
	}
	return err
}

// parser compiles and checks a document. Every mistake is noted, none ends it.
type parser struct {
	file     string
	doc      *document
	problems yaml.Problems
	op       *operation // that is being checked
	steps    []string   // ids that an expression may name
	compiled map[string]*code
}

func (p *parser) add(line int, path, code string, pairs ...any) {
	if len(p.problems) < 100 {
		p.problems = append(p.problems, yaml.Problem{File: p.file, Line: line, Path: path, Code: code, Args: fault.Pairs(pairs...)})
	}
}

// take notes what decoding found.
func (p *parser) take(err error) {
	var ps yaml.Problems
	if errors.As(err, &ps) {
		p.problems = append(p.problems, ps...)
	}
}

func (p *parser) line(path string) int { return p.doc.node.LineOf(path) }

var (
	idForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	stepForm = regexp.MustCompile(`^[a-z][A-Za-z0-9_]{0,39}$`)
)

func (p *parser) check() {
	d := p.doc
	d.Kind = cmp.Or(d.Kind, KindREST)
	p.word("apiVersion", d.APIVersion, APIVersion)
	p.word("kind", d.Kind, KindREST, KindCard)
	p.form("id", d.ID, idForm)
	p.languages("title", d.Title)
	if d.Docs != nil {
		p.languages("docs", d.Docs)
	}
	p.zone()
	p.limits()
	p.poll()
	p.settings()
	p.hosts()
	p.auth()
	for i, r := range d.Errors {
		p.rule(fmt.Sprintf("errors[%d]", i), r)
	}
	for _, op := range d.Operations {
		p.operation(op)
	}
	p.whole()
	p.webhook()
	p.examples()
}

func (p *parser) word(path, value string, known ...string) {
	if value != "" && !slices.Contains(known, value) {
		p.add(p.line(path), path, codeWord, "value", value, "known", strings.Join(known, ", "))
	}
}

func (p *parser) form(path, value string, form *regexp.Regexp) {
	if value != "" && !form.MatchString(value) {
		p.add(p.line(path), path, codeName, "name", value)
	}
}

func (p *parser) languages(path string, texts map[string]string) {
	if p.doc.node.Get(path) != nil && texts["en"] == "" {
		p.add(p.line(path), path, codeEnglish)
	}
	for lang := range texts {
		p.word(path+"."+lang, lang, "en", "ja")
	}
}

func (p *parser) zone() {
	d := p.doc
	d.zone = time.UTC
	if d.Zone == "" || d.Zone == "UTC" {
		return
	}
	at, err := time.Parse("-07:00", d.Zone)
	if err != nil {
		p.add(p.line("zone"), "zone", codeWord, "value", d.Zone, "known", "UTC, +09:00")
		return
	}
	d.zone = at.Location()
}

func (p *parser) limits() {
	l := &p.doc.Limits
	l.RPS, l.Burst, l.Concurrency = cmp.Or(l.RPS, 2), cmp.Or(l.Burst, 5), cmp.Or(l.Concurrency, 2)
	l.Timeout, l.Total, l.MaxBody = cmp.Or(l.Timeout, 15*time.Second), cmp.Or(l.Total, time.Minute), cmp.Or(l.MaxBody, 4<<20)
	l.MaxSteps, l.MaxForeach, l.CELCost = cmp.Or(l.MaxSteps, 20), cmp.Or(l.MaxForeach, 200), cmp.Or(l.CELCost, mostCost)
	for _, cap := range []struct {
		name             string
		value, low, most float64
		shown            string
	}{
		{"rps", l.RPS, 0.01, 100, "100"},
		{"burst", float64(l.Burst), 1, 1000, "1000"},
		{"concurrency", float64(l.Concurrency), 1, 32, "32"},
		{"timeout", l.Timeout.Seconds(), 0.1, 60, "60s"},
		{"total", l.Total.Seconds(), 0.1, 300, "5m"},
		{"maxBody", float64(l.MaxBody), 1, 16 << 20, "16MiB"},
		{"maxSteps", float64(l.MaxSteps), 1, 100, "100"},
		{"maxForeach", float64(l.MaxForeach), 1, 1000, "1000"},
		{"celCost", float64(l.CELCost), 100, mostCost, "100000"},
	} {
		if cap.value < cap.low || cap.value > cap.most {
			p.add(p.line("limits."+cap.name), "limits."+cap.name, codeLimit, "name", cap.name, "limit", cap.shown)
		}
	}
}

func (p *parser) poll() {
	poll := &p.doc.Poll
	poll.Interval, poll.MaxInterval, poll.Jitter = cmp.Or(poll.Interval, time.Minute), cmp.Or(poll.MaxInterval, 15*time.Minute), cmp.Or(poll.Jitter, 20)
	if poll.PerUser == nil {
		yes := true
		poll.PerUser = &yes
	}
	if poll.Interval < 15*time.Second || poll.MaxInterval < poll.Interval {
		p.add(p.line("poll"), "poll", codeLimit, "name", "interval", "limit", "15s")
	}
}

func (p *parser) settings() {
	for _, s := range p.doc.Settings {
		path := "settings." + s.Name
		p.form(path, s.Name, nameForm)
		p.word(path+".type", s.Type, settingTypes...)
		if s.Default == nil || !slices.Contains(settingTypes, s.Type) {
			continue
		}
		if s.Type == SettingSecret {
			p.add(s.line, path+".default", codeSecretDefault, "name", s.Name)
		} else if value, f := s.fit(s.Default); f != nil {
			p.add(s.line, path+".default", f.Code, f.Args.Pairs()...)
		} else {
			s.Default = value
		}
	}
}

func (p *parser) setting(name string) *Setting {
	i := slices.IndexFunc(p.doc.Settings, func(s *Setting) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return p.doc.Settings[i]
}

// template fills a template with values that fit the settings' types, to see
// whether any could.
func (p *parser) template(path, text string) (string, bool) {
	cfg := map[string]any{}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		s := p.setting(m[1])
		if s == nil || s.Type != SettingURL && s.Type != SettingText {
			p.add(p.line(path), path, codeUnknownName, "name", m[1], "known", p.settingNames())
			return "", false
		}
		cfg[m[1]] = map[bool]string{true: "https://system.example", false: "system"}[s.Type == SettingURL]
	}
	u, err := place(text, cfg)
	if err != nil {
		p.add(p.line(path), path, codeHost, "host", text)
		return "", false
	}
	return origin(u.Parsed()), true
}

func (p *parser) settingNames() string {
	var names []string
	for _, s := range p.doc.Settings {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

func (p *parser) hosts() {
	if p.doc.node.Get("hosts") != nil && len(p.doc.Hosts) == 0 {
		p.add(p.line("hosts"), "hosts", codeHost, "host", "")
	}
	for i, host := range p.doc.Hosts {
		p.template(fmt.Sprintf("hosts[%d]", i), host)
	}
}

// endpoint checks that the URL lies at one of the hosts: the same setting counts
// as the same place.
func (p *parser) endpoint(path, text string) {
	if text == "" {
		return
	}
	at, ok := p.template(path, text)
	listed := slices.ContainsFunc(p.doc.Hosts, func(host string) bool {
		own, fine := p.origin(host)
		return fine && own == at && placeholder.FindString(host) == placeholder.FindString(text)
	})
	if ok && !listed {
		p.add(p.line(path), path, codeHostUnlisted, "host", text)
	}
}

func (p *parser) origin(host string) (string, bool) {
	quiet := &parser{file: p.file, doc: p.doc}
	return quiet.template("hosts", host)
}

func (p *parser) auth() {
	a := &p.doc.Auth
	for i, mode := range a.Modes {
		p.word(fmt.Sprintf("auth.modes[%d]", i), mode, ModeUser, ModeService)
	}
	for _, s := range a.Schemes {
		p.scheme(s, "auth.schemes."+s.Kind)
	}
	p.pairs("auth.headers", a.Headers, inAuth, nil)
	if a.Impersonate != nil {
		p.op = nil
		p.expr("auth.impersonate.value", &a.Impersonate.Value, inRequest, nil)
	}
}

func (p *parser) scheme(s *Scheme, path string) {
	if !slices.Contains(schemeKinds, s.Kind) {
		p.add(s.line, path, codeWord, "value", s.Kind, "known", strings.Join(schemeKinds, ", "))
		return
	}
	s.Separator, s.PKCE = cmp.Or(s.Separator, " "), cmp.Or(s.PKCE, "S256")
	s.TokenAuth, s.TokenBody = cmp.Or(s.TokenAuth, "body"), cmp.Or(s.TokenBody, "form")
	p.word(path+".pkce", s.PKCE, "S256", "none")
	p.word(path+".tokenAuth", s.TokenAuth, "body", "basic")
	p.word(path+".tokenBody", s.TokenBody, "form", "json")
	p.endpoint(path+".authorizationEndpoint", s.Authorize)
	p.endpoint(path+".tokenEndpoint", s.Token)
	p.endpoint(path+".revocationEndpoint", s.Revoke)
	if s.Kind == SchemeCode && s.Authorize == "" || (s.Kind == SchemeCode || s.Kind == SchemeClient) && s.Token == "" {
		p.add(s.line, path, codeEndpoint, "name", s.Kind)
	}
	p.tokenUser(s, path)
	p.pairs(path+".headers", s.headers, inAuth, nil)
	if s.Kind == SchemeHeaderToken && len(s.headers) == 0 && len(p.doc.Auth.Headers) == 0 && p.doc.Kind == KindREST {
		p.add(s.line, path, yaml.CodeMissing, "name", "headers")
	}
}

// law is what an expression has to keep besides its types.
type law struct {
	whole   bool     // not foreign text as it is, either
	helpers []string // that quote for this place
}

var (
	pathLaw  = &law{true, []string{"urlpath"}}
	urlLaw   = &law{false, []string{"urlpath"}}
	queryLaw = &law{false, []string{"snq", "rtq", "jqlq", "urlpath"}}
)

func (p *parser) pairs(path string, ps pairs, where stance, keep *law) {
	for i := range ps {
		p.expr(path+"."+ps[i].name, &ps[i].value, where, keep)
	}
}

func (p *parser) tree(path string, t *tree, where stance) {
	switch {
	case t == nil:
	case t.leaf != nil:
		p.expr(path, t.leaf, where, nil)
	default:
		for i, item := range t.items {
			p.tree(fmt.Sprintf("%s[%d]", path, i), item, where)
		}
		for _, f := range t.fields {
			p.tree(path+"."+f.name, f.value, where)
		}
	}
}

// expr compiles the expression and holds it to what it may name and to the law.
// want are the types that it may come to, besides dyn; none means any.
func (p *parser) expr(path string, x *expr, where stance, keep *law, want ...*cel.Type) {
	if !x.given() {
		return
	}
	compiled, bad, err := p.compile(x.text, where)
	if err != nil {
		p.add(x.line, path, codeExpression, "reason", cut(err.Error()))
		return
	}
	for _, e := range bad {
		p.add(x.line+max(e.Location.Line()-1, 0), path, codeExpression, "reason", fmt.Sprintf("%d: %s", e.Location.Column()+1, cut(e.Message)))
	}
	if len(bad) > 0 {
		return
	}
	x.code = compiled
	if len(want) > 0 && !compiled.out.IsExactType(cel.DynType) && !slices.ContainsFunc(want, func(t *cel.Type) bool { return t.Kind() == compiled.out.Kind() }) {
		p.add(x.line, path, codeType, "want", cel.FormatCELType(want[0]), "type", cel.FormatCELType(compiled.out))
	}
	p.members(path, x)
	if keep != nil {
		for range compiled.unquoted(keep.whole, keep.helpers...) {
			p.add(x.line, path, codeUnquoted, "helpers", strings.Join(keep.helpers, ", "))
			break
		}
	}
}

// compile compiles each text once: aliases of YAML repeat many.
func (p *parser) compile(text string, where stance) (*code, []*cel.Error, error) {
	key := strconv.Itoa(int(where)) + text
	if known := p.compiled[key]; known != nil {
		return known, nil, nil
	}
	out, bad, err := compile(text, where, p.doc.Limits.CELCost)
	if out != nil {
		p.compiled[key] = out
	}
	return out, bad, err
}

// members refuses names that nothing will ever have.
func (p *parser) members(path string, x *expr) {
	for _, m := range x.code.members() {
		var known []string
		switch m.root {
		case "cfg":
			for _, s := range p.doc.Settings {
				if s.Type != SettingSecret {
					known = append(known, s.Name)
				}
			}
		case "arg":
			known = argNames(p.opName())
		case "steps":
			known = p.steps
		case "cred":
			known = credNames
		default:
			continue
		}
		if m.name == "" && m.root == "cred" || m.name != "" && !slices.Contains(known, m.name) {
			p.add(x.line, path, codeUnknownName, "name", m.root+"."+m.name, "known", strings.Join(known, ", "))
		}
	}
}

var credNames = []string{"access_token", "token", "username", "password"}

func (p *parser) opName() string {
	if p.op == nil {
		return ""
	}
	return p.op.name
}

func (p *parser) tokenUser(s *Scheme, path string) {
	if s.UserInText == "" {
		return
	}
	form, err := regexp.Compile(`^(?:` + s.UserInText + `)$`)
	if err != nil || form.NumSubexp() != 1 {
		p.add(s.line, path+".tokenUser", codePattern, "reason", cut(fmt.Sprint(err)))
		return
	}
	s.account = form
}
