package org

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Bounds of what is kept of a person, in characters.
const (
	LoginMost = 64
	EmailMost = 254
	NameMost  = 80
)

// LoginFold brings a login into the form in which it is unique: width and case
// do not make another one (A043).
func LoginFold(login string) string { return words.Kept(words.Fold(login)) }

// EmailFold is the form in which addresses are compared.
func EmailFold(email string) string {
	if address, err := mailaddr.Parse(email); err == nil {
		email = address.String()
	}
	return words.Kept(strings.ToLower(words.NFKC(strings.TrimSpace(email))))
}

// loginForm keeps to ASCII, so that no two logins look alike.
var loginForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._@+-]*[A-Za-z0-9])?$`)

func (p Person) loginFold() any {
	if p.State == Deleted {
		return nil
	}
	return LoginFold(p.Login)
}

func (p Person) emailFold() string { return EmailFold(p.Email) }

func (p Person) verified() int64 {
	if p.Verified {
		return 1
	}
	return 0
}

// sort is the order of lists: by reading where there is one, as Japanese lists
// of names are, else by the shown name.
func (p Person) sort() string {
	if p.Reading != "" {
		return words.Fold(p.Reading)
	}
	return words.Fold(p.DisplayName)
}

// Name returns how the person is shown where nothing was chosen: by the names
// in the order of the locale, else by login.
func (p Person) Name() string {
	first, second := p.GivenName, p.FamilyName
	if p.Locale == "ja" || p.Reading != "" {
		first, second = second, first
	}
	if name := strings.TrimSpace(first + " " + second); name != "" {
		return name
	}
	return p.Login
}

// settle fills in what follows from the rest and returns all that is wrong.
func (p *Person) settle() *fault.Fault {
	p.Login = strings.TrimSpace(words.NFKC(p.Login)) // full width is a way of typing
	for _, text := range []*string{&p.Email, &p.DisplayName, &p.FamilyName, &p.GivenName, &p.Reading} {
		*text = strings.TrimSpace(*text)
	}
	made := p.DisplayName == ""
	if made {
		p.DisplayName = p.Name()
	}
	var bad fault.Checks
	checkLogin(&bad, p.Login)
	if p.Email != "" {
		address, err := mailaddr.Parse(p.Email)
		if f := fault.As(err); f != nil {
			bad.AddFault("email", f)
		} else {
			p.Email = address.String()
		}
	}
	checkName(&bad, "family_name", p.FamilyName)
	checkName(&bad, "given_name", p.GivenName)
	checkName(&bad, "reading", p.Reading)
	if !made || bad.Fault("person-invalid") == nil { // else it is wrong where its parts are
		checkName(&bad, "display_name", p.DisplayName)
	}
	if p.Locale != "" && !slices.Contains(words.Langs, words.Lang(p.Locale)) {
		bad.Add("locale", "locale-unknown", "known", "en, ja")
	}
	if !zoneKnown(p.TimeZone) {
		bad.Add("time_zone", "time-zone-unknown", "zone", p.TimeZone)
	}
	if !slices.Contains([]State{Active, Disabled, Invited}, p.State) {
		bad.Add("state", "person-state-unknown")
	}
	return bad.Fault("person-invalid")
}

// zoneKnown keeps to names of the database: "Local" is the server's own.
func zoneKnown(name string) bool {
	if name == "" {
		return true
	}
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}

func checkLogin(bad *fault.Checks, login string) {
	switch {
	case login == "":
		bad.Add("login", "field-required")
	case utf8.RuneCountInString(login) > LoginMost:
		bad.Add("login", "field-too-long", "limit", LoginMost)
	case !loginForm.MatchString(login):
		bad.Add("login", "login-malformed")
	}
}

// checkName lets a name be anything that can be shown and that does not pass
// for another by letters that look alike.
func checkName(bad *fault.Checks, path, name string) {
	switch {
	case !utf8.ValidString(name):
		bad.Add(path, "text-not-utf8")
	case utf8.RuneCountInString(name) > NameMost:
		bad.Add(path, "field-too-long", "limit", NameMost)
	case words.Unshown(name) || strings.ContainsAny(name, "\n\t") || name != "" && words.Blank(name):
		bad.Add(path, "text-has-controls")
	case words.Mixed(name):
		bad.Add(path, "name-mixes-alphabets")
	}
}

func (p Person) target() string { return "person:" + string(p.ID) }

// event is what the witness keeps of a change to a person.
func (p Person) event(name string, by id.Principal) store.Event {
	fields := map[string]string{"login": p.Login}
	for key, value := range map[string]string{
		"email": p.Email, "display_name": p.DisplayName, "family_name": p.FamilyName, "given_name": p.GivenName,
		"reading": p.Reading, "locale": p.Locale, "time_zone": p.TimeZone, "state": string(p.State),
	} {
		if value != "" {
			fields[key] = value
		}
	}
	return store.Event{Name: name, By: by, Target: p.target(), Fields: fields}
}

// AddPerson makes a person in the caller's write. p.ID and p.Created are made
// outside. Who acts must be allowed to by the caller: it is for rooms that
// bring people in by their own rules (the first administrator, an import).
func (r *Register) AddPerson(tx *store.Tx, by id.Principal, p Person) (store.Event, error) {
	if f := p.settle(); f != nil {
		return store.Event{}, f
	}
	return p.event("person.added", by), insertPerson(tx.House(), p)
}

// ChangePerson changes what is said of a person; p.Version must be the one that
// was read. Everybody may change their own names, language and zone; login,
// address and state are for who holds PeopleWrite where the person is a member
// and is at least as strong everywhere. A new address is not verified.
func (r *Register) ChangePerson(ctx context.Context, by id.Principal, p Person) (Person, error) {
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.PutPerson(tx, by, p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		return p, r.OrHold(ctx, err, by, "", p)
	}
	r.forget()
	return r.Person(ctx, p.ID)
}

// PutPerson is ChangePerson in the caller's write; call Forget after it.
func (r *Register) PutPerson(tx *store.Tx, by id.Principal, p Person) (store.Event, error) {
	house := tx.House()
	now, err := personByID(&house.View, p.ID)
	if err != nil {
		return store.Event{}, err
	}
	if now.State == Deleted {
		return store.Event{}, errNoPerson
	}
	// Who may is asked before what is wrong: a stranger learns nothing from it.
	if err := r.mayPut(&house.View, by, now, p); err != nil {
		return store.Event{}, err
	}
	p.Created, p.Verified = now.Created, now.Verified && EmailFold(now.Email) == EmailFold(p.Email)
	if f := p.settle(); f != nil {
		return store.Event{}, f
	}
	if p.State == Invited && now.State != Invited {
		var bad fault.Checks
		bad.Add("state", "person-state-unknown")
		return store.Event{}, bad.Fault("person-invalid")
	}
	if p.State != Active && now.State == Active {
		if err := keepChiefs(house, p.ID); err != nil {
			return store.Event{}, err
		}
	}
	strengthens := func(v *store.View) (bool, error) { return r.strengthens(v, by, now, p) }
	if err := r.held(tx, by, "person:"+string(p.ID), strengthens); err != nil {
		return store.Event{}, err
	}
	name := "person.changed"
	if p.State != now.State {
		name = map[State]string{Active: "person.enabled", Disabled: "person.disabled"}[p.State]
	}
	return p.event(name, by), updatePerson(house, p, now)
}

// mayPut says who changes what is said of a person.
func (r *Register) mayPut(v *store.View, by id.Principal, now, next Person) error {
	identity := LoginFold(now.Login) != LoginFold(next.Login) || EmailFold(now.Email) != EmailFold(next.Email) || now.State != next.State
	switch {
	case by.Person() != now.ID || identity:
		return r.mayTouch(v, by, now.ID)
	case now.State == Disabled:
		return fault.New(fault.Forbidden, "person-disabled")
	}
	return nil
}

// MayTouch says whether who acts may change another person's identity, factors
// or state: they hold PeopleWrite in every organization of that person, and are
// at least as strong there. In one of several it is not enough: a new address
// or a reset gives whoever has it the person's access everywhere.
func (r *Register) MayTouch(v *store.View, by id.Principal, who id.Person) error {
	return r.mayTouch(v.House(), by, who)
}

func (r *Register) mayTouch(v *store.View, by id.Principal, who id.Person) error {
	p, err := r.powerOf(v, by)
	if err != nil || p.all {
		return err
	}
	theirs, err := r.strengthOf(v, who)
	if err != nil {
		return err
	}
	return p.touches(theirs)
}

// MightTouch is MayTouch as it was within Freshness, for pages that offer to: it
// reads two statements, or none if somebody asked before. Who is no member of
// the organization is not there.
func (r *Register) MightTouch(ctx context.Context, by id.Principal, in id.Org, who id.Person) error {
	mine, theirs := Grants{}, Grants{}
	var err error
	if by.Kind() == id.KindPerson {
		mine, err = r.Grants(ctx, by.Person())
	}
	if err == nil {
		theirs, err = r.kept(ctx, r.latent, who, r.strengthOf)
	}
	switch _, member := theirs.held[in]; {
	case err != nil:
		return err
	case !member:
		return errNoPerson
	case by.Kind() == id.KindLocal, by.Kind() == id.KindSystem, by.Kind() == id.KindNode:
		return nil
	}
	return power{Grants: mine}.touches(theirs)
}

// touches says whether who acts may change somebody, whose organizations and
// strength are those of strengthOf.
func (p power) touches(theirs Grants) error {
	writes, known, self := 0, false, p.Person == theirs.Person
	for org := range theirs.held {
		if known = known || p.knows(org); p.Holds(org, PeopleWrite) {
			writes++
		}
	}
	switch {
	case len(theirs.held) == 0 && p.Holds("", Everything): // they belong to the house alone
	case writes == 0 && (self || known):
		return fault.New(fault.Forbidden, "not-permitted", "permission", PeopleWrite)
	case writes == 0:
		return errNoPerson // of no organization that they know (R4)
	case writes < len(theirs.held) && !self:
		return fault.New(fault.Forbidden, "person-elsewhere-too")
	}
	if !p.over(theirs) {
		return errStronger
	}
	return nil
}

// strengthOf is what a person could do if they, their memberships and their
// organizations were all active: a disabled administrator is still nobody's to
// take over.
func (r *Register) strengthOf(v *store.View, who id.Person) (Grants, error) {
	g := Grants{Person: who, State: Active, held: map[id.Org]set{}, roles: map[id.Org][]id.Role{}, under: map[id.Org]set{}, house: set{}}
	seats, err := latentSeatsOf(v, who)
	if err != nil {
		return g, err
	}
	return g, g.take(r, v, seats)
}

// keepChiefs refuses to take the last administrator from an organization, and
// the last operator from the house.
func keepChiefs(tx *store.Tx, who id.Person) error {
	orgs, err := orgsOfPerson(&tx.View, who)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if err := keepChief(tx, org, who, nil); err != nil {
			return err
		}
	}
	return nil
}

// keepChief does so for one organization, in which the person keeps roles. Who
// does not act, being invited or disabled, is nobody's last.
func keepChief(tx *store.Tx, org id.Org, who id.Person, keeps []id.Role) error {
	if !slices.Contains(keeps, Administrator) {
		if theirs, others, err := chiefs(tx.View.Org(org), who); err != nil || theirs > 0 && others == 0 {
			return lastOr(err, "last-administrator")
		}
	}
	if slices.Contains(keeps, Operator) {
		return nil
	}
	if theirs, others, err := operators(&tx.View, org, who); err != nil || theirs > 0 && others == 0 {
		return lastOr(err, "last-operator")
	}
	return nil
}

func lastOr(err error, code string) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, code)
}

// DeletePerson erases a person for good: names, addresses, memberships, roles
// and factors go; the identifier stays, so that it is never given again, and so
// do the records of what they did, whose fields can be erased singly.
func (r *Register) DeletePerson(ctx context.Context, by id.Principal, who id.Person) error {
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.RemovePerson(tx, by, who)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.forget()
	return err
}

// RemovePerson is DeletePerson in the caller's write; call Forget after it.
func (r *Register) RemovePerson(tx *store.Tx, by id.Principal, who id.Person) (store.Event, error) {
	house := tx.House()
	p, err := personByID(&house.View, who)
	if err != nil || p.State == Deleted {
		return store.Event{}, orMissing(err)
	}
	power, err := r.powerOf(&house.View, by)
	if err != nil {
		return store.Event{}, err
	}
	if !power.all {
		if err := r.mayErase(&house.View, power, by, who); err != nil {
			return store.Event{}, err
		}
	}
	if err := keepChiefs(house, who); err != nil {
		return store.Event{}, err
	}
	for _, forget := range r.gone {
		if err := forget(house, who); err != nil {
			return store.Event{}, err
		}
	}
	event := store.Event{Name: "person.deleted", By: by, Target: p.target(), Fields: map[string]string{"login": p.Login}}
	return event, erasePerson(house, p)
}

func orMissing(err error) error {
	if err == nil {
		return errNoPerson
	}
	return err
}

// mayErase asks for PeopleErase in every organization of the person: who
// administers one of several can only end the membership there.
func (r *Register) mayErase(v *store.View, p power, by id.Principal, who id.Person) error {
	if err := r.mayTouch(v, by, who); err != nil {
		return err
	}
	orgs, err := orgsOfPerson(v, who)
	for _, org := range orgs {
		if p.Holds(org, PeopleErase) {
			continue
		}
		if len(orgs) == 1 {
			return fault.New(fault.Forbidden, "not-permitted", "permission", PeopleErase)
		}
		return fault.New(fault.Forbidden, "person-elsewhere-too")
	}
	return err
}

// Verify notes that mail to the address arrives at the person, if it still is
// theirs. It is for the caller's write, after a link that was sent there.
func (r *Register) Verify(tx *store.Tx, who id.Person, email string) error {
	house := tx.House()
	p, err := personByID(&house.View, who)
	if err != nil {
		return err
	}
	if EmailFold(p.Email) != EmailFold(email) || p.State == Deleted {
		return fault.New(fault.Conflict, "email-changed")
	}
	if p.Verified {
		return nil
	}
	p.Verified = true
	return updatePerson(house, p, p)
}

// Accept makes an invited person active, in the caller's write. Who is active
// already stays so; a disabled person (person-disabled) is not enabled by an
// old link.
func (r *Register) Accept(tx *store.Tx, who id.Person) (Person, error) {
	house := tx.House()
	p, err := personByID(&house.View, who)
	switch {
	case err != nil:
		return p, err
	case p.State == Deleted:
		return p, errNoPerson
	case p.State == Disabled:
		return p, fault.New(fault.Forbidden, "person-disabled")
	case p.State == Active:
		return p, nil
	}
	p.State = Active
	if err := updatePerson(house, p, p); err != nil {
		return p, err
	}
	p.Version++
	return p, nil
}

// Forget makes this node ask again at once what people may do; call it after
// a write in which something here changed.
func (r *Register) Forget() { r.forget() }
