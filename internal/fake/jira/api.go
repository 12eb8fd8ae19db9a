package jira

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/secret"
)

// gateway is how api.atlassian.com refuses.
func gateway(status int, message string) fake.Answer {
	return fake.Answer{Status: status, Body: map[string]any{"code": status, "message": message}}
}

// refuse is how a service desk refuses.
func refuse(status int, message string) fake.Answer {
	return fake.Answer{Status: status, Body: map[string]any{"errorMessage": message, "i18nErrorMessage": map[string]any{"i18nKey": message, "parameters": []any{}}}}
}

// refuseIssue is how the platform refuses.
func refuseIssue(status int, message string) fake.Answer {
	return fake.Answer{Status: status, Body: map[string]any{"errorMessages": []string{message}, "errors": map[string]any{}}}
}

const noIssue = "Issue does not exist or you do not have permission to see it."

func broken() fake.Answer { return gateway(http.StatusInternalServerError, "Internal Server Error") }

func (s *System) throttled(retry time.Duration) fake.Answer {
	a := gateway(http.StatusTooManyRequests, "Rate limit exceeded")
	reason := s.switches.RateReason
	if reason == "" {
		reason = "jira-quota-based"
	}
	a.Header = http.Header{
		"Retry-After": {strconv.Itoa(int(retry.Seconds()))}, "X-Ratelimit-Limit": {"100"}, "X-Ratelimit-Remaining": {"0"},
		"X-Ratelimit-Reset": {s.stage.Clock.Now().Add(retry).Format(time.RFC3339)}, "Ratelimit-Reason": {reason},
	}
	return a
}

// visit is one call to a site: who makes it, and what they may.
type visit struct {
	site *site
	user *user
	root string   // address of the site's API as the caller knows it
	web  string   // address of the site
	may  []string // scopes; nil is all, of who came with an API token
}

type visitKey struct{}

// byToken lets in who has a bearer token of an app.
func (s *System) byToken(rest http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v visit
		s.stage.Do(func() {
			g, one := s.bearer(r), s.siteOf(r.PathValue("cloud"))
			if g == nil {
				return
			}
			v.user, v.may = s.people[g.login], append([]string{}, g.scopes...)
			if one != nil && one.Cloud == r.PathValue("cloud") && slices.Contains(s.sitesOf(g.login), one) {
				v.site, v.root, v.web = one, fake.URLOf(r)+"/ex/jira/"+one.Cloud, fake.URLOf(r)+"/"+one.Key
			}
		})
		switch {
		case v.user == nil:
			gateway(http.StatusUnauthorized, "Unauthorized").Write(w)
		case v.site == nil:
			gateway(http.StatusNotFound, "Not Found").Write(w)
		default:
			s.let(w, r, v, "/ex/jira/"+r.PathValue("cloud"), rest)
		}
	}
}

// byAPIToken lets in who has an e-mail and an API token, at the site itself.
func (s *System) byAPIToken(one *site, rest http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v visit
		mail, token, _ := r.BasicAuth()
		s.stage.Do(func() {
			if u := s.byMail(mail); u != nil && u.Token.Equal(secret.Of(token)) && !u.Inactive && slices.Contains(s.sitesOf(u.Login), one) {
				root := fake.URLOf(r) + "/" + one.Key
				v = visit{site: one, user: u, root: root, web: root}
			}
		})
		if v.user == nil {
			a := refuseIssue(http.StatusUnauthorized, "Client must be authenticated to access this resource.")
			a.Write(w)
			return
		}
		s.let(w, r, v, "/"+one.Key, rest)
	}
}

func (s *System) let(w http.ResponseWriter, r *http.Request, v visit, prefix string, rest http.Handler) {
	fake.Known(r, v.user.Login)
	if s.near() {
		w.Header().Set("X-RateLimit-Limit", "100")
		w.Header().Set("X-RateLimit-Remaining", "12")
		w.Header().Set("X-RateLimit-NearLimit", "true")
	}
	http.StripPrefix(prefix, rest).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
}

func (s *System) near() (near bool) {
	s.stage.Do(func() { near = s.switches.NearLimit })
	return near
}

