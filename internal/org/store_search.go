package org

import (
	"fmt"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// enough is up to where it is counted how many a term finds: whether it is more
// does not change which term leads.
const enough = 1000

// rarest returns the term of a search that finds least, by one statement that
// reads a bounded number of entries of each.
func rarest(v *store.View, org id.Org, terms []string) (string, error) {
	if len(terms) == 1 {
		return terms[0], nil
	}
	args, counts, dest := []any{string(org)}, make([]int64, len(terms)), make([]any, len(terms))
	var text strings.Builder
	for i, term := range terms {
		dest[i] = &counts[i]
		args = append(args, term, beyond(term))
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "(SELECT COUNT(*) FROM (SELECT 1 AS one FROM person_gram WHERE org = $1 AND gram >= $%d AND gram < $%d LIMIT %d) AS some)",
			2*i+2, 2*i+3, enough)
	}
	if err := v.Row("SELECT "+text.String(), args...).Scan(dest...); err != nil {
		return "", err
	}
	best := 0
	for i, n := range counts {
		if n < counts[best] {
			best = i
		}
	}
	return terms[best], nil
}

// look is one step of a search: people of an organization ("" is the house)
// that the leading term begins a gram of, each once by their first such gram,
// and all other terms one of theirs too, after a place.
func look(v *store.View, q Query, lead string, others []string, at cursorAt, limit int) ([]pair, error) {
	if at.key < lead {
		at.key, at.id = lead, ""
	}
	args := []any{string(q.Org), at.key, at.id, beyond(lead), lead, int64(limit)}
	var more strings.Builder
	for _, term := range others {
		args = append(args, term, beyond(term))
		fmt.Fprintf(&more, " AND EXISTS (SELECT 1 FROM person_gram o WHERE o.org = $1 AND o.person = g.person AND o.gram >= $%d AND o.gram < $%d)",
			len(args)-1, len(args))
	}
	if q.Role != "" {
		args = append(args, words.Kept(string(q.Role)))
		fmt.Fprintf(&more, " AND EXISTS (SELECT 1 FROM member_role r WHERE r.org = $1 AND r.person = g.person AND r.role = $%d)", len(args))
	}
	if q.Group != "" {
		args = append(args, words.Kept(string(q.Group)))
		fmt.Fprintf(&more, " AND EXISTS (SELECT 1 FROM group_member m WHERE m.org = $1 AND m.person = g.person AND m.group_id = $%d)", len(args))
	}
	rows, err := v.Query(`SELECT g.gram, g.person FROM person_gram g WHERE g.org = $1 AND (g.gram, g.person) > ($2, $3) AND g.gram < $4
		AND NOT EXISTS (SELECT 1 FROM person_gram s WHERE s.org = $1 AND s.person = g.person AND s.gram >= $5 AND s.gram < g.gram)`+
		more.String()+` ORDER BY g.gram, g.person LIMIT $6`, args...)
	return store.Collect(rows, err, scanPair)
}

// afterAll sorts after every identifier: what is deleted has no sort key, and
// lists begin behind it.
const afterAll = "~"

// listed reads the people of the house, or of an organization, by their sort key.
func listed(v *store.View, org id.Org, at cursorAt, limit int) ([]pair, error) {
	if at.key == "" {
		at.id = afterAll
	}
	if org == "" {
		rows, err := v.Query("SELECT sort, id FROM person WHERE (sort, id) > ($1, $2) ORDER BY sort, id LIMIT $3", at.key, at.id, int64(limit))
		return store.Collect(rows, err, scanPair)
	}
	rows, err := v.Query("SELECT sort, person FROM member WHERE org = $1 AND (sort, person) > ($2, $3) ORDER BY sort, person LIMIT $4",
		string(org), at.key, at.id, int64(limit))
	return store.Collect(rows, err, scanPair)
}

// withRole reads who has a role, by person.
func withRole(v *store.View, org id.Org, role id.Role, after string, limit int) ([]pair, error) {
	rows, err := v.Query("SELECT '', person FROM member_role WHERE org = $1 AND role = $2 AND person > $3 ORDER BY person LIMIT $4",
		string(org), words.Kept(string(role)), after, int64(limit))
	return store.Collect(rows, err, scanPair)
}

// inGroup reads who is directly in a group, by person.
func inGroup(v *store.View, org id.Org, group id.Group, after string, limit int) ([]pair, error) {
	rows, err := v.Query("SELECT '', person FROM group_member WHERE org = $1 AND group_id = $2 AND person > $3 ORDER BY person LIMIT $4",
		string(org), words.Kept(string(group)), after, int64(limit))
	return store.Collect(rows, err, scanPair)
}
