package org

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const personColumns = `SELECT p.id, p.login, p.email, p.verified, p.display_name, p.family_name, p.given_name, p.reading,
	p.locale, p.time_zone, p.state, p.created, p.version FROM person p `

func scanPerson(scan func(...any) error) (Person, error) {
	var p Person
	var verified, created int64
	err := scan(&p.ID, &p.Login, &p.Email, &verified, &p.DisplayName, &p.FamilyName, &p.GivenName, &p.Reading,
		&p.Locale, &p.TimeZone, &p.State, &created, &p.Version)
	p.Verified, p.Created = verified != 0, store.FromMicros(created)
	return p, err
}

func onePerson(v *store.View, query string, args ...any) (Person, error) {
	p, err := scanPerson(v.Row(personColumns+query, args...).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return p, errNoPerson
	}
	return p, err
}

var errNoPerson = fault.New(fault.NotFound, "person-unknown")

func personByID(v *store.View, which id.Person) (Person, error) {
	return onePerson(v, "WHERE p.id = $1", string(which))
}

func personByLogin(v *store.View, fold string) (Person, error) {
	return onePerson(v, "WHERE p.login_fold = $1", fold)
}

// peopleByEmail reads who has an address; more than one is possible.
func peopleByEmail(v *store.View, fold string) ([]Person, error) {
	rows, err := v.Query(personColumns+"WHERE p.email_fold = $1 AND p.email_fold <> '' LIMIT 2", fold)
	return store.Collect(rows, err, scanPerson)
}

func verifiedAt(v *store.View, fold string) ([]Person, error) {
	rows, err := v.Query(personColumns+"WHERE p.email_fold = $1 AND p.email_fold <> '' AND p.verified = 1 AND p.state = 'active' LIMIT 2", fold)
	return store.Collect(rows, err, scanPerson)
}