// restRoutes are the addresses of a site's API, each with the scope that it
// wants.
func (s *System) restRoutes() http.Handler {
	mux := http.NewServeMux()
	const service, platform = "/rest/servicedeskapi", "/rest/api/3"
	for _, one := range []struct {
		pattern, scope string
		do             func(http.ResponseWriter, *http.Request, visit)
	}{
		{"GET " + service + "/request", readRequest, s.read(s.requests)},
		{"POST " + service + "/request", writeRequest, s.createRequest},
		{"GET " + service + "/request/{key}", readRequest, s.read(s.oneRequest)},
		{"GET " + service + "/request/{key}/approval", readRequest, s.read(s.approvals)},
		{"GET " + service + "/request/{key}/approval/{id}", readRequest, s.read(s.oneApproval)},
		{"POST " + service + "/request/{key}/approval/{id}", writeRequest, s.answerApproval},
		{"GET " + service + "/request/{key}/comment", readRequest, s.read(s.comments)},
		{"POST " + service + "/request/{key}/comment", writeRequest, s.addComment},
		{"GET " + service + "/request/{key}/transition", readRequest, s.read(s.transitions)},
		{"POST " + service + "/request/{key}/transition", writeRequest, s.doTransition},
		{"GET " + service + "/servicedesk", readRequest, s.read(s.desks)},
		{"GET " + service + "/servicedesk/{desk}", readRequest, s.read(s.oneDesk)},
		{"GET " + service + "/servicedesk/{desk}/requesttype", readRequest, s.read(s.types)},
		{"GET " + service + "/servicedesk/{desk}/requesttype/{type}", readRequest, s.read(s.oneType)},
		{"GET " + service + "/servicedesk/{desk}/requesttype/{type}/field", readRequest, s.read(s.fields)},
		{"GET " + platform + "/myself", readUser, s.read(s.myself)},
		{"GET " + platform + "/user", readUser, s.read(s.oneUser)},
		{"GET " + platform + "/user/search", readUser, s.read(s.users)},
		{"GET " + platform + "/issue/{key}", readWork, s.read(s.issue)},
		{"GET " + platform + "/issue/{key}/comment", readWork, s.read(s.issueComments)},
		{"POST " + platform + "/issue/{key}/comment", writeWork, s.addIssueComment},
		{"GET " + platform + "/issue/{key}/properties/{property}", readWork, s.read(s.property)},
		{"PUT " + platform + "/issue/{key}/properties/{property}", writeWork, s.putProperty},
		{"GET " + platform + "/search/jql", readWork, s.read(s.search)},
		{"GET " + platform + "/webhook", manageHooks, s.read(s.listHooks)},
		{"POST " + platform + "/webhook", manageHooks, s.addHooks},
		{"PUT " + platform + "/webhook/refresh", manageHooks, s.refreshHooks},
	} {
		mux.HandleFunc(one.pattern, func(w http.ResponseWriter, r *http.Request) {
			v, _ := r.Context().Value(visitKey{}).(visit)
			if v.may != nil && !slices.Contains(v.may, one.scope) {
				gateway(http.StatusUnauthorized, scopeMismatch).Write(w)
				return
			}
			one.do(w, r, v)
		})
	}
	return mux
}

// read answers under the lock.
func (s *System) read(do func(*http.Request, visit) fake.Answer) func(http.ResponseWriter, *http.Request, visit) {
	return func(w http.ResponseWriter, r *http.Request, v visit) {
		var a fake.Answer
		s.stage.Do(func() { a = do(r, v) })
		a.Write(w)
	}
}

// seen is the request that an address names, if the caller may see it.
func (v visit) seen(r *http.Request) *request {
	q := v.site.request(r.PathValue("key"))
	if q == nil || !v.user.sees(q) {
		return nil
	}
	return q
}

// paged is a list as a service desk gives it. The page is as large as the server
// likes, whatever was asked for.
func (s *System) paged(r *http.Request, v visit, all []map[string]any) fake.Answer {
	most := 100
	if s.switches.PageSize > 0 {
		most = s.switches.PageSize
	}
	asked := r.URL.Query()
	start, limit := number(asked.Get("start"), 0), number(asked.Get("limit"), 50)
	limit = max(1, min(limit, most))
	from := min(start, len(all))
	values := all[from:min(from+limit, len(all))]
	if values == nil {
		values = []map[string]any{}
	}
	self := func(start int) string {
		query := url.Values{}
		for name, value := range asked {
			query[name] = value
		}
		query.Set("start", strconv.Itoa(start))
		query.Set("limit", strconv.Itoa(limit))
		return v.root + r.URL.Path + "?" + query.Encode()
	}
	last := from+len(values) >= len(all)
	links := map[string]any{"base": v.web, "context": "", "self": self(start)}
	if !last {
		links["next"] = self(start + limit)
	}
	return fake.Answer{Body: map[string]any{"size": len(values), "start": start, "limit": limit, "isLastPage": last, "values": values, "_links": links}}
}

func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// moment is a time in the four forms of a service desk.
func (u *user) moment(at time.Time) map[string]any {
	local := at.In(u.zone())
	return map[string]any{
		"iso8601": local.Format("2006-01-02T15:04:05-0700"), "jira": local.Format("2006-01-02T15:04:05.000-0700"),
		"friendly": local.Format("02/Jan/06 3:04 PM"), "epochMillis": at.UnixMilli(),
	}
}

