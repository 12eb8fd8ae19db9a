package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// signers are the people of the measurement, each with a right password.
type signers struct {
	b      *bench
	client *http.Client
	place  id.Org
	logins []string
}

const (
	benchPassword = "seven lanterns over the river"
	atOnce        = 200  // sign-ins at the same moment
	samples       = 2000 // of each kind, for Welch's test
)

// benchSignIn measures what signing in costs beside raw argon2id on the same
// processor, what 200 at once do to everybody else, and whether time tells who
// exists.
func benchSignIn(ctx context.Context, b *bench) error {
	s := &signers{b: b, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	place, err := b.house.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: "bench", Title: "Bench", Type: org.Provider})
	if err != nil {
		return err
	}
	s.place = place.ID
	if err := s.invite(ctx, "signer", atOnce); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{s.rates, s.pages, s.crowd, s.times} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// invite adds people with passwords. One hash serves as all of theirs: making
// each would take longer than the measurement.
func (s *signers) invite(ctx context.Context, prefix string, n int) error {
	register, room, by := s.b.house.Register(), s.b.house.Factors(), id.Local(0)
	hash, err := room.HashPassword(ctx, org.Person{Login: "bench"}, secret.Of(benchPassword))
	for i := 0; err == nil && i < n; i++ {
		person := org.Person{
			ID: id.New[id.Person](s.b.clock.Now()), Login: fmt.Sprintf("%s-%04d", prefix, i), GivenName: "Signer", State: org.Active, Created: s.b.clock.Now(),
		}
		err = s.b.house.Store().Self(person.ID).Write(ctx, func(tx *store.Tx) store.End {
			added, err := register.AddPerson(tx, by, person)
			if err == nil {
				_, err = register.SetMember(tx, by, org.Member{Org: s.place, Person: person.ID, Roles: []id.Role{org.User}})
			}
			if err == nil {
				err = room.ImportPassword(tx, person.ID, hash)
			}
			if err != nil {
				return store.Abort(err)
			}
			return store.Done(added)
		})
		s.logins = append(s.logins, person.Login)
	}
	return err
}

// signIn posts the form and returns the session's cookie.
func (s *signers) signIn(ctx context.Context, login, pw string) (status int, cookie string, err error) {
	form := url.Values{"login": {login}, "password": {pw}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.b.house.URL()+"/signin/password", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Origin", s.b.house.URL())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	_, read := io.Copy(io.Discard, answer.Body)
	for _, c := range answer.Cookies() {
		if c.Name == "sekisho" {
			cookie = c.Value
		}
	}
	return answer.StatusCode, cookie, errors.Join(read, answer.Body.Close())
}

func (s *signers) mustSignIn(ctx context.Context, login string) (string, error) {
	status, cookie, err := s.signIn(ctx, login, benchPassword)
	if err == nil && cookie == "" {
		err = fmt.Errorf("sign in %s: status %d", login, status)
	}
	return cookie, err
}

// rates compares sign-ins with raw argon2id, both on one processor.
func (s *signers) rates(ctx context.Context) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	floor, err := s.b.drive(1, func(int, int) error {
		argon2.IDKey([]byte(benchPassword), salt, 2, 19456, 1, 32)
		return nil
	})
	if err != nil {
		return err
	}
	s.b.add("raw argon2id, one core", floor.rate, "1/s", "")
	got, err := s.b.drive(4, func(caller, n int) error {
		_, err := s.mustSignIn(ctx, s.logins[(caller*50+n)%len(s.logins)])
		return err
	})
	s.b.add("sign-in by password, one core", got.rate, "1/s", "raw argon2id, one core")
	return err
}

// pages measures the first page and what every later request pays.
func (s *signers) pages(ctx context.Context) error {
	page, err := s.b.drive(1, fetch(ctx, s.client, s.b.house.URL()+"/signin"))
	if err != nil {
		return err
	}
	s.b.add("sign-in page", page.at(.5), "ms", "")
	s.b.add("sign-in page, p99", page.at(.99), "ms", "")
	cookie, err := s.mustSignIn(ctx, s.logins[0])
	if err != nil {
		return err
	}
	check, err := s.b.drive(1, func(int, int) error {
		_, err := s.b.house.SignIn().Authenticate(ctx, secret.Of(cookie))
		return err
	})
	s.b.add("session check", check.at(.5)*1000, "µs", "")
	s.b.add("session check, p99", check.at(.99)*1000, "µs", "")
	return err
}

