package org

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
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
func LoginFold(login string) string { return words.Fold(strings.TrimSpace(login)) }

// EmailFold is the form in which addresses are compared.
func EmailFold(email string) string {
	return strings.ToLower(words.NFKC(strings.TrimSpace(email)))
}

// loginForm keeps to ASCII after folding, so that no two logins look alike.
var loginForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._@+-]*[a-z0-9])?$`)

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

// gramLength bounds a gram: longer words are told apart by what is read.
const gramLength = 12

// grams are what a person is found by: every word from its start, and text
// without spaces between words from every character.
func (p Person) grams() []string {
	found := map[string]bool{}
	for _, field := range [...]string{p.Login, p.Email, p.DisplayName, p.FamilyName, p.GivenName, p.Reading} {
		for _, word := range pieces(field) {
			runes := []rune(word)
			for i := range runes {
				if i > 0 && runes[i] < 0x2e80 {
					continue // an alphabet: words are found by how they begin
				}
				found[string(runes[i:min(len(runes), i+gramLength)])] = true
			}
		}
	}
	all := make([]string, 0, len(found))
	for gram := range found {
		all = append(all, gram)
	}
	slices.Sort(all)
	return all
}

// pieces cuts a text into folded words; an address is found by its parts too.
func pieces(text string) []string {
	fold := words.Fold(text)
	parts := strings.Fields(fold)
	for _, part := range strings.FieldsFunc(fold, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// beyond is the first text after all that begin with gram.
func beyond(gram string) string { return gram + "\U0010ffff" }

// terms are what a search asks for, the longest first: it finds least.
func terms(text string) []string {
	var all []string
	for _, word := range strings.Fields(words.Fold(text)) {
		if runes := []rune(word); len(runes) > gramLength {
			word = string(runes[:gramLength])
		}
		all = append(all, word)
	}
	slices.SortStableFunc(all, func(a, b string) int { return utf8.RuneCountInString(b) - utf8.RuneCountInString(a) })
	return all[:min(len(all), 5)]
}

// settle fills in what follows from the rest and returns all that is wrong.
func (p *Person) settle() *fault.Fault {
	p.Login, p.Email = strings.TrimSpace(p.Login), strings.TrimSpace(p.Email)
	if p.DisplayName = strings.TrimSpace(p.DisplayName); p.DisplayName == "" {
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
	checkName(&bad, "display_name", p.DisplayName)
	checkName(&bad, "family_name", p.FamilyName)
	checkName(&bad, "given_name", p.GivenName)
	checkName(&bad, "reading", p.Reading)
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
	switch fold := LoginFold(login); {
	case fold == "":
		bad.Add("login", "field-required")
	case len(fold) > LoginMost:
		bad.Add("login", "field-too-long", "limit", LoginMost)
	case !loginForm.MatchString(fold):
		bad.Add("login", "login-malformed")
	}
}

// checkName lets a name be anything that can be shown and that does not pass
// for another by letters that look alike.
func checkName(bad *fault.Checks, path, name string) {
	switch {
	case utf8.RuneCountInString(name) > NameMost:
		bad.Add(path, "field-too-long", "limit", NameMost)
	case !utf8.ValidString(name):
		bad.Add(path, "text-not-utf8")
	case words.Unshown(name) || strings.ContainsAny(name, "\n\t"):
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
		return p, err
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
	p.Created, p.Verified = now.Created, now.Verified && EmailFold(now.Email) == EmailFold(p.Email)
	if f := p.settle(); f != nil {
		return store.Event{}, f
	}
	identity := LoginFold(now.Login) != LoginFold(p.Login) || EmailFold(now.Email) != EmailFold(p.Email) || now.State != p.State
	if by.Person() != p.ID || identity {
		if err := r.mayTouch(&house.View, by, p.ID); err != nil {
			return store.Event{}, err
		}
	}
	if p.State != Active && now.State == Active {
		if err := keepChiefs(house, p.ID); err != nil {
			return store.Event{}, err
		}
	}
	name := "person.changed"
	if p.State != now.State {
		name = map[State]string{Active: "person.enabled", Disabled: "person.disabled"}[p.State]
	}
	return p.event(name, by), updatePerson(house, p)
}

// MayTouch says whether who acts may change another person's identity, factors
// or state: they hold PeopleWrite in an organization of that person, or in the
// house, and are at least as strong everywhere.
func (r *Register) MayTouch(v *store.View, by id.Principal, who id.Person) error {
	return r.mayTouch(v.House(), by, who)
}

func (r *Register) mayTouch(v *store.View, by id.Principal, who id.Person) error {
	p, err := r.powerOf(v, by)
	if err != nil || p.all {
		return err
	}
	orgs, err := orgsOfPerson(v, who)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(orgs, func(org id.Org) bool { return p.Holds(org, PeopleWrite) }) {
		if slices.ContainsFunc(orgs, p.Sees) {
			return fault.New(fault.Forbidden, "not-permitted", "permission", PeopleWrite)
		}
		return errNoPerson // of no organization that they know
	}
	theirs, err := r.strengthOf(v, who)
	if err == nil && !p.over(theirs) {
		return errStronger
	}
	return err
}

// strengthOf is what a person could do if active: a disabled administrator is
// still nobody's to take over.
func (r *Register) strengthOf(v *store.View, who id.Person) (Grants, error) {
	g := Grants{Person: who, State: Active, held: map[id.Org]set{}, roles: map[id.Org][]id.Role{}, under: map[id.Org]set{}, house: set{}}
	seats, err := seatsOf(v, who)
	for _, s := range seats {
		permissions, roles, err := r.resolve(v, s.org, s.roles)
		if err != nil {
			return g, err
		}
		g.sit(r, s.org, permissions, roles)
	}
	return g, err
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

// keepChief does so for one organization, in which the person keeps roles.
func keepChief(tx *store.Tx, org id.Org, who id.Person, keeps []id.Role) error {
	m, err := memberOf(tx.View.Org(org), who)
	if err != nil || m.State != Active {
		return ignoreMissing(err)
	}
	if slices.Contains(m.Roles, Administrator) && !slices.Contains(keeps, Administrator) {
		if others, err := chiefs(tx.View.Org(org), who); err != nil || others == 0 {
			return lastOr(err, "last-administrator")
		}
	}
	if slices.Contains(m.Roles, Operator) && !slices.Contains(keeps, Operator) {
		if others, err := operators(tx.View.House(), who); err != nil || others == 0 {
			return lastOr(err, "last-operator")
		}
	}
	return nil
}

func lastOr(err error, code string) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, code)
}

func ignoreMissing(err error) error {
	if fault.As(err) != nil {
		return nil
	}
	return err
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
	return event, erasePerson(house, who)
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
		if !p.Holds(org, PeopleErase) {
			return fault.New(fault.Forbidden, "person-elsewhere-too")
		}
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
	return updatePerson(house, p)
}

// Accept makes an invited person active, in the caller's write.
func (r *Register) Accept(tx *store.Tx, who id.Person) (Person, error) {
	house := tx.House()
	p, err := personByID(&house.View, who)
	if err != nil || p.State != Invited {
		return p, err
	}
	p.State = Active
	return p, updatePerson(house, p)
}

// Forget makes this node ask again at once what people may do; call it after
// a write in which something here changed.
func (r *Register) Forget() { r.forget() }
