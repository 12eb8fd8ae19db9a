package org

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
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
	return onePerson(v, "WHERE p.id = $1", words.Kept(string(which)))
}

func personByLogin(v *store.View, fold string) (Person, error) {
	return onePerson(v, "WHERE p.login_fold = $1", words.Kept(fold))
}

// peopleByEmail reads who has an address; more than one is possible.
func peopleByEmail(v *store.View, fold string) ([]Person, error) {
	rows, err := v.Query(personColumns+"WHERE p.email_fold = $1 AND p.email_fold <> '' ORDER BY p.id LIMIT 2", fold)
	return store.Collect(rows, err, scanPerson)
}

func verifiedAt(v *store.View, fold string) ([]Person, error) {
	rows, err := v.Query(personColumns+"WHERE p.email_fold = $1 AND p.email_fold <> '' AND p.verified = 1 AND p.state = 'active' LIMIT 2", fold)
	return store.Collect(rows, err, scanPerson)
}

// peopleVerified reads who proved to have an address, at most two.
func peopleVerified(v *store.View, fold string) ([]Person, error) {
	rows, err := v.Query(personColumns+"WHERE p.email_fold = $1 AND p.email_fold <> '' AND p.verified = 1 ORDER BY p.id LIMIT 2", fold)
	return store.Collect(rows, err, scanPerson)
}

// mostAtOnce is how many values one statement carries.
const mostAtOnce = 200

