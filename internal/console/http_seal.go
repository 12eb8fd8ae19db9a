package console

import (
	"context"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
)

func (r *Room) sealAPI(m *web.Mux) {
	web.API(m, web.Route{Permission: Operate}, op(http.MethodGet, "/seal/keys", "seal", "list-keys", "All data keys, and how far the values are on their way to the newest"), r.listKeys)
	web.API(m, web.Route{Permission: Operate, Fresh: web.Recent}, op(http.MethodPost, "/seal/rotate", "seal", "rotate-key", "Make a new data key; values move to it in the background"), r.rotate)
	unseal := op(http.MethodPost, "/seal/unseal", "seal", "unseal", "Open the keys with a passphrase (by the control socket only)")
	unseal.Extensions = web.SocketOnly
	web.API(m, web.Route{Permission: Unseal, Sealed: true}, unseal, r.unseal)
}

type (
	keyBody struct {
		ID        uint32    `json:"id"`
		State     string    `json:"state" enum:"writes,reads,closing,destroyed" doc:"What the key is for"`
		Made      time.Time `json:"made" doc:"When it was made"`
		Retired   time.Time `json:"retired,omitzero" doc:"Since when it only reads"`
		Destroyed time.Time `json:"destroyed,omitzero" doc:"Since when it is gone"`
	}
	wrappedBody struct {
		Kind  string    `json:"kind" enum:"file,passphrase,age,recovery" doc:"What it is"`
		Since time.Time `json:"since" doc:"Since when it opens it"`
	}
	keysOutput struct {
		Body struct {
			Keys      []keyBody     `json:"keys" doc:"The newest first"`
			Progress  keysState     `json:"progress" doc:"How far the values are on their way to the newest"`
			Root      []wrappedBody `json:"root" doc:"What opens the root key"`
			Recipient string        `json:"recipient,omitempty" doc:"age recipient of the recovery"`
			AuditKey  string        `json:"audit_key" doc:"Public key that checks the audit log"`
		}
	}
)

func (r *Room) listKeys(ctx context.Context, _ *noInput) (*keysOutput, error) {
	k, err := r.ring.Keys(ctx)
	if err != nil {
		return nil, err
	}
	out := &keysOutput{}
	b := &out.Body
	if b.AuditKey, err = r.audit.PublicKey(ctx); err != nil {
		return nil, err
	}
	b.Keys, b.Root, b.Recipient = []keyBody{}, []wrappedBody{}, k.Recipient
	for _, one := range k.All {
		b.Keys = append(b.Keys, keyBody{one.ID, one.State, one.Made, one.Retired, one.Destroyed})
	}
	for _, w := range k.Wrapped {
		b.Root = append(b.Root, wrappedBody{w.Kind, w.Since})
	}
	p := k.Progress
	b.Progress = keysState{Writes: p.Writes, Old: append([]uint32{}, p.Old...), Phase: p.Phase, Seen: p.Seen, Moved: p.Moved, Stuck: p.Stuck, Since: p.Since}
	return out, nil
}

func (r *Room) rotate(ctx context.Context, _ *noInput) (*noOutput, error) {
	return &noOutput{}, r.ring.Rotate(ctx, web.ActorOf(ctx).Principal)
}

type unsealInput struct {
	Body struct {
		Passphrase string `json:"passphrase" format:"password" doc:"That opens the unseal key"`
	}
}

func (r *Room) unseal(ctx context.Context, in *unsealInput) (*noOutput, error) {
	by := web.ActorOf(ctx).Principal
	if err := r.ring.Unseal(ctx, by, seal.Passphrase(secret.Of(in.Body.Passphrase))); err != nil {
		return nil, err
	}
	return &noOutput{}, r.unsealed(context.WithoutCancel(ctx))
}
