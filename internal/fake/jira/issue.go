package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fake"
)

// issueOf is a request as the platform shows it.
func (s *System) issueOf(q *request, v visit, only string) map[string]any {
	d := v.site.desk(q.Desk)
	fields := map[string]any{}
	for _, f := range d.kind(q.Type).Fields {
		fields[f.ID] = q.Values[f.ID] // here a field without a value is null
	}
	categories := map[string]string{"NEW": "new", "INDETERMINATE": "indeterminate", "DONE": "done"}
	reporter := s.person(v, q.Reporter)
	delete(reporter, "_links")
	for name, value := range map[string]any{
		"status": map[string]any{"name": q.Status.Name, "statusCategory": map[string]any{"key": categories[q.Status.Category]}}, "reporter": reporter, "assignee": nil,
		"created": v.user.stamp(q.Created), "updated": v.user.stamp(q.Updated), "project": map[string]any{"key": d.Project, "name": d.Name},
		"issuetype": map[string]any{"id": "10001", "name": "Service Request"}, "duedate": nil,
	} {
		fields[name] = value
	}
	if wanted := strings.Split(only, ","); only != "" && !slices.Contains(wanted, "*all") && !slices.Contains(wanted, "*navigable") {
		for name := range fields {
			if !slices.Contains(wanted, name) {
				delete(fields, name)
			}
		}
	}
	return map[string]any{"id": q.ID, "key": q.Key, "self": v.root + "/rest/api/3/issue/" + q.ID, "fields": fields}
}

// worked is the request that an address of the platform names. Who is only a
// customer of a portal has none there, not even their own.
func (v visit) worked(r *http.Request) *request {
	if !v.user.agent() {
		return nil
	}
	return v.seen(r)
}

func (s *System) issue(r *http.Request, v visit) fake.Answer {
	q := v.worked(r)
	if q == nil {
		return refuseIssue(http.StatusNotFound, noIssue)
	}
	return fake.Answer{Body: s.issueOf(q, v, r.URL.Query().Get("fields"))}
}

// document is a text in the Atlassian Document Format.
func document(text string) map[string]any {
	return map[string]any{"type": "doc", "version": 1, "content": []any{
		map[string]any{"type": "paragraph", "content": []any{map[string]any{"type": "text", "text": text}}},
	}}
}

// written reports whether a body is a document, as version 3 of the platform
// wants it: no plain text, and no text in it that is empty.
func written(body any) bool {
	doc, is := body.(map[string]any)
	blocks, list := doc["content"].([]any)
	return is && list && doc["type"] == "doc" && fmt.Sprint(doc["version"]) == "1" && !slices.ContainsFunc(blocks, hollow)
}

// hollow reports whether a part of a document holds a text that is none.
func hollow(part any) bool {
	node, is := part.(map[string]any)
	if !is {
		return true
	}
	text, said := node["text"].(string)
	inner, _ := node["content"].([]any)
	return node["type"] == "text" && (!said || text == "") || slices.ContainsFunc(inner, hollow)
}

// textOf is all text of a document, or the text itself.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, textOf(one))
		}
		return strings.Join(parts, "")
	case map[string]any:
		if text, is := v["text"].(string); is {
			return text
		}
		text := textOf(v["content"])
		if v["type"] == "paragraph" {
			text += "\n"
		}
		return text
	}
	return ""
}

func (s *System) issueComment(q *request, c *comment, v visit, expand string) map[string]any {
	author := s.person(v, c.By)
	delete(author, "_links")
	out := map[string]any{
		"id": c.ID, "self": v.root + "/rest/api/3/issue/" + q.ID + "/comment/" + c.ID, "author": author, "body": document(c.Text), "created": v.user.stamp(c.At),
		"updated": v.user.stamp(c.At), "jsdPublic": c.Public,
	}
	if strings.Contains(expand, "properties") {
		properties := []map[string]any{}
		for key, value := range c.Properties {
			properties = append(properties, map[string]any{"key": key, "value": value})
		}
		out["properties"] = properties
	}
	return out
}

