package sender

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/wire/httpsig"
)

// request is a decision signed in the form that the sender chose: a token that is
// the whole body, so that nothing unsigned stands beside it, or a JSON body with
// an HTTP message signature. Each try is signed anew; jti stays.
func (r *Room) request(ctx context.Context, e job.Effect, s Sender, l Letter, p payload) (egress.Request, error) {
	to, err := egress.ParseURL(s.Callback)
	if err != nil {
		return egress.Request{}, err
	}
	claims, err := r.told(ctx, e, s, l, p)
	if err != nil {
		return egress.Request{}, err
	}
	key, _, err := r.Signet.Signers(ctx, s.Alg)
	if err != nil {
		return egress.Request{}, err
	}
	header := http.Header{"Idempotency-Key": {e.Marker()}, "Accept": {"application/json"}}
	if s.Signature == Token {
		token, err := key.Sign(TokenType, claims)
		header.Set("Content-Type", "application/jwt")
		return egress.Request{Method: http.MethodPost, URL: to, Header: header, Body: []byte(token)}, err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return egress.Request{}, err
	}
	header.Set("Content-Type", "application/json")
	m := httpsig.Message{Method: http.MethodPost, Target: s.Callback, Header: header, Body: body}
	err = httpsig.Sign(m, key, Tag, r.Clock.Now(), TokenLife)
	return egress.Request{Method: http.MethodPost, URL: to, Header: header, Body: body}, err
}
