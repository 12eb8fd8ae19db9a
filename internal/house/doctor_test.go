package house_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
)

// founded is a house that was opened once, at the time of the clock.
func founded(t *testing.T, c clock.Clock) house.Options {
	t.Helper()
	config, err := house.LoadConfig("", []string{"SEKISHO_DATA=" + filepath.Join(t.TempDir(), "data"), "SEKISHO_LISTEN=localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	o := house.Options{Config: config, Clock: c, Log: housetest.Log(t), Alone: true}
	h, err := house.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Work(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	return o
}

// level is that of a finding; "" if there is none.
func level(found []house.Finding, key string) house.Level {
	for _, f := range found {
		if f.Key == key {
			return f.Level
		}
	}
	return ""
}

func TestDoctorFindsWhatLosesDataOrLetsIn(t *testing.T) {
	now := housetest.Epoch
	for _, c := range []struct {
		name, key string
		want      house.Level
		spoil     func(t *testing.T, o *house.Options)
	}{
		{"CAP-H18 four eyes and nobody who approves", "four-eyes.few", house.Warn, func(_ *testing.T, o *house.Options) { o.Config.FourEyes = true }},
		{"clock set back", "clock.back", house.Bad, func(_ *testing.T, o *house.Options) { o.Clock = clock.NewMoved(now.Add(-time.Hour)) }},
		{"key gone", "key.missing", house.Bad, func(t *testing.T, o *house.Options) {
			if err := os.Remove(o.Config.Unseal.File); err != nil {
				t.Fatal(err)
			}
		}},
		{"folder open", "folder.open", house.Bad, func(t *testing.T, o *house.Options) { open(t, o.Config.Data, 0o755) }},
		{"database open", "file.open", house.Bad, func(t *testing.T, o *house.Options) { open(t, filepath.Join(o.Config.Data, "house.db"), 0o644) }},
		{"links in the clear", "address.plain", house.Bad, func(_ *testing.T, o *house.Options) { o.Config.BaseURL = "http://sekisho.example" }},
		{"address by number", "address.literal", house.Warn, func(_ *testing.T, o *house.Options) { o.Config.BaseURL = "https://192.0.2.1" }},
		{"all targets", "egress.wide", house.Bad, func(_ *testing.T, o *house.Options) { o.Config.Egress.Allow = []string{"10.0.0.0/8", "::/0"} }},
		{"half of the world", "proxies.wide", house.Warn, func(_ *testing.T, o *house.Options) { o.Config.TrustedProxies = []string{"128.0.0.0/1"} }},
		{"certificate over", "certificate.over", house.Bad, func(t *testing.T, o *house.Options) { certify(t, o, now.Add(-time.Hour)) }},
		{"certificate ends", "certificate.soon", house.Warn, func(t *testing.T, o *house.Options) { certify(t, o, now.Add(20*24*time.Hour)) }},
		{"kit left behind", "kit.there", house.Warn, func(*testing.T, *house.Options) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := founded(t, clock.NewMoved(now))
			c.spoil(t, &o)
			if got := level(house.Doctor(t.Context(), o), c.key); got != c.want {
				t.Errorf("%s: %q, want %q", c.key, got, c.want)
			}
		})
	}
}

// TestDoctorFindsNothingBadInASoundHouse shows that the findings above come
// from what was spoilt.
func TestDoctorFindsNothingBadInASoundHouse(t *testing.T) {
	o := founded(t, clock.NewMoved(housetest.Epoch))
	certify(t, &o, housetest.Epoch.Add(90*24*time.Hour))
	o.Config.TrustedProxies = []string{"127.0.0.1", "::1", "10.1.0.0/16"} // single addresses count for web too
	found := house.Doctor(t.Context(), o)
	for _, f := range found {
		if f.Level == house.Bad {
			t.Errorf("%s is bad: %v %v", f.Key, f.Args, f.Err)
		}
	}
	for _, key := range []string{"folder.private", "sqlite.sound", "schema.current", "log.current", "certificate.stands", "address.fit"} {
		if level(found, key) != house.Fine {
			t.Errorf("%s is %q", key, level(found, key))
		}
	}
}

func open(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// certify gives the house a certificate that ends at until.
func certify(t *testing.T, o *house.Options, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, DNSNames: []string{"sekisho.example"}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o.Config.TLS.Cert, o.Config.TLS.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		o.Config.TLS.Cert: {Type: "CERTIFICATE", Bytes: der}, o.Config.TLS.Key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A database that several nodes can share asks for a drain time.
func TestDoctorAsksForADrainTime(t *testing.T) {
	c := config(t, housetest.Postgres(t))
	look := func() house.Level {
		return level(house.Doctor(t.Context(), house.Options{Config: c, Clock: clock.System()}), "drain.none")
	}
	if got := look(); got != house.Warn {
		t.Errorf("CAP-O2 without a drain time: %q", got)
	}
	if c.Drain = 10 * time.Second; look() != "" {
		t.Error("CAP-O2 it complains although there is one")
	}
}