func peopleByID(v *store.View, which []id.Person) ([]Person, error) {
	var all []Person
	for chunk := range slices.Chunk(which, mostAtOnce) {
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

// marksFor writes $n, $n+1… for as many values, the last of which is repeated:
// so few texts of a statement are there to be kept prepared.
func marksFor[T ~string](values []T, from int) (string, []any) {
	n := 1
	for n < len(values) {
		n *= 2
	}
	marks, args := make([]string, n), make([]any, n)
	for i := range n {
		marks[i], args[i] = fmt.Sprintf("$%d", from+i), words.Kept(string(values[min(i, len(values)-1)]))
	}
	return strings.Join(marks, ", "), args
}

func allPeople(v *store.View) ([]Person, error) {
	rows, err := v.Query(personColumns + "WHERE p.state <> 'deleted' ORDER BY p.login")
	return store.Collect(rows, err, scanPerson)
}

func insertPerson(tx *store.Tx, p Person) error {
	if err := notAnothersAddress(&tx.View, p); err != nil {
		return err
	}
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
	return addGrams(tx, "", p.ID, p.grams())
}

// notAnothersAddress refuses a login that is the proven address of somebody
// else, who signs in with it.
func notAnothersAddress(v *store.View, p Person) error {
	if !strings.Contains(p.Login, "@") {
		return nil
	}
	people, err := peopleVerified(v, EmailFold(p.Login))
	if err == nil && slices.ContainsFunc(people, func(o Person) bool { return o.ID != p.ID }) {
		return loginTaken(p.Login)
	}
	return err
}

func loginTaken(login string) error {
	return fault.New(fault.Conflict, "login-taken", "login", login)
}

func updatePerson(tx *store.Tx, p, now Person) error {
	other, err := personByLogin(&tx.View, LoginFold(p.Login))
	if err == nil && other.ID != p.ID {
		return loginTaken(p.Login)
	}
	if err != nil && !errors.Is(err, errNoPerson) {
		return err
	}
	if err := notAnothersAddress(&tx.View, p); err != nil {
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
	return reindex(tx, p, now)
}

// reindex brings what a person is found by up to date, everywhere; of most
// changes little differs.
func reindex(tx *store.Tx, p, now Person) error {
	orgs, err := orgsOfPerson(&tx.View, p.ID)
	if err != nil {
		return err
	}
	gone, added := differ(now.grams(), p.grams())
	for _, org := range append(orgs, "") {
		if err := dropGrams(tx, org, p.ID, gone); err != nil {
			return err
		}
		if err := addGrams(tx, org, p.ID, added); err != nil {
			return err
		}
	}
	_, err = tx.Exec("UPDATE member SET sort = $1 WHERE person = $2", p.sort(), string(p.ID))
	return err
}

func dropGrams(tx *store.Tx, org id.Org, who id.Person, grams []string) error {
	for chunk := range slices.Chunk(grams, mostAtOnce) {
		marks, args := marksFor(chunk, 3)
		args = append([]any{string(org), string(who)}, args...)
		if _, err := tx.Exec("DELETE FROM person_gram WHERE org = $1 AND person = $2 AND gram IN ("+marks+")", args...); err != nil {
			return err
		}
	}
	return nil
}

func addGrams(tx *store.Tx, org id.Org, who id.Person, grams []string) error {
	for chunk := range slices.Chunk(grams, mostAtOnce) {
		marks, args := marksFor(chunk, 3)
		args = append([]any{string(org), string(who)}, args...)
		values := "($1, " + strings.ReplaceAll(marks, ", ", ", $2), ($1, ") + ", $2)"
		if _, err := tx.Exec("INSERT INTO person_gram (org, gram, person) VALUES "+values+" ON CONFLICT DO NOTHING", args...); err != nil {
			return err
		}
	}
	return nil
}

// erasePerson leaves the identifier and the time of what was a person.
func erasePerson(tx *store.Tx, p Person) error {
	orgs, err := orgsOfPerson(&tx.View, p.ID)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if err := deleteMember(tx.Org(org), p); err != nil {
			return err
		}
	}
	if err := dropGrams(tx, "", p.ID, p.grams()); err != nil {
		return err
	}
	for _, statement := range []string{
		`UPDATE person SET login = '', login_fold = NULL, email = '', email_fold = '', verified = 0, display_name = '', family_name = '',
			given_name = '', reading = '', locale = '', time_zone = '', sort = '', state = 'deleted', version = version + 1 WHERE id = $1`,
	} {
		if _, err := tx.Exec(statement, string(p.ID)); err != nil {
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
	return seated(v, who, rows, err)
}

// latentSeatsOf reads where a person is a member in whatever state.
func latentSeatsOf(v *store.View, who id.Person) ([]seat, error) {
	rows, err := v.Query(orgColumns+"WHERE id IN (SELECT org FROM member WHERE person = $1) ORDER BY title, id", string(who))
	return seated(v, who, rows, err)
}

func seated(v *store.View, who id.Person, rows *store.Rows, err error) ([]seat, error) {
	orgs, err := store.Collect(rows, err, scanOrg)
	if err != nil || len(orgs) == 0 {
		return nil, err
	}
	rows, err = v.Query("SELECT org, role FROM member_role WHERE person = $1 ORDER BY org, role", string(who))
	roles, err := store.Collect(rows, err, scanPair)
	held := map[string][]id.Role{}
	for _, r := range roles {
		held[r.a] = append(held[r.a], id.Role(r.b))
	}
	seats := make([]seat, len(orgs))
	for i, o := range orgs {
		seats[i] = seat{o, held[string(o.ID)]}
	}
	return seats, err
}

// managerOf reads the manager of a member; found is false if it is none.
func managerOf(v *store.View, who id.Person) (manager id.Person, found bool, err error) {
	err = v.Row("SELECT manager FROM member WHERE org = $1 AND person = $2", words.Kept(string(who))).Scan(&manager)
	if errors.Is(err, store.ErrNoRow) {
		return "", false, nil
	}
	return manager, true, err
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
	rows, err := v.Query(`SELECT m.org, m.person, m.manager, m.state, m.since, m.version, COALESCE(r.role, '') FROM member m
		LEFT JOIN member_role r ON r.org = m.org AND r.person = m.person WHERE m.org = $1 AND m.person = $2 ORDER BY r.role`, words.Kept(string(who)))
	var roles []id.Role
	seats, err := store.Collect(rows, err, func(scan func(...any) error) (Member, error) {
		var role id.Role
		m, err := scanMember(func(into ...any) error { return scan(append(into, &role)...) })
		if role != "" {
			roles = append(roles, role)
		}
		return m, err
	})
	if err != nil || len(seats) == 0 {
		return Member{}, orMissing(err)
	}
	m := seats[0]
	m.Roles = roles
	return m, nil
}

// membersOf reads members by person, with their roles, in two statements for up
// to 200 of them.
func membersOf(v *store.View, who []id.Person) (map[id.Person]Member, error) {
	found := map[id.Person]Member{}
	for chunk := range slices.Chunk(who, mostAtOnce) {
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
			if m, ok := found[id.Person(r.a)]; ok {
				m.Roles = append(m.Roles, id.Role(r.b))
				found[m.Person] = m
			}
		}
	}
	return found, nil
}

func countMembers(v *store.View) (n int64, err error) {
	err = v.Row("SELECT COUNT(*) FROM member WHERE org = $1").Scan(&n)
	return n, err
}

// allMembers reads members with the roles that stay theirs.
func allMembers(v *store.View) ([]Member, error) {
	rows, err := v.Query(memberColumns + "WHERE org = $1 ORDER BY person")
	members, err := store.Collect(rows, err, scanMember)
	if err != nil {
		return nil, err
	}
	rows, err = v.Query("SELECT person, role FROM member_role WHERE org = $1 AND lent = '' ORDER BY person, role")
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
	if err := addGrams(tx.House(), m.Org, p.ID, p.grams()); err != nil {
		return err
	}
	return giveRoles(tx, m)
}

// updateMember leaves roles alone that are lent: they end with their lease.
func updateMember(tx *store.Tx, m Member) error {
	n, err := tx.Exec("UPDATE member SET manager = $2, state = $3, version = version + 1 WHERE org = $1 AND person = $4 AND version = $5",
		string(m.Manager), string(m.State), string(m.Person), m.Version)
	if err := changedOr(n, err); err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM member_role WHERE org = $1 AND person = $2 AND lent = ''", string(m.Person)); err != nil {
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

func deleteMember(tx *store.Tx, p Person) error {
	for _, statement := range []string{
		"DELETE FROM member_role WHERE org = $1 AND person = $2", "DELETE FROM group_member WHERE org = $1 AND person = $2",
		"UPDATE member SET manager = '', version = version + 1 WHERE org = $1 AND manager = $2",
		"DELETE FROM member WHERE org = $1 AND person = $2",
	} {
		if _, err := tx.Exec(statement, string(p.ID)); err != nil {
			return err
		}
	}
	_, org := tx.Owner()
	return dropGrams(tx.House(), id.Org(org), p.ID, p.grams())
}

// chiefs counts the administrators who can act in the organization: one person,
// and the others. Who is one for a time is nobody's last.
func chiefs(v *store.View, who id.Person) (theirs, others int64, err error) {
	err = v.Row(`SELECT COUNT(CASE WHEN m.person = $2 THEN 1 END), COUNT(CASE WHEN m.person <> $2 THEN 1 END)
		FROM member m JOIN member_role r ON r.org = m.org AND r.person = m.person AND r.role = 'administrator' AND r.lent = ''
		JOIN person p ON p.id = m.person WHERE m.org = $1 AND m.state = 'active' AND p.state = 'active'`, string(who)).Scan(&theirs, &others)
	return theirs, others, err
}

const operatorsWhere = ` FROM member_role r JOIN member m ON m.org = r.org AND m.person = r.person AND m.state = 'active'
	JOIN org o ON o.id = m.org AND o.type = 'provider' AND o.state = 'active'
	JOIN person p ON p.id = m.person AND p.state = 'active' WHERE r.role = 'operator' AND r.lent = ''`

// operators counts the seats of the house's operators: that of a person in an
// organization, and those of other people.
func operators(v *store.View, org id.Org, who id.Person) (theirs, others int64, err error) {
	err = v.Row(`SELECT COUNT(CASE WHEN m.org = $1 AND m.person = $2 THEN 1 END), COUNT(CASE WHEN m.person <> $2 THEN 1 END)`+operatorsWhere,
		string(org), string(who)).Scan(&theirs, &others)
	return theirs, others, err
}

// operatorsOf counts the seats of the house's operators in an organization, and
// those elsewhere.
func operatorsOf(v *store.View, org id.Org) (theirs, others int64, err error) {
	err = v.Row(`SELECT COUNT(CASE WHEN m.org = $1 THEN 1 END), COUNT(CASE WHEN m.org <> $1 THEN 1 END)`+operatorsWhere,
		string(org)).Scan(&theirs, &others)
	return theirs, others, err
}

// orgsOfPerson reads every organization in which a person is a member, in any
// state.
func orgsOfPerson(v *store.View, who id.Person) ([]id.Org, error) {
	rows, err := v.Query("SELECT org FROM member WHERE person = $1 ORDER BY org", words.Kept(string(who)))
	return store.Collect(rows, err, scanID[id.Org])
}

// firstAlone reports whether nobody but one person has ever come into the house;
// who was deleted counts.
func firstAlone(v *store.View) (bool, error) {
	rows, err := v.Query("SELECT id FROM person WHERE state <> 'invited' ORDER BY id LIMIT 2")
	came, err := store.Collect(rows, err, scanID[id.Person])
	return len(came) < 2, err
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
