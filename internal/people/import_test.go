package people_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people"
	"github.com/sekisho/sekisho/internal/people/sheet"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// desk is a room of people with what signing in lends it, as small as it can
// be: links and hashes live in memory.
type desk struct {
	*people.Room
	t   *testing.T
	s   *store.Store
	org *org.Register
	at  id.Org

	mu     sync.Mutex
	links  map[id.Person]secret.Text
	hashes map[id.Person]string
}

func (d *desk) Prepare(_ context.Context, by id.Principal, to org.Organization, who []org.Person) ([]org.Draft, error) {
	drafts := make([]org.Draft, len(who))
	for i, p := range who {
		link := secret.Of("https://sekisho.example/invitation?link=" + secret.Random(16).Reveal())
		drafts[i] = org.Draft{Link: link, Write: func(*store.Tx) (store.Event, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.links[p.ID] = link
			return store.Event{Name: "person.invited", Org: to.ID, By: by, Target: "person:" + string(p.ID)}, nil
		}}
	}
	return drafts, nil
}

func (d *desk) Invitations(_ context.Context, _ id.Org, who []id.Person) (map[id.Person]org.Invitation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[id.Person]org.Invitation{}
	for _, one := range who {
		if _, ok := d.links[one]; ok {
			found[one] = org.Invitation{State: org.InvitationMade, Until: housetest.Epoch.Add(time.Hour)}
		}
	}
	return found, nil
}

func (d *desk) Check(hash secret.Text) *fault.Fault {
	if !strings.HasPrefix(hash.Reveal(), "$2b$") {
		return fault.New(fault.Invalid, "field-wrong")
	}
	return nil
}

func (d *desk) Hash(_ context.Context, _ org.Person, password secret.Text) (secret.Text, error) {
	if len(password.Reveal()) < 8 {
		return secret.Text{}, fault.New(fault.Invalid, "field-too-short", "limit", 8)
	}
	return secret.Of("$2b$" + password.Reveal()), nil
}

func (d *desk) Import(_ *store.Tx, who id.Person, hash secret.Text) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hashes[who] = hash.Reveal()
	return nil
}

// eachDesk runs f with a room in which Chika administers kaede and Ume momiji.
func eachDesk(t *testing.T, f func(t *testing.T, d *desk, chika, ume org.Person)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		d := &desk{t: t, links: map[id.Person]secret.Text{}, hashes: map[id.Person]string{}}
		d.s = housetest.Open(t, url, c, org.Schema)
		d.org = org.New(org.Options{Store: d.s, Clock: c, Permissions: org.Permissions()})
		d.Room = people.New(people.Options{Store: d.s, Clock: c, Org: d.org, Inviter: d, Passwords: d})
		kaede := d.house("kaede", org.Provider, "")
		momiji := d.house("momiji", org.Customer, kaede)
		d.at = kaede
		f(t, d, d.add("chika", kaede, org.Administrator), d.add("ume", momiji, org.Administrator))
	})
}

func (d *desk) house(name string, kind org.Type, parent id.Org) id.Org {
	d.t.Helper()
	o, err := d.org.PutOrganization(ctx, root, org.Organization{Name: name, Type: kind, Parent: parent})
	if err != nil {
		d.t.Fatal(err)
	}
	return o.ID
}

