package people_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people"
	"github.com/sekisho/sekisho/internal/people/sheet"
	"github.com/sekisho/sekisho/internal/secret"
)

// A list of the largest size is applied in one write, and said to change
// nothing the second time.
func TestTheLargestList(t *testing.T) {
	housetest.Long(t)
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.System()
		d := &desk{t: t, links: map[id.Person]secret.Text{}, hashes: map[id.Person]string{}}
		d.s = housetest.Open(t, url, c, org.Schema)
		d.org = org.New(org.Options{Store: d.s, Clock: c, Permissions: org.Permissions()})
		d.Room = people.New(people.Options{Store: d.s, Clock: c, Org: d.org, Inviter: d, Passwords: d})
		d.at = d.house("kaede", org.Provider, "")
		by := id.OfPerson(d.add("chika", d.at, org.Administrator).ID)
		var file strings.Builder
		file.WriteString("login,email,family_name,given_name,reading,roles,manager\n")
		rows := sheet.MostRows
		if strings.HasPrefix(url, "postgres") {
			rows /= 10 // every row is some ten round trips there
		}
		for i := range rows {
			fmt.Fprintf(&file, "person%d,person%d@kaede.example,高橋,葵%d,たかはし あおい,user,chika\n", i, i, i)
		}
		at := c.Mono()
		plan, _, err := d.ApplyImport(ctx, by, d.at, []byte(file.String()), false, "")
		if err != nil || plan.Counts[people.Create] != rows {
			t.Fatal(err)
		}
		t.Logf("%d rows added in %v", rows, c.Mono()-at)
		at = c.Mono()
		if plan, err = d.PlanImport(ctx, by, d.at, []byte(file.String()), false); err != nil || plan.Counts[people.Unchanged] != rows {
			t.Fatalf("%v %v", plan, err)
		}
		t.Logf("dry run in %v", c.Mono()-at)
	})
}