func peopleByID(v *store.View, which []id.Person) ([]Person, error) {
	var all []Person
	for chunk := range slices.Chunk(which, 200) {
		marks, args := marksFor(chunk, 1)
		rows, err := v.Query(personColumns+"WHERE p.id IN ("+marks+")", args...)
		some, err := store.Collect(rows, err, scanPerson)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// marksFor writes $n, $n+1… for as many values.
func marksFor[T ~string](values []T, from int) (string, []any) {
	marks, args := make([]string, len(values)), make([]any, len(values))
	for i, value := range values {
		marks[i], args[i] = fmt.Sprintf("$%d", from+i), string(value)
	}
	return strings.Join(marks, ", "), args
}

func allPeople(v *store.View) ([]Person, error) {
	rows, err := v.Query(personColumns + "WHERE p.state <> 'deleted' ORDER BY p.login")
	return store.Collect(rows, err, scanPerson)
}

func insertPerson(tx *store.Tx, p Person) error {
	n, err := tx.Exec(`INSERT INTO person (id, login, login_fold, email, email_fold, verified, display_name, family_name, given_name,
		reading, locale, time_zone, state, sort, created, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1) ON CONFLICT DO NOTHING`,
		string(p.ID), p.Login, p.loginFold(), p.Email, p.emailFold(), p.verified(), p.DisplayName, p.FamilyName, p.GivenName,
		p.Reading, p.Locale, p.TimeZone, string(p.State), p.sort(), store.Micros(p.Created))
	if err == nil && n == 0 {
		return loginTaken(p.Login)
	}
	if err != nil {
		return err
	}
	return index(tx, "", p)
}

func loginTaken(login string) error {
	return fault.New(fault.Conflict, "login-taken", "login", login)
}

func updatePerson(tx *store.Tx, p Person) error {
	other, err := personByLogin(&tx.View, LoginFold(p.Login))
	if err == nil && other.ID != p.ID {
		return loginTaken(p.Login)
	}
	if err != nil && !errors.Is(err, errNoPerson) {
		return err
	}
	n, err := tx.Exec(`UPDATE person SET login = $1, login_fold = $2, email = $3, email_fold = $4, verified = $5, display_name = $6,
		family_name = $7, given_name = $8, reading = $9, locale = $10, time_zone = $11, state = $12, sort = $13, version = version + 1
		WHERE id = $14 AND version = $15`,
		p.Login, p.loginFold(), p.Email, p.emailFold(), p.verified(), p.DisplayName, p.FamilyName, p.GivenName, p.Reading,
		p.Locale, p.TimeZone, string(p.State), p.sort(), string(p.ID), p.Version)
	if err := changedOr(n, err); err != nil {
		return err
	}
	return reindex(tx, p)
}

// reindex writes anew what a person is found by, everywhere.
func reindex(tx *store.Tx, p Person) error {
	orgs, err := orgsOfPerson(&tx.View, p.ID)
	if err != nil {
		return err
	}
	for _, org := range append(orgs, "") {
		if err := index(tx, org, p); err != nil {
			return err
		}
	}
	_, err = tx.Exec("UPDATE member SET sort = $1 WHERE person = $2", p.sort(), string(p.ID))
	return err
}

// index writes what a person is found by in an organization, or in the house.
func index(tx *store.Tx, org id.Org, p Person) error {
	if _, err := tx.Exec("DELETE FROM person_gram WHERE org = $1 AND person = $2", string(org), string(p.ID)); err != nil {
		return err
	}
	if p.State == Deleted {
		return nil
	}
	for chunk := range slices.Chunk(p.grams(), 100) {
		var text strings.Builder
		args := []any{string(org), string(p.ID)}
		for i, gram := range chunk {
			if i > 0 {
				text.WriteString(", ")
			}
			args = append(args, gram)
			fmt.Fprintf(&text, "($1, $%d, $2)", len(args))
		}
		if _, err := tx.Exec("INSERT INTO person_gram (org, gram, person) VALUES "+text.String()+" ON CONFLICT DO NOTHING", args...); err != nil {
			return err
		}
	}
	return nil
}

// erasePerson leaves the identifier and the time of what was a person.
func erasePerson(tx *store.Tx, which id.Person) error {
	for _, statement := range []string{
		"DELETE FROM member_role WHERE person = $1", "DELETE FROM group_member WHERE person = $1", "DELETE FROM member WHERE person = $1",
		"UPDATE member SET manager = '' WHERE manager = $1", "DELETE FROM person_gram WHERE person = $1",
		`UPDATE person SET login = '', login_fold = NULL, email = '', email_fold = '', verified = 0, display_name = '', family_name = '',
			given_name = '', reading = '', locale = '', time_zone = '', sort = '', state = 'deleted', version = version + 1 WHERE id = $1`,
	} {
		if _, err := tx.Exec(statement, string(which)); err != nil {
			return err
		}
	}
	return nil
}

// seat is an active membership with its roles.
type seat struct {
	org   Organization
	roles []id.Role
}

// seatsOf reads where a person is an active member of an active organization.
func seatsOf(v *store.View, who id.Person) ([]seat, error) {
	rows, err := v.Query(orgColumns+`WHERE state = 'active'
		AND id IN (SELECT org FROM member WHERE person = $1 AND state = 'active') ORDER BY title, id`, string(who))
	orgs, err := store.Collect(rows, err, scanOrg)
	if err != nil || len(orgs) == 0 {
		return nil, err
	}
	rows, err = v.Query("SELECT org, role FROM member_role WHERE person = $1 ORDER BY org, role", string(who))
	roles, err := store.Collect(rows, err, scanPair)
	seats := make([]seat, len(orgs))
	for i, o := range orgs {
		seats[i].org = o
		for _, r := range roles {
			if r.a == string(o.ID) {
				seats[i].roles = append(seats[i].roles, id.Role(r.b))
			}
		}
	}
	return seats, err
}

// look is one step of a search: people of an organization (” is the house)
// that a word begins a gram of, after a place.
func look(v *store.View, org id.Org, terms []string, gram string, after id.Person, limit int) ([]pair, error) {
	first := terms[0]
	args := []any{string(org), first, beyond(first), gram, string(after), int64(limit)}
	var more strings.Builder
	for _, term := range terms[1:] {
		args = append(args, term, beyond(term))
		fmt.Fprintf(&more, ` AND EXISTS (SELECT 1 FROM person_gram o WHERE o.org = $1 AND o.person = g.person AND o.gram >= $%d AND o.gram < $%d)`,
			len(args)-1, len(args))
	}
	rows, err := v.Query(`SELECT g.gram, g.person FROM person_gram g WHERE g.org = $1 AND g.gram >= $2 AND g.gram < $3
		AND (g.gram > $4 OR (g.gram = $4 AND g.person > $5))
		AND NOT EXISTS (SELECT 1 FROM person_gram s WHERE s.org = $1 AND s.person = g.person AND s.gram >= $2 AND s.gram < g.gram)`+
		more.String()+` ORDER BY g.gram, g.person LIMIT $6`, args...)
	return store.Collect(rows, err, scanPair)
}

// listed reads the people of the house, or of an organization, by their sort key.
func listed(v *store.View, org id.Org, sort string, after id.Person, limit int) ([]pair, error) {
	if org == "" {
		rows, err := v.Query(`SELECT sort, id FROM person WHERE state <> 'deleted' AND (sort > $1 OR (sort = $1 AND id > $2))
			ORDER BY sort, id LIMIT $3`, sort, string(after), int64(limit))
		return store.Collect(rows, err, scanPair)
	}
	rows, err := v.Query(`SELECT sort, person FROM member WHERE org = $1 AND (sort > $2 OR (sort = $2 AND person > $3))
		ORDER BY sort, person LIMIT $4`, string(org), sort, string(after), int64(limit))
	return store.Collect(rows, err, scanPair)
}

// withRole reads who has a role, by person.
func withRole(v *store.View, org id.Org, role id.Role, after id.Person, limit int) ([]pair, error) {
	rows, err := v.Query(`SELECT '', person FROM member_role WHERE org = $1 AND role = $2 AND person > $3 ORDER BY person LIMIT $4`,
		string(org), string(role), string(after), int64(limit))
	return store.Collect(rows, err, scanPair)
}

const memberColumns = "SELECT org, person, manager, state, since, version FROM member "

func scanMember(scan func(...any) error) (Member, error) {
	var m Member
	var since int64
	err := scan(&m.Org, &m.Person, &m.Manager, &m.State, &since, &m.Version)
	m.Since = store.FromMicros(since)
	return m, err
}

func memberOf(v *store.View, who id.Person) (Member, error) {
	m, err := scanMember(v.Row(memberColumns+"WHERE org = $1 AND person = $2", string(who)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return m, errNoPerson
	}
	if err != nil {
		return m, err
	}
	rows, err := v.Query("SELECT role FROM member_role WHERE org = $1 AND person = $2 ORDER BY role", string(who))
	m.Roles, err = store.Collect(rows, err, scanID[id.Role])
	return m, err
}

// membersOf reads members by person, with their roles, in two statements for up
// to 200 of them.
func membersOf(v *store.View, who []id.Person) (map[id.Person]Member, error) {
	found := map[id.Person]Member{}
	for chunk := range slices.Chunk(who, 200) {
		marks, args := marksFor(chunk, 2)
		rows, err := v.Query(memberColumns+"WHERE org = $1 AND person IN ("+marks+")", args...)
		members, err := store.Collect(rows, err, scanMember)
		if err != nil {
			return nil, err
		}
		rows, err = v.Query("SELECT person, role FROM member_role WHERE org = $1 AND person IN ("+marks+") ORDER BY person, role", args...)
		roles, err := store.Collect(rows, err, scanPair)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			found[m.Person] = m
		}
		for _, r := range roles {
			m := found[id.Person(r.a)]
			m.Roles = append(m.Roles, id.Role(r.b))
			found[m.Person] = m
		}
	}
	return found, nil
}

func allMembers(v *store.View) ([]Member, error) {
	rows, err := v.Query(memberColumns + "WHERE org = $1 ORDER BY person")
	members, err := store.Collect(rows, err, scanMember)
	if err != nil {
		return nil, err
	}
	rows, err = v.Query("SELECT person, role FROM member_role WHERE org = $1 ORDER BY person, role")
	roles, err := store.Collect(rows, err, scanPair)
	at := map[id.Person]int{}
	for i, m := range members {
		at[m.Person] = i
	}
	for _, r := range roles {
		if i, ok := at[id.Person(r.a)]; ok {
			members[i].Roles = append(members[i].Roles, id.Role(r.b))
		}
	}
	return members, err
}

func insertMember(tx *store.Tx, m Member, p Person) error {
	n, err := tx.Exec(`INSERT INTO member (org, person, manager, state, sort, since, version)
		VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT DO NOTHING`,
		string(m.Person), string(m.Manager), string(m.State), p.sort(), store.Micros(m.Since))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "member-already")
	}
	if err != nil {
		return err
	}
	if err := index(tx.House(), m.Org, p); err != nil {
		return err
	}
	return giveRoles(tx, m)
}