// crowd signs 200 people in at once, again and again, and looks at memory and
// at another page meanwhile.
func (s *signers) crowd(ctx context.Context) error {
	health := fetch(ctx, s.client, s.b.house.URL()+"/signin")
	alone, err := s.b.drive(1, health)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	before := resident()
	var wg sync.WaitGroup
	var refused, signedIn atomic.Int64
	var over atomic.Bool
	for i := range atOnce {
		wg.Go(func() {
			for !over.Load() {
				switch _, cookie, err := s.signIn(ctx, s.logins[i], benchPassword); {
				case err == nil && cookie != "":
					signedIn.Add(1)
				case err == nil:
					refused.Add(1)
				}
			}
		})
	}
	peak, stop := s.watch()
	begun := s.b.clock.Mono()
	beside, err := s.b.drive(1, health)
	over.Store(true)
	wg.Wait()
	took := (s.b.clock.Mono() - begun).Seconds()
	stop()
	s.b.add("another page, p99", alone.at(.99), "ms", "")
	s.b.add("another page, p99, 200 sign in", beside.at(.99), "ms", "another page, p99")
	s.b.add("memory before", before, "MiB", "")
	s.b.add("memory, 200 sign in, peak", *peak, "MiB", "")
	s.b.add("sign-ins at once", float64(signedIn.Load())/took, "1/s", "")
	s.b.add("sign-ins at once told to wait", float64(refused.Load()), "", "")
	return err
}

// watch notes the most memory until it is stopped.
func (s *signers) watch() (peak *float64, stop func()) {
	peak = new(float64)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for clock.Sleep(ctx, s.b.clock, 20*time.Millisecond) == nil {
			*peak = max(*peak, resident())
		}
	})
	return peak, func() { cancel(); wg.Wait() }
}

// resident is the memory of the process in MiB, as the kernel says; 0 where it
// does not.
func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(string(fields[1]), 64)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// times compares how long a wrong password takes for logins that exist and that
// do not (A047): Welch's t over two rows of samples taken by turns. Every login
// is used a few times only, before it is slowed down.
func (s *signers) times(ctx context.Context) error {
	if err := s.invite(ctx, "person", samples/4); err != nil {
		return err
	}
	var known, unknown []float64
	for i := range samples {
		logins := [2]string{s.logins[atOnce+i/4], fmt.Sprintf("nobody-%04d", i/4)}
		for turn := range 2 {
			which := (turn + i) % 2
			at := s.b.clock.Mono()
			if _, _, err := s.signIn(ctx, logins[which], "wrong"); err != nil {
				return err
			}
			took := (s.b.clock.Mono() - at).Seconds() * 1000
			if which == 0 {
				known = append(known, took)
			} else {
				unknown = append(unknown, took)
			}
		}
	}
	mk, _ := moments(known)
	mu, _ := moments(unknown)
	s.b.add("wrong password, known login", mk, "ms", "")
	s.b.add("wrong password, unknown login", mu, "ms", "wrong password, known login")
	s.b.add("Welch's t", welch(known, unknown), "", "")
	s.b.add("Welch's t, slowest 1 % left out", welch(faster(known), faster(unknown)), "", "")
	return nil
}

// welch is the t of Welch's test.
func welch(a, b []float64) float64 {
	ma, va := moments(a)
	mb, vb := moments(b)
	return math.Abs(ma-mb) / math.Sqrt(va/float64(len(a))+vb/float64(len(b)))
}

// faster leaves out the slowest hundredth, which other processes make.
func faster(all []float64) []float64 {
	all = slices.Sorted(slices.Values(all))
	return all[:len(all)-len(all)/100]
}

func moments(all []float64) (mean, variance float64) {
	for _, x := range all {
		mean += x / float64(len(all))
	}
	for _, x := range all {
		variance += (x - mean) * (x - mean) / float64(len(all)-1)
	}
	return mean, variance
}
