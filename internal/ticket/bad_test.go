package ticket_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

// languages in which people are told what is wrong.
var languages = []string{"en", "ja"}

// said is what people read of a problem: what it is, and what to do.
var said = map[string]map[string][]string{
	"connector-endpoint-wrong":   {"en": {"does not answer like one", "compares the base URL and the endpoints", "Nothing was changed"}, "ja": {"正しい応答が得られませんでした", "ベースURLとエンドポイントを接続先の値と照合", "何も変更されていません"}},
	"connector-client-refused":   {"en": {"its secret is wrong", "compares client ID, client secret", "Nothing was changed"}, "ja": {"シークレットが誤っている", "接続先の登録内容と照合", "何も変更されていません"}},
	"connector-grant-refused":    {"en": {"did not give tokens", "compares client ID, client secret and callback URL", "Nothing was changed"}, "ja": {"トークンを取得できませんでした", "コールバックURLを接続先の登録内容と照合", "何も変更されていません"}},
	"connection-consent-refused": {"en": {"You were not connected", "access_denied", "allow access if you want to", "Nothing was changed"}, "ja": {"接続されませんでした", "access_denied", "アクセスを許可してください", "何も変更されていません"}},
	"connector-no-such-user":     {"en": {"There is no account at the other side", "Ask for an account there"}, "ja": {"接続先にアカウントがありません", "アカウントを作成してもらってから"}},
	"connector-ambiguous-user":   {"en": {"More than one account", "makes the address unique", "Nothing was connected"}, "ja": {"該当するアカウントが複数", "重複を解消してください", "接続は行われていません"}},
	"connector-forbidden":        {"en": {"does not permit this", "it is the wrong account or site"}, "ja": {"許可されていない操作", "アカウントまたはサイトが誤っています"}},
	"connector-unauthorized":     {"en": {"does not accept the credential", "Connect again with a credential that counts"}, "ja": {"認証情報を受け付けませんでした", "有効な認証情報でもう一度接続"}},
	"connector-answer-invalid":   {"en": {"The answer of the system does not fit", "Compare the base URL"}, "ja": {"応答が想定と異なります", "ベースURLを確認してください"}},
	"egress-answer-too-large":    {"en": {"larger than the limit", "Compare the address"}, "ja": {"応答が上限", "アドレスを確認してください"}},
	"connector-redirects":        {"en": {"sends us on to another address", "writes the address to which it leads", "Nothing was changed"}, "ja": {"別のアドレスへリダイレクト", "最終的に表示されるアドレスを設定", "何も変更されていません"}},
	"egress-target-refused":      {"en": {"is not on the public internet", "add its network"}, "ja": {"公開インターネットのアドレスではありません", "ネットワークを加えてください"}},
	"connector-clock-differs":    {"en": {"refuses what it has just given", "compared with a time server", "Nothing was changed"}, "ja": {"発行したばかりのトークンを拒否", "時刻サーバーに合わせてください", "何も変更されていません"}},
	"connector-not-found":        {"en": {"knows no such record", "A wrong base URL looks like this"}, "ja": {"該当するレコードがありません", "ベースURLが誤っている場合にも"}},
}

// front stands before a simulator and answers in its place where it likes.
type front struct {
	http.Handler
	first atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if first := f.first.Load(); first != nil && (*first)(w, r) {
		return
	}
	f.Handler.ServeHTTP(w, r)
}

// behind puts a front before the rig's ServiceNow, and has systems lead to it.
func (r *rig) behind(next http.Handler) *front {
	r.t.Helper()
	f := &front{Handler: next}
	l, err := fake.Listen("", f)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	r.at = l.URL
	return f
}

// in asks for a page in a language.
func in(v *housetest.Visitor, lang, path string) housetest.Answer {
	got := v.Send(http.MethodGet, path, "", http.Header{"Accept-Language": {lang}})
	got.Body = html.UnescapeString(got.Body)
	return got
}