func updateMember(tx *store.Tx, m Member) error {
	n, err := tx.Exec("UPDATE member SET manager = $2, state = $3, version = version + 1 WHERE org = $1 AND person = $4 AND version = $5",
		string(m.Manager), string(m.State), string(m.Person), m.Version)
	if err := changedOr(n, err); err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM member_role WHERE org = $1 AND person = $2", string(m.Person)); err != nil {
		return err
	}
	return giveRoles(tx, m)
}

func giveRoles(tx *store.Tx, m Member) error {
	for _, role := range m.Roles {
		if _, err := tx.Exec("INSERT INTO member_role (org, person, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", string(m.Person), string(role)); err != nil {
			return err
		}
	}
	return nil
}

func deleteMember(tx *store.Tx, who id.Person) error {
	for _, statement := range []string{
		"DELETE FROM member_role WHERE org = $1 AND person = $2", "DELETE FROM group_member WHERE org = $1 AND person = $2",
		"UPDATE member SET manager = '' WHERE org = $1 AND manager = $2", "DELETE FROM person_gram WHERE org = $1 AND person = $2",
		"DELETE FROM member WHERE org = $1 AND person = $2",
	} {
		if _, err := tx.Exec(statement, string(who)); err != nil {
			return err
		}
	}
	return nil
}

