package jira_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fake/jira"
)

func TestWhatIsRefused(t *testing.T) {
	c := open(t)
	q := c.raise()
	id := q.Approvals[0].ID
	for _, one := range []struct {
		name, who, method, path, body string
		status                        int
	}{
		{"somebody else's request", "lena", "GET", service + "request/" + q.Key, "", 404},
		{"no such request", "aoi", "GET", service + "request/OPS-99", "", 404},
		{"its approvals", "lena", "GET", service + "request/" + q.Key + "/approval", "", 404},
		{"no such approval", "botan", "POST", service + "request/" + q.Key + "/approval/99", `{"decision":"approve"}`, 404},
		{"C6 the word that is read", "botan", "POST", service + "request/" + q.Key + "/approval/" + id, `{"decision":"approved"}`, 400},
		{"an approver who is not asked", "haruka", "POST", service + "request/" + q.Key + "/approval/" + id, `{"decision":"approve"}`, 403},
		{"the reporter", "aoi", "POST", service + "request/" + q.Key + "/approval/" + id, `{"decision":"approve"}`, 403},
		{"an unknown filter", "botan", "GET", service + "request?requestOwnership=MINE", "", 400},
		{"approvals of who is no approver", "botan", "GET", service + "request?approvalStatus=MY_PENDING_APPROVAL", "", 400},
		{"an internal comment by a customer", "aoi", "POST", service + "request/" + q.Key + "/comment", `{"body":"x"}`, 403},
		{"an empty comment", "aoi", "POST", service + "request/" + q.Key + "/comment", `{"body":""}`, 400},
		{"a transition while an approval waits", "daichi", "POST", service + "request/" + q.Key + "/transition", `{"id":"21"}`, 400},
		{"a request without a field", "aoi", "POST", service + "request", `{"serviceDeskId":"1","requestTypeId":"10","requestFieldValues":{"summary":"x"}}`, 400},
		{"a value that is no option", "aoi", "POST", service + "request", `{"serviceDeskId":"1","requestTypeId":"10","requestFieldValues":{"summary":"x","customfield_10050":"db99"}}`, 400},
		{"a type that is not there", "aoi", "POST", service + "request", `{"serviceDeskId":"1","requestTypeId":"99"}`, 400},
		{"on behalf of others", "aoi", "POST", service + "request", `{"serviceDeskId":"1","requestTypeId":"12","requestFieldValues":{"summary":"x"},"raiseOnBehalfOf":"` + c.Account("fumi") + `"}`, 403},
		{"no such desk", "aoi", "GET", service + "servicedesk/9/requesttype", "", 404},
		{"an issue", "lena", "GET", platform + "issue/" + q.Key, "", 404},
		{"an issue of a customer's own", "aoi", "GET", platform + "issue/" + q.Key, "", 404},
		{"a comment of a customer on an issue", "aoi", "POST", platform + "issue/" + q.Key + "/comment", `{"body":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"x"}]}]}}`, 404},
		{"comments of an issue, to a customer", "aoi", "GET", platform + "issue/" + q.Key + "/comment", "", 404},
		{"a comment that is no document", "botan", "POST", platform + "issue/" + q.Key + "/comment", `{"body":"x"}`, 400},
		{"a document with a text that is none", "botan", "POST", platform + "issue/" + q.Key + "/comment", `{"body":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":""}]}]}}`, 400},
		{"comments in no order", "botan", "GET", platform + "issue/" + q.Key + "/comment?orderBy=body", "", 400},
		{"a property that is not there", "botan", "GET", platform + "issue/" + q.Key + "/properties/sekisho", "", 404},
		{"JQL with an unknown field", "botan", "GET", platform + "search/jql?jql=colour%3Dred", "", 400},
		{"JQL that ends early", "botan", "GET", platform + "search/jql?jql=status%20in%20(", "", 400},
	} {
		t.Run(one.name, func(t *testing.T) {
			if a := c.call(one.who, one.method, one.path, one.body); a.status != one.status || a.body == nil {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	if now := c.now(q.Key); now.Approvals[0].Final != "pending" || now.Status != "Waiting for approval" || len(c.Requests()) != 1 || len(c.Comments(q.Key)) != 0 {
		t.Errorf("something changed: %+v", now)
	}
}

func TestTheApproversQueue(t *testing.T) {
	c := open(t)
	q := c.raise()
	queue := func(who, more string) answer {
		return c.call(who, "GET", service+"request?requestOwnership=APPROVER&requestStatus=OPEN_REQUESTS&approvalStatus=MY_PENDING_APPROVAL&expand=requestType&start=0&limit=50"+more, "")
	}
	for who, want := range map[string]int{"botan": 1, "daichi": 0, "aoi": 0} {
		if a := queue(who, ""); len(a.values()) != want {
			t.Errorf("%s: %d requests", who, len(a.values()))
		}
	}
	a := queue("botan", "")
	root := c.url + "/ex/jira/" + c.sites["kaede"]
	aoi := map[string]any{
		"accountId": c.Account("aoi"), "displayName": "相沢 葵 (Aoi Aizawa)", "emailAddress": "aoi@kaede.example", "active": true, "timeZone": "Asia/Tokyo",
		"_links": map[string]any{"self": root + "/rest/api/3/user?accountId=" + strings.ReplaceAll(c.Account("aoi"), ":", "%3A")},
	}
	moment := map[string]any{"iso8601": "2026-04-01T09:30:00+0900", "jira": "2026-04-01T09:30:00.000+0900", "friendly": "01/Apr/26 9:30 AM", "epochMillis": 1775003400000.0}
	want := map[string]any{
		"_expands": at(a.body, "values", 0, "_expands"), "issueId": q.ID, "issueKey": q.Key, "requestTypeId": "10", "serviceDeskId": "1", "summary": "Root on db01",
		"createdDate": moment, "reporter": aoi, "requestType": at(a.body, "values", 0, "requestType"),
		"requestFieldValues": []any{
			map[string]any{"fieldId": "summary", "label": "Summary", "value": "Root on db01"},
			map[string]any{"fieldId": "customfield_10050", "label": "Server", "value": map[string]any{"id": "100501", "value": "db01"}},
			map[string]any{"fieldId": "customfield_10051", "label": "Until"},
			map[string]any{"fieldId": "description", "label": "What for"},
		},
		"currentStatus": map[string]any{"status": "Waiting for approval", "statusCategory": "INDETERMINATE", "statusDate": moment},
		"_links": map[string]any{
			"jiraRest": root + "/rest/api/3/issue/" + q.ID, "self": root + "/rest/servicedeskapi/request/" + q.ID,
			"web": c.url + "/kaede/servicedesk/customer/portal/1/" + q.Key, "agent": c.url + "/kaede/browse/" + q.Key,
		},
	}
	if diff := cmp.Diff(want, at(a.body, "values", 0)); diff != "" {
		t.Error(diff)
	}
	if name := text(a.body, "values", 0, "requestType", "name"); name != "Access to a server" {
		t.Errorf("%q", name)
	}
	t.Run("C5 hidden e-mails", func(t *testing.T) {
		c.turn("hidden-mail")
		a := queue("botan", "")
		if _, shown := at(a.body, "values", 0, "reporter").(map[string]any)["emailAddress"]; shown || text(a.body, "values", 0, "reporter", "accountId") != c.Account("aoi") {
			t.Error(a.text)
		}
		if me := c.call("botan", "GET", platform+"myself", ""); at(me.body, "emailAddress") != nil || text(me.body, "displayName") == "" {
			t.Error(me.text)
		}
		c.turn("hidden-mail=false")
	})
	t.Run("pages smaller than asked for", func(t *testing.T) {
		for range 4 {
			c.raise()
		}
		c.turn("page-size=2")
		var keys []string
		next, pages := service+"request?requestOwnership=APPROVER&limit=50", 0
		for next != "" {
			a := c.call("botan", "GET", strings.TrimPrefix(next, root), "")
			for _, one := range a.values() {
				keys = append(keys, text(one, "issueKey"))
			}
			if pages++; at(a.body, "limit") != 2.0 || (text(a.body, "_links", "next") == "") != (at(a.body, "isLastPage") == true) {
				t.Fatal(a.text)
			}
			next = text(a.body, "_links", "next")
		}
		slices.Sort(keys)
		if len(slices.Compact(keys)) != 5 || pages != 3 {
			t.Errorf("%d pages: %v", pages, keys)
		}
		c.turn("page-size=0")
	})
	t.Run("other lists", func(t *testing.T) {
		for query, want := range map[string]int{
			"": 5, "?searchTerm=ops-3": 1, "?requestStatus=CLOSED_REQUESTS": 0, "?requestTypeId=11": 0, "?serviceDeskId=1&requestTypeId=10": 5, "?start=9": 0,
		} {
			if a := c.call("aoi", "GET", service+"request"+query, ""); len(a.values()) != want {
				t.Errorf("%s: %d", query, len(a.values()))
			}
		}
	})
}

func stages(q jira.Request) []string {
	out := []string{q.Status}
	for _, a := range q.Approvals {
		line := a.Final
		for _, own := range a.Answers {
			line += " " + own.Login + ":" + own.Decision
		}
		out = append(out, line)
	}
	return out
}

func (c *cloud) wants(key string, want ...string) {
	c.t.Helper()
	if diff := cmp.Diff(want, stages(c.now(key))); diff != "" {
		c.t.Error(diff)
	}
}

func TestStages(t *testing.T) {
	c := open(t)
	q := c.change()
	a := c.decide("botan", q.Key, q.Approvals[0].ID, "approve")
	if text(a.body, "finalDecision") != "approved" || at(a.body, "canAnswerApproval") != false || text(a.body, "approvers", 0, "approverDecision") != "approved" || at(a.body, "completedDate") == nil {
		t.Errorf("C6 %d %s", a.status, a.text)
	}
	c.wants(q.Key, "Waiting for operations", "approved botan:approved", "pending daichi:pending chika:pending")
	list := c.call("daichi", "GET", service+"request/"+q.Key+"/approval", "").values()
	if len(list) != 2 || text(list[0], "finalDecision") != "approved" || text(list[1], "finalDecision") != "pending" || at(list[1], "canAnswerApproval") != true || at(list[0], "canAnswerApproval") != false {
		t.Errorf("C6 a finished stage comes first: %v", list)
	}
	if a := c.decide("botan", q.Key, text(list[1], "id"), "approve"); a.status != 403 {
		t.Errorf("an approver of another stage: %d", a.status)
	}
	second := text(list[1], "id")
	c.decide("daichi", q.Key, second, "approve")
	c.wants(q.Key, "Waiting for operations", "approved botan:approved", "pending daichi:approved chika:pending")
	if a := c.decide("daichi", q.Key, second, "decline"); a.status != 400 {
		t.Errorf("answered twice: %d", a.status)
	}
	c.decide("chika", q.Key, second, "approve")
	c.wants(q.Key, "Approved", "approved botan:approved", "approved daichi:approved chika:approved")
	t.Run("declined", func(*testing.T) {
		q := c.change()
		if a := c.decide("botan", q.Key, q.Approvals[0].ID, "decline"); text(a.body, "finalDecision") != "declined" {
			t.Errorf("%s", a.text)
		}
		c.wants(q.Key, "Declined", "declined botan:declined")
	})
	t.Run("any of several", func(*testing.T) {
		c.turn("approvers=botan,haruka")
		q := c.raise()
		c.decide("haruka", q.Key, q.Approvals[0].ID, "approve")
		c.wants(q.Key, "Approved", "approved botan:pending haruka:approved")
	})
	t.Run("all of several", func(*testing.T) {
		c.turn("need=all")
		q := c.raise()
		c.decide("haruka", q.Key, q.Approvals[0].ID, "approve")
		c.wants(q.Key, "Waiting for approval", "pending botan:pending haruka:approved")
		c.turn("need=")
		c.turn("approvers=")
	})
	t.Run("the status follows later", func(*testing.T) {
		c.turn("workflow=20s")
		q := c.raise()
		c.decide("botan", q.Key, q.Approvals[0].ID, "approve")
		c.wants(q.Key, "Waiting for approval", "approved botan:approved")
		c.clock.Advance(20 * time.Second)
		c.wants(q.Key, "Approved", "approved botan:approved")
		c.turn("workflow=0s")
	})
	t.Run("C12 decided elsewhere", func(*testing.T) {
		for word, want := range map[string][]string{
			"rejected": {"Declined", "declined botan:declined"}, "approved": {"Approved", "approved botan:approved"}, "cancelled": {"Canceled", "cancelled botan:pending"},
		} {
			q := c.raise()
			c.turn("elsewhere=" + word)
			if a := c.decide("botan", q.Key, q.Approvals[0].ID, "approve"); a.status != 400 {
				t.Errorf("%s: %d %s", word, a.status, a.text)
			}
			c.wants(q.Key, want...)
		}
		q := c.raise()
		if err := c.Decide(q.Key, "botan", "declined"); err != nil {
			t.Fatal(err)
		}
		if err := c.Decide(q.Key, "botan", "approved"); err == nil {
			t.Error("decided twice")
		}
	})
	t.Run("at once", func(*testing.T) {
		q := c.raise()
		var all sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for i := range 16 {
			all.Go(func() {
				if a := c.decide("botan", q.Key, q.Approvals[0].ID, []string{"approve", "decline"}[i%2]); a.status == 200 {
					mu.Lock()
					defer mu.Unlock()
					done++
				}
			})
		}
		all.Wait()
		if done != 1 {
			t.Errorf("%d answers counted", done)
		}
	})
}

func TestMischief(t *testing.T) {
	c := open(t)
	get := func() answer { return c.call("botan", "GET", service+"servicedesk", "") }
	get()
	t.Run("C26 throttled", func(t *testing.T) {
		c.turn("throttle")
		a := get()
		if a.status != 429 || a.header.Get("Retry-After") != "30" || a.header.Get("RateLimit-Reason") != "jira-quota-based" || a.header.Get("X-RateLimit-Reset") != "2026-04-01T00:30:30Z" || a.header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("%d %v", a.status, a.header)
		}
		c.turn("throttle")
		c.turn("rate-reason=jira-burst-based")
		if a := get(); a.header.Get("RateLimit-Reason") != "jira-burst-based" {
			t.Errorf("%v", a.header)
		}
		c.turn("near-limit")
		if a := get(); a.status != 200 || a.header.Get("X-RateLimit-NearLimit") != "true" {
			t.Errorf("%d %v", a.status, a.header)
		}
		c.turn("near-limit=false")
	})
	t.Run("broken", func(t *testing.T) {
		c.turn("broken")
		if a := get(); a.status != 500 {
			t.Errorf("%d", a.status)
		}
	})
	t.Run("outage of tokens only", func(t *testing.T) {
		c.turn("outage")
		c.turn("only=/oauth/")
		if a := c.refresh("x"); a.err == nil {
			t.Errorf("%d", a.status)
		}
		if a := get(); a.status != 200 {
			t.Errorf("%d %v", a.status, a.err)
		}
		c.turn("outage=false")
		c.turn("only=")
	})
	t.Run("C1 a success that is none", func(t *testing.T) {
		q := c.raise()
		c.turn("lie=2")
		if a := c.decide("botan", q.Key, q.Approvals[0].ID, "approve"); a.status != 200 || text(a.body, "finalDecision") != "approved" {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := c.call("aoi", "POST", service+"request/"+q.Key+"/comment", `{"body":"Hello","public":true}`); a.status != 201 || len(c.Comments(q.Key)) != 0 {
			t.Errorf("%d %s", a.status, a.text)
		}
		c.wants(q.Key, "Waiting for approval", "pending botan:pending")
	})
	t.Run("C22 it lands, and nobody hears of it", func(t *testing.T) {
		q := c.raise()
		c.turn("cut")
		if a := c.decide("botan", q.Key, q.Approvals[0].ID, "approve"); a.err == nil {
			t.Errorf("answered %d", a.status)
		}
		c.wants(q.Key, "Approved", "approved botan:approved")
	})
	t.Run("C22 it lands later than it is answered", func(t *testing.T) {
		q := c.raise()
		c.turn("eventual=9s")
		c.decide("botan", q.Key, q.Approvals[0].ID, "approve")
		c.wants(q.Key, "Waiting for approval", "pending botan:pending")
		c.clock.Advance(9 * time.Second)
		c.wants(q.Key, "Approved", "approved botan:approved")
		c.turn("eventual=0s")
	})
	t.Run("all is noted", func(t *testing.T) {
		landed := 0
		for _, w := range c.Stage().Writes() {
			if !w.Landed.IsZero() {
				landed++
			}
		}
		if n := len(c.Stage().Writes()); n != 4 || landed != 2 || c.Stage().Count("POST", "/ex/jira/") != 4 {
			t.Errorf("%d writes, %d landed, %d calls", n, landed, c.Stage().Count("POST", "/ex/jira/"))
		}
	})
}

func TestWordsOfARequest(t *testing.T) {
	c := open(t)
	q := c.raise()
	t.Run("comments", func(t *testing.T) {
		c.call("botan", "POST", service+"request/"+q.Key+"/comment", `{"body":"Only for us","public":false}`)
		a := c.call("aoi", "POST", service+"request/"+q.Key+"/comment", `{"body":"Please hurry","public":true}`)
		if a.status != 201 || text(a.body, "author", "accountId") != c.Account("aoi") || text(a.body, "created", "iso8601") == "" {
			t.Errorf("%d %s", a.status, a.text)
		}
		for who, want := range map[string]int{"aoi": 1, "botan": 2} {
			if list := c.call(who, "GET", service+"request/"+q.Key+"/comment", "").values(); len(list) != want {
				t.Errorf("%s: %v", who, list)
			}
		}
		want := []jira.Comment{{By: "botan", Text: "Only for us", At: c.clock.Now()}, {By: "aoi", Text: "Please hurry", Public: true, At: c.clock.Now()}}
		if diff := cmp.Diff(want, c.Comments(q.Key)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a comment that is marked", func(t *testing.T) {
		a := c.call("botan", "POST", platform+"issue/"+q.Key+"/comment", `{"body":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"Released"}]}]},"properties":[{"key":"sekisho","value":{"effect":"e1"}},{"key":"sd.public.comment","value":{"internal":true}}]}`)
		list := c.call("botan", "GET", platform+"issue/"+q.Key+"/comment?expand=properties", "")
		last := at(list.body, "comments", 2)
		if a.status != 201 || at(last, "jsdPublic") != false || text(last, "body", "content", 0, "content", 0, "text") != "Released" || !strings.Contains(list.text, `"effect":"e1"`) {
			t.Errorf("%s", list.text)
		}
		if said := c.Comments(q.Key); said[2].Public || fmt.Sprint(said[2].Properties["sekisho"]) != "map[effect:e1]" {
			t.Errorf("%+v", said)
		}
		if bare := c.call("botan", "GET", platform+"issue/"+q.Key+"/comment", ""); at(bare.body, "comments", 2, "properties") != nil {
			t.Errorf("nobody asked for properties: %s", bare.text)
		}
		c.turn("page-size=2")
		for start, want := range map[string]int{"0": 2, "2": 1, "7": 0} {
			page := c.call("botan", "GET", platform+"issue/"+q.Key+"/comment?orderBy=-created&maxResults=100&startAt="+start, "")
			all, _ := at(page.body, "comments").([]any)
			if len(all) != want || at(page.body, "total") != 3.0 || at(page.body, "maxResults") != 2.0 {
				t.Errorf("from %s: %s", start, page.text)
			}
			if start == "0" && text(all[0], "body", "content", 0, "content", 0, "text") != "Released" {
				t.Errorf("the newest is not the first: %s", page.text)
			}
		}
		c.turn("page-size=0")
	})
	t.Run("a property", func(t *testing.T) {
		path := platform + "issue/" + q.Key + "/properties/sekisho"
		for _, want := range []int{201, 200} {
			if a := c.call("botan", "PUT", path, `{"effect":"e1"}`); a.status != want {
				t.Errorf("%d, want %d", a.status, want)
			}
		}
		if a := c.call("botan", "GET", path, ""); text(a.body, "value", "effect") != "e1" || text(a.body, "key") != "sekisho" {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("transitions", func(t *testing.T) {
		path := service + "request/" + q.Key + "/transition"
		if list := c.call("aoi", "GET", path, "").values(); len(list) != 1 || text(list[0], "name") != "Cancel request" {
			t.Errorf("%v", list)
		}
		c.decide("botan", q.Key, q.Approvals[0].ID, "approve")
		if a := c.call("daichi", "POST", path, `{"id":"21","additionalComment":{"body":"Done"}}`); a.status != 204 || a.text != "" {
			t.Errorf("%d %q", a.status, a.text)
		}
		if now := c.now(q.Key); now.Status != "Resolved" || now.Category != "DONE" {
			t.Errorf("%+v", now)
		}
		if list := c.call("daichi", "GET", path, "").values(); len(list) != 0 {
			t.Errorf("%v", list)
		}
		other := c.raise()
		c.call("aoi", "POST", service+"request/"+other.Key+"/transition", `{"id":"31"}`)
		c.wants(other.Key, "Canceled", "cancelled botan:pending")
		a := c.call("botan", "GET", service+"request/"+other.Key+"/approval/"+other.Approvals[0].ID, "")
		if at(a.body, "canAnswerApproval") != false || text(a.body, "finalDecision") != "declined" {
			t.Errorf("%s", a.text)
		}
	})
}

func TestIssues(t *testing.T) {
	c := open(t)
	a := c.call("botan", "POST", service+"request", fmt.Sprintf(`{"serviceDeskId":"1","requestTypeId":"11","raiseOnBehalfOf":%q,"requestFieldValues":{"summary":"Replace a disk","customfield_10060":["db01"],"customfield_10061":[{"value":"Software"}],"customfield_10062":30}}`, c.Account("aoi")))
	key := text(a.body, "issueKey")
	if a.status != 201 || text(a.body, "reporter", "accountId") != c.Account("aoi") {
		t.Fatalf("%d %s", a.status, a.text)
	}
	fields := at(a.body, "requestFieldValues")
	if text(fields, 1, "value", 0, "workspaceId") == "" || text(fields, 2, "value", 0, "value") != "Software" || at(fields, 3, "value") != 30.0 {
		t.Errorf("values are objects: %v", fields)
	}
	c.raise()
	issue := c.call("botan", "GET", platform+"issue/"+key+"?fields=summary,customfield_10061,assignee", "")
	want := map[string]any{"summary": "Replace a disk", "customfield_10061": []any{map[string]any{"id": "100612", "value": "Software"}}, "assignee": nil}
	if diff := cmp.Diff(want, at(issue.body, "fields")); diff != "" {
		t.Error(diff)
	}
	all := c.call("botan", "GET", platform+"issue/"+key, "")
	if text(all.body, "fields", "status", "statusCategory", "key") != "indeterminate" || text(all.body, "fields", "created") != "2026-04-01T09:30:00.000+0900" {
		t.Errorf("%s", all.text)
	}
	for jql, want := range map[string]string{
		`project = OPS`: "OPS-2 OPS-1", `key = "OPS-1" AND status = "Waiting for approval"`: "OPS-1", `key in (OPS-1, OPS-2) order by created desc`: "OPS-2 OPS-1",
		`summary ~ "disk"`: "OPS-1", `reporter = currentUser`: "", `reporter = "` + c.Account("aoi") + `"`: "OPS-2 OPS-1", `status != "Waiting for approval"`: "", `summary ~ "\"] or key = 1"`: "", ``: "OPS-2 OPS-1",
	} {
		r := c.request("GET", "/kaede"+platform+"search/jql", "")
		r.URL.RawQuery = "fields=summary&jql=" + strings.NewReplacer(" ", "%20", `"`, "%22", "\\", "%5C", "]", "%5D").Replace(jql)
		r.SetBasicAuth("botan@kaede.example", c.APIToken("botan").Reveal())
		a := c.send(r)
		var keys []string
		list, _ := at(a.body, "issues").([]any)
		for _, one := range list {
			keys = append(keys, text(one, "key"))
		}
		if got := strings.Join(keys, " "); got != want || at(a.body, "isLast") != true {
			t.Errorf("%s: %q, want %q: %s", jql, got, want, a.text)
		}
	}
	t.Run("desks and what can be asked for", func(t *testing.T) {
		if list := c.call("aoi", "GET", service+"servicedesk", "").values(); text(list, 0, "projectKey") != "OPS" {
			t.Errorf("%v", list)
		}
		if list := c.call("aoi", "GET", service+"servicedesk/1/requesttype", "").values(); len(list) != 3 || text(list, 1, "name") != "Emergency change" {
			t.Errorf("%v", list)
		}
		if list := c.call("aoi", "GET", service+"servicedesk/1/requesttype?searchQuery=server", "").values(); len(list) != 1 {
			t.Errorf("%v", list)
		}
		a := c.call("aoi", "GET", service+"servicedesk/1/requesttype/10/field", "")
		if text(a.body, "requestTypeFields", 1, "validValues", 2, "label") != "web01" || at(a.body, "requestTypeFields", 0, "required") != true {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("other people", func(t *testing.T) {
		if a := c.call("aoi", "GET", platform+"user?accountId="+c.Account("botan"), ""); text(a.body, "emailAddress") != "botan@kaede.example" {
			t.Errorf("%s", a.text)
		}
		if a := c.call("aoi", "GET", platform+"user?accountId=x", ""); a.status != 404 {
			t.Errorf("%d", a.status)
		}
		find := func() any { return c.call("aoi", "GET", platform+"user/search?query=BOTAN%40kaede", "").body }
		if text(find(), 0, "accountId") != c.Account("botan") || at(find(), 1) != nil {
			t.Errorf("%v", find())
		}
		c.turn("hidden-mail")
		if at(find(), 0) != nil {
			t.Errorf("C5 found by an e-mail that is hidden: %v", find())
		}
	})
}