func (d *desk) add(login string, in id.Org, roles ...id.Role) org.Person {
	d.t.Helper()
	p := org.Person{ID: id.New[id.Person](housetest.Epoch), Login: login, Email: login + "@" + login + ".example", State: org.Active, Created: housetest.Epoch}
	err := d.s.House().Write(ctx, func(tx *store.Tx) store.End {
		added, err := d.org.AddPerson(tx, root, p)
		if err == nil {
			err = d.org.Verify(tx, p.ID, p.Email)
		}
		if err != nil {
			return store.Abort(err)
		}
		joined, err := d.org.SetMember(tx, root, org.Member{Org: in, Person: p.ID, Roles: roles})
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(added, joined)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

// plan is a dry run as text: LINE LOGIN ACTION CHANGES, or COLUMN=CODE.
func (d *desk) plan(by id.Principal, file string) []string {
	d.t.Helper()
	plan, err := d.PlanImport(ctx, by, d.at, []byte(file), false)
	if err != nil {
		return []string{fault.Code(err)}
	}
	var all []string
	for _, row := range plan.Rows {
		said := fmt.Sprint(row.Line, " ", row.Login, " ", row.Action)
		for _, change := range row.Changes {
			said += " " + change
		}
		for _, bad := range row.Troubles {
			said += " " + bad.Path + "=" + bad.Code
		}
		all = append(all, said)
	}
	return all
}

func TestImportRefused(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk, chika, _ org.Person) {
		by := id.OfPerson(chika.ID)
		accounts := id.OfPerson(d.add("botan", d.at, org.Accounts).ID)
		before := len(housetest.Witnessed(t, d.s))
		for _, c := range []struct {
			name, file string
			want       []string
		}{
			{"nothing", "", []string{"import-empty"}},
			{"a head alone", "login,email\n", []string{"import-empty"}},
			{"no login", "email\na@b.example\n", []string{"import-login-missing"}},
			{"an unknown column", "login,salary\na,1\n", []string{"import-column-unknown"}},
			{"a column twice", "login,Login\na,b\n", []string{"import-column-twice"}},
			{"quotes", "login,email\na,\"b\n", []string{"import-malformed"}},
			{"bytes", "login\n\xff\xff\xff\n", []string{"import-not-text"}},
			{"a NUL", "login\na\x00b\n", []string{"import-not-text"}},
			{"too many", "login\n" + strings.Repeat("a\n", sheet.MostRows+1), []string{"import-too-long"}},
			{
				"every problem, none hides another", "login,email,display_name,locale,time_zone,roles,groups,manager\n" +
					"aoi,a@b@c,x\u202ey,fr,Mars,king,nobles,nobody\n" +
					"botan,botan@botan.example,,,,user\n" +
					"CHIKA,chika@chika.example,,,,administrator,,botan\n" +
					"ｃｈｉｋａ,chika@chika.example,,,,administrator,,\n" +
					"ume,,,,,,,\n",
				[]string{
					"2 aoi problem roles=role-unknown manager=manager-unknown groups=group-unknown email=mail-address-malformed display_name=text-has-controls locale=locale-unknown time_zone=time-zone-unknown",
					"3 botan problem roles =import-cells",
					"4 CHIKA update manager",
					"5 ｃｈｉｋａ problem login=import-login-twice",
					"6 ume problem login=login-taken",
				},
			},
			{"managers in a circle", "login,manager\na,b\nb,c\nc,a\n", []string{
				"2 a problem manager=manager-of-themselves", "3 b problem manager=manager-of-themselves", "4 c problem manager=manager-of-themselves",
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				if diff := cmp.Diff(c.want, d.plan(by, c.file)); diff != "" {
					t.Error(diff)
				}
				if _, _, err := d.ApplyImport(ctx, by, d.at, []byte(c.file), false, ""); err == nil {
					t.Error("it was applied")
				}
			})
		}
		t.Run("A123 somebody stronger", func(t *testing.T) {
			if diff := cmp.Diff([]string{"2 a problem roles=stronger-than-you", "3 b create"}, d.plan(accounts, "login,roles\na,administrator\nb,user\n")); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("A123 without the right", func(t *testing.T) {
			if diff := cmp.Diff([]string{"not-permitted"}, d.plan(id.OfPerson(d.add("aoi", d.at, org.User).ID), "login\na\n")); diff != "" {
				t.Error(diff)
			}
		})
		if n := len(housetest.Witnessed(t, d.s)); n != before+2 {
			t.Errorf("%d events of refusals", n-before-2)
		}
	})
}

const staff = "login,email,family_name,given_name,reading,roles,groups,manager,password_hash\r\n" +
	"aoi,aoi@kaede.example,高橋,葵,たかはし あおい,user,sales,botan,$2b$x\r\n" +
	"botan,botan@kaede.example,佐藤,\"牡丹\",さとう ぼたん,accounts-administrator,,chika,\r\n"

func TestImport(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk, chika, _ org.Person) {
		by := id.OfPerson(chika.ID)
		if _, err := d.org.PutGroup(ctx, by, org.Group{Org: d.at, Name: "sales"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"2 aoi create groups", "3 botan create"}, d.plan(by, staff)); diff != "" {
			t.Fatal(diff)
		}
		plan, invited, err := d.ApplyImport(ctx, by, d.at, []byte(staff), true, "")
		if err != nil {
			t.Fatal(err)
		}
		if plan.Counts[people.Create] != 2 || len(invited) != 1 || len(d.links) != 1 || len(d.hashes) != 1 {
			t.Errorf("%v, %d invited, %d links, %d hashes", plan.Counts, len(invited), len(d.links), len(d.hashes))
		}
		all, _, err := d.List(ctx, people.Filter{Org: d.at})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range all {
			got = append(got, fmt.Sprint(l.Person.Login, " ", l.State(), " ", l.Person.DisplayName, " ", l.Invitation != nil))
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"aoi active 高橋 葵 false", "botan invited 佐藤 牡丹 true", "chika active chika false"}, got); diff != "" {
			t.Error(diff)
		}
		before := len(housetest.Witnessed(t, d.s))
		t.Run("a second time changes nothing", func(t *testing.T) {
			if diff := cmp.Diff([]string{"2 aoi unchanged", "3 botan unchanged"}, d.plan(by, staff)); diff != "" {
				t.Error(diff)
			}
			if _, _, err := d.ApplyImport(ctx, by, d.at, []byte(staff), true, ""); err != nil {
				t.Error(err)
			}
		})
		t.Run("what was written reads back unchanged", func(t *testing.T) {
			file := d.sheet()
			if got := d.plan(by, file); len(got) != 3 || strings.Contains(strings.Join(got, ""), "update") || strings.Contains(strings.Join(got, ""), "problem") {
				t.Errorf("%q of %s", got, file)
			}
		})
		if n := len(housetest.Witnessed(t, d.s)); n != before {
			t.Errorf("%d records of nothing", n-before)
		}
		t.Run("another plan than was seen", func(t *testing.T) {
			file := []byte("login,given_name\naoi,葵子\n")
			seen, err := d.PlanImport(ctx, by, d.at, file, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := d.ApplyImport(ctx, by, d.at, []byte("login,given_name\naoi,葵江\n"), false, seen.Digest); fault.Code(err) != "import-changed" {
				t.Error(err)
			}
			if _, _, err := d.ApplyImport(ctx, by, d.at, file, false, seen.Digest); err != nil {
				t.Error(err)
			}
		})
		t.Run("taking groups, roles and manager away", func(t *testing.T) {
			file := "login,groups,manager,roles\naoi,,,\n"
			if diff := cmp.Diff([]string{"2 aoi update groups roles manager"}, d.plan(by, file)); diff != "" {
				t.Error(diff)
			}
			if _, _, err := d.ApplyImport(ctx, by, d.at, []byte(file), false, ""); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"2 aoi unchanged"}, d.plan(by, file)); diff != "" {
				t.Error(diff)
			}
		})
	})
}

