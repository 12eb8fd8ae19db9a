package factor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// mostAtOnce is how many people one statement is asked about.
const mostAtOnce = 512

// Kept says by which methods of their own people could prove who they are:
// passkey, password, one-time codes. It costs a statement for 512 of them.
func (r *Room) Kept(ctx context.Context, who []id.Person) (map[id.Person][]Method, error) {
	kept := map[id.Person][]Method{}
	return kept, r.keptBy(ctx, who, func(one id.Person, m Method) { kept[one] = append(kept[one], m) })
}

// keptBy reads no value of anybody, only that there is one: the people are those
// of an organization who asks for it, and factors belong to no organization.
func (r *Room) keptBy(ctx context.Context, who []id.Person, found func(id.Person, Method)) error {
	return r.store.House().Read(ctx, func(v *store.View) error {
		for chunk := range slices.Chunk(who, mostAtOnce) {
			marks, args := marksFor(chunk)
			rows, err := v.Query("SELECT person, kind FROM factor WHERE person IN ("+marks+") UNION SELECT person, 'passkey' FROM passkey WHERE person IN ("+marks+")", args...)
			_, err = store.Collect(rows, err, func(scan func(...any) error) (m Method, err error) {
				var one id.Person
				if err = scan(&one, &m); err == nil {
					found(one, m)
				}
				return m, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// marksFor writes $1, $2… for as many people, the last of whom is repeated: so
// few texts of a statement are there to be kept prepared.
func marksFor(who []id.Person) (string, []any) {
	n := 1
	for n < len(who) {
		n *= 2
	}
	marks, args := make([]string, n), make([]any, n)
	for i := range n {
		marks[i], args[i] = fmt.Sprintf("$%d", i+1), words.Kept(string(who[min(i, len(who)-1)]))
	}
	return strings.Join(marks, ", "), args
}
