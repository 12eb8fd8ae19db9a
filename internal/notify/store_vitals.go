package notify

import (
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/store"
)

// Vitals is how mails go out.
type Vitals struct {
	Waiting int64     // mails that are under way
	Oldest  time.Time // since when the oldest of them is
	Sent    time.Time // when the mail server took the last one
	Failed  time.Time // when the last one ended otherwise
	Answer  Answer    // what the server said of that one
	State   State     // and what became of it
}

// Vitals reads how mails go out, of all organizations, without what they say
// and to whom.
func (p *Post) Vitals(ctx context.Context) (s Vitals, err error) {
	err = p.Store.House().Read(ctx, func(v *store.View) error {
		var oldest, sent, failed int64
		err := v.Row("SELECT count(*), COALESCE(min(queued_at), 0) FROM notify_message WHERE ended_at = 0").Scan(&s.Waiting, &oldest)
		if err == nil {
			err = v.Row("SELECT ended_at FROM notify_message WHERE ended_at > 0 AND state = 'sent' ORDER BY ended_at DESC LIMIT 1").Scan(&sent)
		}
		if err == nil || errors.Is(err, store.ErrNoRow) {
			err = v.Row(`SELECT ended_at, state, code, enhanced, said FROM notify_message
				WHERE ended_at > 0 AND state <> 'sent' ORDER BY ended_at DESC LIMIT 1`).Scan(&failed, &s.State, &s.Answer.Code, &s.Answer.Enhanced, &s.Answer.Text)
		}
		if errors.Is(err, store.ErrNoRow) {
			err = nil
		}
		s.Oldest, s.Sent, s.Failed = store.FromMicros(oldest), store.FromMicros(sent), store.FromMicros(failed)
		return err
	})
	return s, err
}