// sheet is the list of the organization as a file.
func (d *desk) sheet() string {
	d.t.Helper()
	columns, rows, err := d.Sheet(ctx, d.at)
	if err != nil {
		d.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := sheet.Write(&out, columns, rows); err != nil {
		d.t.Fatal(err)
	}
	return out.String()
}

// Lists come as spreadsheets write them, and a cell is data whatever it begins
// with.
func TestImportForms(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk, chika, _ org.Person) {
		by := id.OfPerson(chika.ID)
		for name, file := range map[string]string{
			"UTF-8 with a mark":    "\ufefflogin,display_name\nnew,髙橋①\n",
			"Shift_JIS of windows": "login,display_name\nnew,\xfb\xfc\x8b\xb4\x87\x40\n",
			"tabs":                 "Login\tDisplay Name\nnew\t髙橋①\n",
			"old ends of lines":    "login,display_name\r\n\r\nnew,髙橋①\r\n,\r\n",
		} {
			plan, err := d.PlanImport(ctx, by, d.at, []byte(file), false)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if len(plan.Rows) != 1 || plan.Rows[0].Action != people.Create || plan.Rows[0].Name != "髙橋①" && plan.Rows[0].Name != "髙橋1" {
				t.Errorf("%s: %+v", name, plan.Rows)
			}
		}
		t.Run("addresses alone", func(t *testing.T) {
			plan, err := d.PlanImport(ctx, by, d.at, []byte("new@kaede.example\n\"New One\" <other@kaede.example>\n"), true)
			if err != nil || plan.Counts[people.Create] != 2 || plan.Rows[1].Name != "New One" {
				t.Errorf("%+v %v", plan, err)
			}
		})
		t.Run("A129 formulas", func(t *testing.T) {
			file := "login,display_name\nnew,=HYPERLINK(1)\nplus,+81\nat,@x\nminus,-1\n"
			if _, _, err := d.ApplyImport(ctx, by, d.at, []byte(file), false, ""); err != nil {
				t.Fatal(err)
			}
			sheet := d.sheet()
			for _, bad := range []string{",=", ",+", ",@", ",-", "\n="} {
				if strings.Contains(sheet, bad) {
					t.Errorf("%q in %s", bad, sheet)
				}
			}
			if got := strings.Join(d.plan(by, file), ""); strings.Contains(got, "update") {
				t.Error(got)
			}
		})
	})
}