func says(t *testing.T, lang, code string, status int, got housetest.Answer) {
	t.Helper()
	if got.Status != status {
		t.Errorf("%s: %d, want %d", lang, got.Status, status)
	}
	for _, want := range said[code][lang] {
		if !strings.Contains(got.Body, want) {
			t.Errorf("%s: the page does not say %q", lang, want)
		}
	}
	if len(said[code][lang]) == 0 || strings.Contains(got.Body, "problem."+code) {
		t.Errorf("%s: nobody knows what to say of %s", lang, code)
	}
}

// records are those of an event about a system, the newest last.
func (r *rig) records(name, system string) (found []audit.Record) {
	r.t.Helper()
	all, err := r.h.Records(r.t.Context(), housetest.Epoch.AddDate(-20, 0, 0))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, one := range all {
		if one.Name == name && one.Target == "connector:"+system {
			found = append(found, one)
		}
	}
	return found
}

// refused: nobody is connected, nothing was written at the other side, and the
// log has who was refused why.
func (r *rig) refused(system string, who id.Person, code string, before int) {
	r.t.Helper()
	c, err := r.h.Systems().Connection(r.t.Context(), r.k.Org, id.Connector(system), who)
	if err != nil || c.State == connector.On {
		r.t.Errorf("the connection is %s, %v", c.State, err)
	}
	if n := len(r.sn.Stage().Writes()); n != 0 {
		r.t.Errorf("%d writes reached the system", n)
	}
	all := r.records("connection.refused", system)
	if len(all) != before+1 {
		r.t.Fatalf("the log has %d refusals, want %d", len(all), before+1)
	}
	last := all[len(all)-1]
	if last.Fields["reason"] != code || last.By != id.OfPerson(who) || last.Fields["person"] != string(who) || last.Org != r.k.Org {
		r.t.Errorf("the log says %+v", last)
	}
}

func page(status int, kind, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// TestBadInputWhileConnecting: whatever is wrong at the other side while somebody
// connects, the page says in either language what it is and what to do, nobody is
// connected, nothing was written there, and the log has it.
func TestBadInputWhileConnecting(t *testing.T) {
	const token, users = "/oauth_token.do", "/api/now/table/sys_user"
	on := func(path string, answer func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				answer(w, r)
			}
			return r.URL.Path == path
		}
	}
	private := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://10.1.2.3/")
		w.WriteHeader(http.StatusFound)
	}
	large := `{"result":"` + strings.Repeat("x", 5<<20) + `"}`
	each(t, func(r *rig) {
		f := r.behind(r.sn)
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		for _, c := range []struct {
			name   string
			first  func(http.ResponseWriter, *http.Request) bool
			change func(map[string]any)
			back   func(url.Values)
			status int
			code   string
		}{
			{"wrong base URL: another program answers", on(token, page(200, "text/html", "<html>Welcome</html>")), nil, nil, 422, "connector-endpoint-wrong"},
			{"wrong base URL: nothing is there", on(token, page(404, "text/plain", "no")), nil, nil, 422, "connector-endpoint-wrong"},
			{"wrong base URL: another API", on(users, page(200, "text/html", "<html>Welcome</html>")), nil, nil, 422, "connector-answer-invalid"},
			{"wrong base URL: no such table", on(users, page(404, "application/json", `{"error":{"message":"no"}}`)), nil, nil, 404, "connector-not-found"},
			{"wrong secret", nil, func(b map[string]any) { b["set_secrets"] = map[string]any{"client_secret": "wrong"} }, nil, 422, "connector-grant-refused"},
			{"wrong secret, said as such", on(token, page(401, "application/json", `{"error":"invalid_client"}`)), nil, nil, 422, "connector-client-refused"},
			{"consent refused", nil, nil, func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, 422, "connection-consent-refused"},
			{"a code that is none", nil, nil, func(q url.Values) { q.Set("code", "made-up") }, 422, "connector-grant-refused"},
			{"a user without account", on(users, page(200, "application/json", `{"result":[]}`)), nil, nil, 422, "connector-no-such-user"},
			{"a user with two", on(users, page(200, "application/json", `{"result":[{"sys_id":"1","user_name":"a"},{"sys_id":"2","user_name":"b"}]}`)), nil, nil, 422, "connector-ambiguous-user"},
			{"A142 an answer of 5 MB", on(users, page(200, "application/json", large)), nil, nil, 422, "egress-answer-too-large"},
			{"A142 tokens of 5 MB", on(token, page(200, "application/json", large)), nil, nil, 422, "egress-answer-too-large"},
			{"invalid JSON", on(users, page(200, "application/json", `{"result": [{"sys_id": `)), nil, nil, 422, "connector-answer-invalid"},
			{"invalid JSON for tokens", on(token, page(200, "application/json", `{"access_token": `)), nil, nil, 422, "connector-endpoint-wrong"},
			{"A141 redirect to a private address", on(users, private), nil, nil, 422, "connector-redirects"},
			{"A141 tokens at a private address", on(token, private), nil, nil, 422, "connector-redirects"},
			{"A139 a private address", nil, func(b map[string]any) { b["settings"] = map[string]any{"base_url": "https://10.9.8.7"} }, nil, 403, "egress-target-refused"},
			{"clocks apart", func(w http.ResponseWriter, q *http.Request) bool {
				w.Header().Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat))
				if q.URL.Path == users {
					w.WriteHeader(http.StatusUnauthorized)
				}
				return q.URL.Path == users
			}, nil, nil, 503, "connector-clock-differs"},
		} {
			t.Run(c.name, func(t *testing.T) {
				one := *r
				one.t = t
				name := "s-" + id.New[id.Connector](time.Now())
				system := one.add(func(b map[string]any) {
					b["name"] = string(name)
					if c.change != nil {
						c.change(b)
					}
				})
				for i, lang := range languages {
					f.first.Store(nil)
					back, err := url.Parse(one.consent(botan, system, "botan"))
					if err != nil {
						t.Fatal(err)
					}
					query := back.Query()
					if c.back != nil {
						c.back(query)
					}
					if c.first != nil {
						f.first.Store(&c.first)
					}
					says(t, lang, c.code, c.status, in(botan, lang, back.Path+"?"+query.Encode()))
					one.refused(system, r.k.Botan, c.code, i)
				}
			})
		}
	})
}

