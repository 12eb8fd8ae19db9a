package org

import (
	"fmt"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// How many entries of a term are counted: of few each is looked up, of some all
// are read at once, and where there are more than that the next one is near.
const (
	few    = 300
	enough = 20_000
)

// counted says how many entries each term finds, up to most, in one statement.
func counted(v *store.View, org id.Org, terms []string, most int) ([]int64, error) {
	args, counts, dest := []any{string(org)}, make([]int64, len(terms)), make([]any, len(terms))
	var text strings.Builder
	for i, term := range terms {
		dest[i] = &counts[i]
		args = append(args, term, beyond(term))
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "(SELECT COUNT(*) FROM (SELECT 1 AS one FROM person_gram WHERE org = $1 AND gram >= $%d AND gram < $%d LIMIT %d) AS entry)",
			2*i+2, 2*i+3, most)
	}
	return counts, v.Row("SELECT "+text.String(), args...).Scan(dest...)
}

// look is one step of a search: people of an organization ("" is the house)
// that the leading term begins a gram of, each once by their first such gram,
// and all other terms one of theirs too, after a place.
func look(v *store.View, q Query, lead string, others []term, at cursorAt, limit int) ([]pair, error) {
	if at.key < lead {
		at.key, at.id = lead, ""
	}
	args := []any{string(q.Org), at.key, at.id, beyond(lead), lead, int64(limit)}
	var more strings.Builder
	for _, other := range others {
		form := " AND EXISTS (SELECT 1 FROM person_gram o WHERE o.org = '' AND o.person = g.person AND o.gram >= $%d AND o.gram < $%d)"
		if other.read { // IS TRUE keeps PostgreSQL from making a nested loop of it: 8 ms instead of 250
			form = " AND (g.person IN (SELECT o.person FROM person_gram o WHERE o.org = $1 AND o.gram >= $%d AND o.gram < $%d)) IS TRUE"
		}
		args = append(args, other.text, beyond(other.text))
		fmt.Fprintf(&more, form, len(args)-1, len(args))
	}
	if q.Role != "" {
		args = append(args, words.Kept(string(q.Role)))
		fmt.Fprintf(&more, " AND EXISTS (SELECT 1 FROM member_role r WHERE r.org = $1 AND r.person = g.person AND r.role = $%d)", len(args))
	}
	if q.Group != "" {
		args = append(args, words.Kept(string(q.Group)))
		fmt.Fprintf(&more, " AND EXISTS (SELECT 1 FROM group_member m WHERE m.org = $1 AND m.person = g.person AND m.group_id = $%d)", len(args))
	}
	rows, err := v.Query(`SELECT g.gram, g.person FROM person_gram g WHERE g.org = $1 AND (g.gram, g.person) > ($2, $3) AND g.gram < $4`+more.String()+
		` AND NOT EXISTS (SELECT 1 FROM person_gram s WHERE s.org = '' AND s.person = g.person AND s.gram >= $5 AND s.gram < g.gram)
		ORDER BY g.gram, g.person LIMIT $6`, args...)
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