// Of two who apply lists with one login, one wins and the other learns why.
func TestImportAtOnce(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk, chika, _ org.Person) {
		var all sync.WaitGroup
		won := make(chan string, 8)
		for i := range 8 {
			all.Go(func() {
				_, _, err := d.ApplyImport(ctx, id.OfPerson(chika.ID), d.at, fmt.Appendf(nil, "login,display_name\nonly%d,x\nsame,n%d\n", i, i), false, "")
				won <- fault.Code(err)
			})
		}
		all.Wait()
		close(won)
		n := 0
		for code := range won {
			switch code {
			case "":
				n++
			case "import-refused", "store-busy", "changed-meanwhile":
			default:
				t.Error(code)
			}
		}
		people, err := d.org.Search(ctx, org.Query{Org: d.at, Text: "only"})
		if err != nil || len(people.People) == 0 || len(people.People) > n {
			t.Errorf("%d applied, %d people: %v", n, len(people.People), err)
		}
	})
}

// Who has an account already joins with it, and nothing is left of the empty
// person that the invitation made.
func TestJoin(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk, chika, ume org.Person) {
		by := id.OfPerson(chika.ID)
		invited, err := d.Room.Invite(ctx, by, d.at, people.Newcomer{
			Person: org.Person{Login: "ume2", Email: ume.Email}, Roles: []id.Role{org.Accounts}, Manager: chika.ID,
		})
		if err != nil {
			t.Fatalf("A046 an address that somebody has: %v", err)
		}
		if _, err := d.org.PutGroup(ctx, by, org.Group{Org: d.at, Name: "sales", Members: []id.Person{invited.Person}}); err != nil {
			t.Fatal(err)
		}
		join := func() error {
			return d.s.Self(ume.ID).Write(ctx, func(tx *store.Tx) store.End {
				events, err := d.Join(tx, invited.Person, ume.ID)
				if err != nil {
					return store.Abort(err)
				}
				return store.Done(events[0], events[1:]...)
			})
		}
		if err := join(); err != nil {
			t.Fatal(err)
		}
		m, err := d.org.Member(ctx, d.at, ume.ID)
		if err != nil || !slices.Equal(m.Roles, []id.Role{org.Accounts}) || m.Manager != chika.ID {
			t.Errorf("%+v %v", m, err)
		}
		in, err := d.org.GroupsOf(ctx, d.at, ume.ID)
		if err != nil || len(in) != 1 {
			t.Errorf("%v %v", in, err)
		}
		if p, _ := d.org.Person(ctx, invited.Person); p.State != org.Deleted {
			t.Errorf("left: %+v", p)
		}
		if err := join(); fault.Code(err) != "invitation-accepted-already" {
			t.Errorf("a second time: %v", err)
		}
		if _, err := d.InviteAgain(ctx, by, d.at, ume.ID); fault.Code(err) == "" {
			t.Error("somebody active was invited")
		}
	})
}
