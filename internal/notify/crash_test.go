package notify_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/notify"
)

// crash is what the parent tells the process that is to be killed.
type crash struct{ URL, Key, Relay string }

const crashKey = "SEKISHO_NOTIFY_CRASH"

// TestToBeKilled is the process that TestKilledBehindTheMail starts: it queues
// a mail and waits for the answer of a relay that is mute.
func TestToBeKilled(t *testing.T) {
	order := os.Getenv(crashKey)
	if order == "" {
		return // by itself it shows nothing
	}
	var c crash
	if err := json.Unmarshal([]byte(order), &c); err != nil {
		t.Fatal(err)
	}
	r := rigAt(t, c.URL, clock.NewMoved(housetest.Epoch), c.Key, c.Relay)
	r.queue(message("aoi@kaede.example", "x"))
	r.start()
	select {}
}

// A process killed with kill -9 between the relay's taking the mail and our
// commit sends it again: it arrives twice, is the same mail, and is never lost.
func TestKilledBehindTheMail(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		relay, err := mail.Start(mail.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer relay.Close() //nolint:errcheck // a test's
		relay.Set(func(b *mail.Behaviour) { b.Mute = time.Minute })
		key := filepath.Join(t.TempDir(), "unseal.key")
		killedOnce(t, relay, crash{url, key, relay.URL()})
		relay.Set(func(b *mail.Behaviour) { b.Mute = 0 })

		r := rigAt(t, url, clock.NewMoved(housetest.Epoch.Add(time.Second)), key, relay.URL())
		if d, found, err := r.post.Delivery(ctx, kaede, "x"); err != nil || !found || d.State != notify.Queued {
			t.Fatalf("after the kill: %+v, %v, %v", d, found, err)
		}
		r.start()
		d := r.until("x", notify.Sent, notify.Unknown, notify.Stopped)
		mails := relay.Messages()
		if d.State != notify.Sent || len(mails) != 2 || mails[0].Header.Get("Message-Id") != mails[1].Header.Get("Message-Id") || mails[0].Text != mails[1].Text {
			t.Errorf("R8 %+v, %d mails", d, len(mails))
		}
		erased(r)
	})
}

func killedOnce(t *testing.T, relay *mail.Server, c crash) {
	t.Helper()
	order, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestToBeKilled$") //nolint:gosec // ourselves
	child.Env = append(os.Environ(), crashKey+"="+string(order))
	child.Stdout, child.Stderr = t.Output(), t.Output()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	_, err = relay.WaitFor(within(t), "aoi@kaede.example", "")
	_ = child.Process.Kill() // SIGKILL
	_ = child.Wait()
	if err != nil {
		t.Fatal(err)
	}
}