func (u *user) zone() *time.Location {
	name := u.Zone
	if name == "" {
		name = "Asia/Tokyo"
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// person is somebody as others see them.
func (s *System) person(v visit, login string) map[string]any {
	u := s.people[login]
	if u == nil {
		return nil
	}
	zone := u.Zone
	if zone == "" {
		zone = "Asia/Tokyo"
	}
	out := map[string]any{
		"accountId": u.Account, "displayName": u.Name, "active": !u.Inactive, "timeZone": zone,
		"_links": map[string]any{"self": v.root + "/rest/api/3/user?accountId=" + url.QueryEscape(u.Account)},
	}
	if !s.switches.HiddenMail {
		out["emailAddress"] = u.Email
	}
	return out
}

func (s *System) myself(_ *http.Request, v visit) fake.Answer {
	out := s.person(v, v.user.Login)
	out["accountType"], out["self"] = "atlassian", v.root+"/rest/api/3/user?accountId="+url.QueryEscape(v.user.Account)
	delete(out, "_links")
	return fake.Answer{Body: out}
}

func (s *System) oneUser(r *http.Request, v visit) fake.Answer {
	u := s.byAccount(r.URL.Query().Get("accountId"))
	if u == nil {
		return refuseIssue(http.StatusNotFound, "Specified user does not exist or you do not have required permissions")
	}
	return fake.Answer{Body: s.person(v, u.Login)}
}

// users finds people by a part of their name or e-mail; one that is hidden finds
// nobody.
func (s *System) users(r *http.Request, v visit) fake.Answer {
	query := strings.ToLower(r.URL.Query().Get("query"))
	all := []map[string]any{}
	for _, login := range slices.Sorted(maps.Keys(s.people)) {
		u := s.people[login]
		if strings.Contains(strings.ToLower(u.Name), query) || !s.switches.HiddenMail && strings.Contains(strings.ToLower(u.Email), query) {
			all = append(all, s.person(v, login))
		}
	}
	return fake.Answer{Body: all}
}

func (s *System) desks(r *http.Request, v visit) fake.Answer {
	all := []map[string]any{}
	for _, d := range v.site.Desks {
		all = append(all, d.shown(v))
	}
	return s.paged(r, v, all)
}

func (d desk) shown(v visit) map[string]any {
	return map[string]any{
		"id": d.ID, "projectId": "1000" + d.ID, "projectKey": d.Project, "projectName": d.Name,
		"_links": map[string]any{"self": v.root + "/rest/servicedeskapi/servicedesk/" + d.ID},
	}
}

func (s *System) oneDesk(r *http.Request, v visit) fake.Answer {
	d := v.site.desk(r.PathValue("desk"))
	if d == nil {
		return refuse(http.StatusNotFound, "The Service Desk could not be found.")
	}
	return fake.Answer{Body: d.shown(v)}
}

func (s *System) types(r *http.Request, v visit) fake.Answer {
	d := v.site.desk(r.PathValue("desk"))
	if d == nil {
		return refuse(http.StatusNotFound, "The Service Desk could not be found.")
	}
	all := []map[string]any{}
	wanted := strings.ToLower(r.URL.Query().Get("searchQuery"))
	for _, t := range d.Types {
		if strings.Contains(strings.ToLower(t.Name+" "+t.About), wanted) {
			all = append(all, t.shown(v, d))
		}
	}
	return s.paged(r, v, all)
}

func (t requestType) shown(v visit, d *desk) map[string]any {
	return map[string]any{
		"id": t.ID, "name": t.Name, "description": t.About, "helpText": "", "serviceDeskId": d.ID, "issueTypeId": "10001", "groupIds": []string{},
		"_links": map[string]any{"self": v.root + "/rest/servicedeskapi/servicedesk/" + d.ID + "/requesttype/" + t.ID},
	}
}

func (s *System) oneType(r *http.Request, v visit) fake.Answer {
	d := v.site.desk(r.PathValue("desk"))
	t := d.kind(r.PathValue("type"))
	if t == nil {
		return refuse(http.StatusNotFound, "The request type could not be found.")
	}
	return fake.Answer{Body: t.shown(v, d)}
}

func (s *System) fields(r *http.Request, v visit) fake.Answer {
	t := v.site.desk(r.PathValue("desk")).kind(r.PathValue("type"))
	if t == nil {
		return refuse(http.StatusNotFound, "The request type could not be found.")
	}
	all := []map[string]any{}
	for _, f := range t.Fields {
		valid := []map[string]any{}
		for i, name := range f.Options {
			valid = append(valid, map[string]any{"value": optionID(f, i), "label": name, "children": []any{}})
		}
		all = append(all, map[string]any{
			"fieldId": f.ID, "name": f.Label, "description": "", "required": f.Required, "visible": true, "validValues": valid,
			"jiraSchema": map[string]any{"type": map[string]string{"options": "array", "asset": "array", "text": "string"}[f.Kind] + map[bool]string{true: f.Kind}[f.Kind == "number" || f.Kind == "date" || f.Kind == "option"]},
		})
	}
	return fake.Answer{Body: map[string]any{"requestTypeFields": all, "canRaiseOnBehalfOf": v.user.agent(), "canAddRequestParticipants": true}}
}

// optionID numbers the options of a field.
func optionID(f field, i int) string {
	return strings.TrimPrefix(f.ID, "customfield_") + strconv.Itoa(i+1)
}

// assetID names an object of Assets.
func assetID(f field, i int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(f.ID + f.Options[i]))
}
