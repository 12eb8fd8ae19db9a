package welcome

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// VerificationLife is how long an address can be proven.
const VerificationLife = 24 * time.Hour

// verifyMail is the value in the link that proves an address.
var verifyMail = once.Declare(once.Kind{Name: "verify-mail", Life: VerificationLife, Size: 32})

// proven is the address that a link proves, and the one that the person had
// when it was made: a link older than a change of the address counts no more.
type proven struct {
	Email string `json:"email"`
	From  string `json:"from"`
}

// PrepareVerification makes the link and the mails that prove a person's
// address, outside of any write; with a new address a note goes to the old one.
// Who follows the link and confirms makes the address theirs, verified; until
// then nothing changes. The fault is mail-off in a house without mail: nobody
// can prove anything there.
func (r *Room) PrepareVerification(_ context.Context, by id.Principal, p org.Person, email string) (org.Draft, error) {
	if !r.post.Enabled() {
		return org.Draft{}, fault.New(fault.Unmet, "mail-off")
	}
	value, now := verifyMail.New(), r.clock.Now()
	mail, err := r.seal(p, email, notify.Message{
		Kind: "signin.mail.verify", Link: r.linkTo("/verify", value), Ref: "verify:" + string(p.ID), By: by, Until: now.Add(VerificationLife),
		Args: map[string]string{"email": email, "hours": strconv.Itoa(int(VerificationLife / time.Hour))},
	})
	if err != nil {
		return org.Draft{}, err
	}
	moves := org.EmailFold(p.Email) != org.EmailFold(email)
	if moves && p.Verified {
		note, err := r.seal(p, p.Email, notify.Message{
			Kind: "signin.mail.address-changing", Ref: "address-changing:" + string(p.ID), By: by, Args: map[string]string{"email": email},
		})
		if err != nil {
			return org.Draft{}, err
		}
		mail = append(mail, note...)
	}
	payload, err := json.Marshal(proven{Email: email, From: p.Email})
	slip := once.Slip{Subject: string(p.ID), Payload: payload}
	return org.Draft{Write: func(tx *store.Tx) (store.Event, error) {
		if _, err := once.Revoke(tx, slip.Subject, verifyMail); err != nil {
			return store.Event{}, err
		}
		if err := once.Mint(tx, verifyMail, value, slip); err != nil {
			return store.Event{}, err
		}
		if moves {
			if err := putMailChange(tx.Self(p.ID), email, now.Add(VerificationLife)); err != nil {
				return store.Event{}, err
			}
		}
		event := store.Event{Name: "verification.sent", By: by, Target: "person:" + string(p.ID), Fields: map[string]string{"email": email}}
		return event, queue(tx, mail)
	}}, err
}

// SendVerification sends the link that proves the address that a person has. It
// does nothing where there is nothing to prove or no mail.
func (r *Room) SendVerification(ctx context.Context, by id.Principal, who id.Person) error {
	p, err := r.register.Person(ctx, who)
	if err != nil || p.Verified || !r.mails(p.Email) {
		return err
	}
	draft, err := r.PrepareVerification(ctx, by, p, p.Email)
	if err != nil {
		return err
	}
	return r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		event, err := draft.Write(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
}

// Waiting is the address of a person that waits for its proof, "" for none.
func (r *Room) Waiting(ctx context.Context, who id.Person) (email string, err error) {
	now := r.clock.Now()
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		email, err = mailChange(v, now)
		return err
	})
	return email, err
}

// Proving says whose address a link proves. It consumes nothing.
func (r *Room) Proving(ctx context.Context, value secret.Text) (who id.Person, email string, err error) {
	err = r.lookUp(ctx, func(v *store.View) error {
		found, err := once.Peek(v, verifyMail, value)
		if err != nil {
			return linkFault(err, "verification-invalid")
		}
		var of proven
		who = id.Person(found.Subject)
		err = json.Unmarshal(found.Payload, &of)
		email = of.Email
		return err
	})
	return who, email, err
}

// ProveAddress makes the address of a link the person's own, verified. Only the
// person themself can, signed in: whoever else opens the mail proves nothing
// about an account that is not theirs, and nobody marks their own address
// (A051).
func (r *Room) ProveAddress(ctx context.Context, value secret.Text, who id.Person) error {
	err := r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		found, err := once.Peek(&tx.View, verifyMail, value)
		if err != nil {
			return store.Abort(linkFault(err, "verification-invalid"))
		}
		if id.Person(found.Subject) != who {
			return store.Abort(fault.New(fault.Unmet, "verification-other-person"))
		}
		if _, err := once.Redeem(tx, verifyMail, value, ""); err != nil {
			return store.Abort(linkFault(err, "verification-invalid"))
		}
		event, err := r.prove(tx, found, who)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.register.Forget()
	return err
}

func (r *Room) prove(tx *store.Tx, found once.Found, who id.Person) (store.Event, error) {
	var of proven
	if err := json.Unmarshal(found.Payload, &of); err != nil {
		return store.Event{}, err
	}
	p, err := r.register.PersonIn(&tx.View, who)
	if err != nil {
		return store.Event{}, err
	}
	now := org.EmailFold(p.Email)
	if now != org.EmailFold(of.From) && now != org.EmailFold(of.Email) {
		return store.Event{}, fault.New(fault.Unmet, "verification-invalid")
	}
	if now != org.EmailFold(of.Email) {
		p.Email = of.Email
		if _, err := r.register.PutPerson(tx, id.System("verification"), p); err != nil {
			return store.Event{}, err
		}
	}
	if err := r.register.Verify(tx, who, of.Email); err != nil {
		return store.Event{}, err
	}
	if err := dropMailChange(tx.Self(who)); err != nil {
		return store.Event{}, err
	}
	// Links that were mailed to the address before do not lead here any more.
	if _, err := once.Revoke(tx, string(who), resetLink); err != nil {
		return store.Event{}, err
	}
	by := id.OfPerson(who)
	return store.Event{Name: "verification.done", By: by, Target: string(by), Fields: map[string]string{"email": of.Email}}, nil
}
