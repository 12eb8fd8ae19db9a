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
			marks, args := make([]string, mostAtOnce), make([]any, mostAtOnce)
			for i := range marks {
				marks[i], args[i] = fmt.Sprintf("$%d", i+1), words.Kept(string(chunk[min(i, len(chunk)-1)]))
			}
			in := " IN (" + strings.Join(marks, ", ") + ")"
			rows, err := v.Query("SELECT person, kind FROM factor WHERE person"+in+" UNION SELECT person, 'passkey' FROM passkey WHERE person"+in, args...)
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