// issueComments lists comments, the oldest first unless something else is asked
// for. Properties come along for who asks for them.
func (s *System) issueComments(r *http.Request, v visit) fake.Answer {
	q, asked := v.worked(r), r.URL.Query()
	if q == nil {
		return refuseIssue(http.StatusNotFound, noIssue)
	}
	all := []map[string]any{}
	for _, c := range q.Comments {
		all = append(all, s.issueComment(q, c, v, asked.Get("expand")))
	}
	switch asked.Get("orderBy") {
	case "", "created", "+created", " created":
	case "-created":
		slices.Reverse(all)
	default:
		return refuseIssue(http.StatusBadRequest, "The value '"+asked.Get("orderBy")+"' is not valid for orderBy.")
	}
	most := 5000
	if s.switches.PageSize > 0 {
		most = s.switches.PageSize
	}
	start, limit := number(asked.Get("startAt"), 0), min(number(asked.Get("maxResults"), 100), most)
	from := min(start, len(all))
	return fake.Answer{Body: map[string]any{"startAt": start, "maxResults": limit, "total": len(all), "comments": all[from:min(from+limit, len(all))]}}
}

// addIssueComment takes a comment with properties, which mark it for who wrote
// it.
func (s *System) addIssueComment(w http.ResponseWriter, r *http.Request, v visit) {
	var ask struct {
		Body       any `json:"body"`
		Properties []struct {
			Key   string `json:"key"`
			Value any    `json:"value"`
		} `json:"properties"`
	}
	if err := fake.ReadJSON(r, &ask); err != nil || !written(ask.Body) {
		refuseIssue(http.StatusBadRequest, "Comment body is not valid!").Write(w)
		return
	}
	if strings.TrimSpace(textOf(ask.Body)) == "" {
		refuseIssue(http.StatusBadRequest, "Comment body can not be empty!").Write(w)
		return
	}
	properties, public := map[string]any{}, true
	for _, one := range ask.Properties {
		properties[one.Key] = one.Value
		if inner, is := one.Value.(map[string]any); is && one.Key == "sd.public.comment" && inner["internal"] == true {
			public = false
		}
	}
	text := strings.TrimRight(textOf(ask.Body), "\n")
	s.stage.Written(w, r, fake.Write{By: v.user.Login, Object: r.PathValue("key"), Body: text}, s.save, func(*fake.Write) fake.Answer {
		q := v.worked(r)
		if q == nil {
			return refuseIssue(http.StatusNotFound, noIssue)
		}
		return fake.Answer{Status: http.StatusCreated, Body: s.issueComment(q, s.say(v.site, q, v.user.Login, text, public, properties), v, "properties")}
	})
}

func (s *System) property(r *http.Request, v visit) fake.Answer {
	q, key := v.worked(r), r.PathValue("property")
	if q == nil {
		return refuseIssue(http.StatusNotFound, noIssue)
	}
	value, there := q.Properties[key]
	if !there {
		return refuseIssue(http.StatusNotFound, "The property "+key+" does not exist.")
	}
	return fake.Answer{Body: map[string]any{"key": key, "value": value}}
}

// putProperty sets a property of an issue: twice is as good as once.
func (s *System) putProperty(w http.ResponseWriter, r *http.Request, v visit) {
	var value any
	decoder := json.NewDecoder(r.Body)
	if err := decoder.Decode(&value); err != nil {
		refuseIssue(http.StatusBadRequest, "The property value is not valid JSON.").Write(w)
		return
	}
	body, err := json.Marshal(value)
	if err != nil || len(body) > 32768 {
		refuseIssue(http.StatusBadRequest, "The property value is too long.").Write(w)
		return
	}
	key := r.PathValue("property")
	s.stage.Written(w, r, fake.Write{By: v.user.Login, Object: r.PathValue("key") + "/" + key, Body: string(body)}, s.save, func(*fake.Write) fake.Answer {
		q := v.worked(r)
		if q == nil {
			return refuseIssue(http.StatusNotFound, noIssue)
		}
		status := http.StatusCreated
		if _, there := q.Properties[key]; there {
			status = http.StatusOK
		}
		q.Properties[key] = value
		return fake.Answer{Status: status}
	})
}
