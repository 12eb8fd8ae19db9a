package sender

import (
	"context"
	"net/http"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/signet"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// Where the public halves of the house's signing keys are: all of them as a JWK
// Set, and the one that signs now as PEM, for programs that take a single key.
const (
	SetPath = "/keys/jwks.json"
	pemPath = "/keys/pem/{alg}"
)

// PEMPath is where the key of an algorithm is.
func PEMPath(alg jws.Alg) string { return "/keys/pem/" + string(alg) }

// publish registers the doors for who verifies. They answer anybody: a public key
// is no secret, and discovery has no credentials.
func (r *Room) publish(m *web.Mux) {
	m.Protocol(web.Route{Method: http.MethodGet, Path: SetPath, Permission: web.Public}, r.serveSet, nil)
	m.Protocol(web.Route{Method: http.MethodGet, Path: pemPath, Permission: web.Public}, r.servePEM, nil)
}

// keepFor is how long a set of keys may be kept, in seconds: far below the hour
// that a new key is published ahead.
const keepFor = "public, max-age=900"

func (r *Room) serveSet(v *web.Visit) error {
	keys, err := r.Signet.Published(v.Context(), "")
	if err != nil {
		return err
	}
	text, err := jws.Set(keys)
	if err != nil {
		return err
	}
	return serve(v, "application/jwk-set+json", text)
}

func (r *Room) servePEM(v *web.Visit) error {
	alg := jws.Alg(v.Path("alg"))
	if alg != jws.ES256 && alg != jws.RS256 {
		return fault.New(fault.NotFound, "page-not-found")
	}
	key, _, err := r.Signet.Signers(v.Context(), alg)
	if err != nil {
		return err
	}
	text, err := key.Public().PEM()
	if err != nil {
		return err
	}
	return serve(v, "application/x-pem-file", text)
}

func serve(v *web.Visit, kind string, text []byte) error {
	v.Writer().Header().Set("Content-Type", kind)
	v.Writer().Header().Set("Cache-Control", keepFor)
	v.Writer().WriteHeader(http.StatusOK)
	_, _ = v.Writer().Write(text) // a reader who left is no error of ours
	return nil
}

func (r *Room) keyBody(k signet.Key, all []signet.Key) signingKeyBody {
	b := signingKeyBody{ID: k.ID, Alg: string(k.Alg), State: string(k.State(all, r.Clock.Now())), PEM: k.PEM, Made: k.Made, Signs: k.Signs}
	if !k.Ends.IsZero() {
		b.Ends = &k.Ends
	}
	return b
}

func (r *Room) apiKeys(ctx context.Context, _ *nothing) (*keysOutput, error) {
	all, err := r.Signet.Keys(ctx)
	out := &keysOutput{}
	out.Body.Items = []signingKeyBody{}
	for _, k := range all {
		out.Body.Items = append(out.Body.Items, r.keyBody(k, all))
	}
	return out, err
}

func (r *Room) apiFollow(ctx context.Context, in *followInput) (*keyOutput, error) {
	k, err := r.Signet.Follow(ctx, web.ActorOf(ctx).Principal, jws.Alg(in.Body.Alg), in.Body.After, in.Body.Now)
	if err != nil {
		return nil, err
	}
	all, err := r.Signet.Keys(ctx)
	return &keyOutput{r.keyBody(k, all)}, err
}