// A site that the account cannot reach, and hosts that are another system's.
func TestAWrongSite(t *testing.T) {
	each(t, func(r *rig) {
		cloud, err := jira.New(jira.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cloud.Close)
		l, err := fake.Listen("", cloud)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		app, botan := cloud.AddApp("Sekisho", ""), r.h.As(t, r.k.Botan, r.k.Org)
		f := r.behind(r.sn)
		for name, site := range map[string]string{"not among the account's": "https://elsewhere.atlassian.net", "by its name alone": l.URL + "/KAEDE", "a part of it": l.URL + "/kae"} {
			t.Run(name, func(t *testing.T) {
				one := *r
				one.t = t
				system := one.add(func(b map[string]any) {
					b["definition"], b["name"], b["client_id"] = "jira-service-management-cloud", "jira-"+string(id.New[id.Connector](time.Now())), app.ID
					b["settings"] = map[string]any{"base_url": l.URL, "login_url": l.URL, "site_url": site}
					b["set_secrets"] = map[string]any{"client_secret": app.Secret.Reveal()}
				})
				for i, lang := range languages {
					at, err := url.Parse(botan.Get("/connect/" + system + "/start").Header.Get("Location"))
					if err != nil || at.Path != "/authorize" {
						t.Fatalf("start: %v %v", at, err)
					}
					q := at.Query()
					code := cloud.Code("botan", app.ID, q.Get("redirect_uri"), q.Get("scope"))
					got := in(botan, lang, "/connect/"+system+"/callback?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode())
					says(t, lang, "connector-forbidden", http.StatusUnprocessableEntity, got)
					if !strings.Contains(got.Body, site) {
						t.Errorf("%s: the site is not named", lang)
					}
					one.refused(system, r.k.Botan, "connector-forbidden", i)
				}
				if n := len(cloud.Stage().Writes()); n != 0 {
					t.Errorf("%d writes reached the cloud", n)
				}
			})
		}
		for name, c := range map[string]struct {
			answer func(http.ResponseWriter, *http.Request)
			status int
			code   string
		}{
			"another Request Tracker":    {page(401, "application/json", `{"message":"Unauthorized"}`), 422, "connector-unauthorized"},
			"a page":                     {page(200, "text/html", "<html>Request Tracker</html>"), 422, "connector-answer-invalid"},
			"a system without such APIs": {page(404, "text/html", "no"), 404, "connector-not-found"},
		} {
			t.Run("the host of "+name, func(t *testing.T) {
				one := *r
				one.t = t
				first := func(w http.ResponseWriter, q *http.Request) bool { c.answer(w, q); return true }
				f.first.Store(&first)
				system := one.add(func(b map[string]any) {
					b["definition"], b["name"], b["scheme"] = "request-tracker-5", "rt-"+string(id.New[id.Connector](time.Now())), "header_token"
					delete(b, "client_id")
					delete(b, "set_secrets")
				})
				for i, lang := range languages {
					got := botan.Send(http.MethodPost, "/settings/integrations/"+system+"/credential", url.Values{"token": {"1-14-0123456789abcdef"}}.Encode(), http.Header{
						"Origin": {botan.Base()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept-Language": {lang},
					})
					got.Body = html.UnescapeString(got.Body)
					says(t, lang, c.code, c.status, got)
					if strings.Contains(got.Body, "0123456789abcdef") {
						t.Errorf("TRAP-C24: %s: the token stands on the page", lang)
					}
					one.refused(system, r.k.Botan, c.code, i)
				}
			})
		}
	})
}

// The test screen says that the clocks differ, from some minutes on, and how much;
// that somebody tested, and what came of it, is on record.
func TestTheTestScreenComparesClocks(t *testing.T) {
	each(t, func(r *rig) {
		f := r.behind(r.sn)
		system := r.add()
		if got := r.chika.Get(r.consent(r.chika, system, "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		test := func(lang string) housetest.Answer {
			got := r.chika.Send(http.MethodPost, "/admin/systems/"+system+"/test", "ticket=", http.Header{
				"Origin": {r.chika.Base()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept-Language": {lang},
			})
			got.Body = html.UnescapeString(got.Body)
			return got
		}
		for name, c := range map[string]struct {
			ahead  time.Duration
			en, ja string
			told   bool
		}{
			"some seconds":  {40 * time.Second, "", "", false},
			"hours ahead":   {210 * time.Minute, "The clock of this system is 3 hours ahead of ours", "このシステムより3時間進んでいます", true},
			"minutes later": {-630 * time.Second, "The clock of this system is 10 minutes behind ours", "このシステムより10分遅れています", true},
		} {
			t.Run(name, func(t *testing.T) {
				first := func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
					return false
				}
				f.first.Store(&first)
				before := len(r.records("connector.tested", system))
				for lang, want := range map[string]string{"en": c.en, "ja": c.ja} {
					got := test(lang)
					told := strings.Contains(got.Body, map[string]string{"en": "compared with a time server", "ja": "時刻サーバーに合わせてください"}[lang])
					if got.Status != http.StatusOK || !strings.Contains(got.Body, want) || told != c.told {
						t.Errorf("%s: %d, what to do is told: %t", lang, got.Status, told)
					}
				}
				got := r.chika.Call(http.MethodPost, r.systems()+"/"+system+"/test", map[string]any{})
				var body struct {
					Ahead int64 `json:"clock_ahead"`
				}
				if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Status != http.StatusOK || (body.Ahead != 0) != c.told {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				all := r.records("connector.tested", system)
				if len(all) != before+3 {
					t.Fatalf("%d records of three tests", len(all)-before)
				}
				if last := all[len(all)-1]; (last.Fields["clock-ahead"] != "") != c.told || last.By != id.OfPerson(r.k.Chika) || last.Fields["native-id"] == "" {
					t.Errorf("the log says %+v", last)
				}
			})
		}
		t.Run("what went wrong is on record", func(t *testing.T) {
			first := func(w http.ResponseWriter, q *http.Request) bool {
				page(200, "text/html", "<html>")(w, q)
				return true
			}
			f.first.Store(&first)
			says(t, "en", "connector-answer-invalid", http.StatusOK, test("en"))
			all := r.records("connector.tested", system)
			if last := all[len(all)-1]; last.Fields["reason"] != "connector-answer-invalid" {
				t.Errorf("the log says %+v", last)
			}
		})
	})
}
