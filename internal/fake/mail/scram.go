package mail

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"
)

const (
	scramName  = "SCRAM-SHA-256"
	scramTurns = 4096 // RFC 7677 §4: at least
)

// scram is the server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without
// channel binding.
type scram struct {
	username, password string
	done               func(username, password string) error

	step        int
	bare, first string // client-first-message-bare, server-first-message
	nonce       string
	salted      []byte
}

// Next implements sasl.Server.
func (s *scram) Next(response []byte) (challenge []byte, done bool, err error) {
	s.step++
	switch {
	case s.step == 1 && response == nil:
		s.step = 0
		return []byte{}, false, nil
	case s.step == 1:
		return s.begin(string(response))
	case s.step == 2:
		return s.prove(string(response))
	}
	return nil, true, s.done(s.username, s.password)
}

func (s *scram) begin(message string) ([]byte, bool, error) {
	rest, found := strings.CutPrefix(message, "n,,")
	attributes := attributesOf(rest)
	if !found || attributes["n"] != s.username || attributes["r"] == "" {
		return nil, true, smtp.ErrAuthFailed
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	s.bare, s.nonce = rest, attributes["r"]+base64.RawStdEncoding.EncodeToString(raw[:16])
	salt := raw[16:]
	var err error
	if s.salted, err = pbkdf2.Key(sha256.New, s.password, salt, scramTurns, sha256.Size); err != nil {
		return nil, true, err
	}
	s.first = fmt.Sprintf("r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(salt), scramTurns)
	return []byte(s.first), false, nil
}

func (s *scram) prove(message string) ([]byte, bool, error) {
	without, proof, found := strings.Cut(message, ",p=")
	given, err := base64.StdEncoding.DecodeString(proof)
	attributes := attributesOf(without)
	if !found || err != nil || len(given) != sha256.Size || attributes["r"] != s.nonce || attributes["c"] != "biws" {
		return nil, true, smtp.ErrAuthFailed
	}
	signed := s.bare + "," + s.first + "," + without
	client := mac(s.salted, "Client Key")
	stored := sha256.Sum256(client)
	signature := mac(stored[:], signed)
	for i := range given {
		given[i] ^= signature[i]
	}
	if !hmac.Equal(given, client) {
		return nil, true, smtp.ErrAuthFailed
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(mac(s.salted, "Server Key"), signed))), false, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// attributesOf reads a=x,b=y; a value may hold =.
func attributesOf(message string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(message, ",") {
		name, value, _ := strings.Cut(part, "=")
		out[name] = value
	}
	return out
}