// chiefs counts the active administrators of the organization but one.
func chiefs(v *store.View, without id.Person) (others int64, err error) {
	err = v.Row(`SELECT COUNT(*) FROM member m JOIN member_role r ON r.org = m.org AND r.person = m.person AND r.role = 'administrator'
		JOIN person p ON p.id = m.person WHERE m.org = $1 AND m.state = 'active' AND p.state = 'active' AND m.person <> $2`, string(without)).Scan(&others)
	return others, err
}

// operators counts the people who hold every permission of the house by the
// built-in role, but one.
func operators(v *store.View, without id.Person) (others int64, err error) {
	err = v.Row(`SELECT COUNT(*) FROM member m JOIN member_role r ON r.org = m.org AND r.person = m.person AND r.role = 'operator'
		JOIN org o ON o.id = m.org AND o.type = 'provider' AND o.state = 'active'
		JOIN person p ON p.id = m.person WHERE m.state = 'active' AND p.state = 'active' AND m.person <> $1`, string(without)).Scan(&others)
	return others, err
}

// orgsOfPerson reads every organization in which a person is a member, in any
// state.
func orgsOfPerson(v *store.View, who id.Person) ([]id.Org, error) {
	rows, err := v.Query("SELECT org FROM member WHERE person = $1 ORDER BY org", string(who))
	return store.Collect(rows, err, scanID[id.Org])
}

func noPeople(v *store.View) (bool, error) {
	var n int64
	err := v.Row("SELECT COUNT(*) FROM (SELECT id FROM person LIMIT 1) AS one").Scan(&n)
	return n == 0, err
}

func reportsOf(v *store.View, manager id.Person) ([]id.Person, error) {
	rows, err := v.Query("SELECT person FROM member WHERE org = $1 AND manager = $2 ORDER BY person", string(manager))
	return store.Collect(rows, err, scanID[id.Person])
}
