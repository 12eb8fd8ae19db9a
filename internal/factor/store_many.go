package factor

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// mostAtOnce is how many people one statement is asked about, each at one of
// places.
const mostAtOnce = 64

const places = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, " +
	"$25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, " +
	"$47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64"

const keptOf = "SELECT person, kind FROM factor WHERE person IN (" + places + ") UNION SELECT person, 'passkey' FROM passkey WHERE person IN (" + places + ")"

// Kept says by which methods of their own people could prove who they are:
// passkey, password, one-time codes. It costs a statement for 64 of them.
func (r *Room) Kept(ctx context.Context, who []id.Person) (map[id.Person][]Method, error) {
	kept := map[id.Person][]Method{}
	return kept, r.keptBy(ctx, who, func(one id.Person, m Method) { kept[one] = append(kept[one], m) })
}

// keptBy reads no value of anybody, only that there is one: the people are those
// of an organization who asks for it, and factors belong to no organization.
func (r *Room) keptBy(ctx context.Context, who []id.Person, found func(id.Person, Method)) error {
	return r.store.House().Read(ctx, func(v *store.View) error {
		for chunk := range slices.Chunk(who, mostAtOnce) {
			args := make([]any, mostAtOnce) // the last of them fills the places left
			for i := range args {
				args[i] = words.Kept(string(chunk[min(i, len(chunk)-1)]))
			}
			rows, err := v.Query(keptOf, args...)
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
