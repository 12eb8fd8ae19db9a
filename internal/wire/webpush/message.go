package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Encoding is the Content-Encoding of an encrypted message (RFC 8188).
const Encoding = "aes128gcm"

// Sizes in octets. A push service takes bodies of 4,096 (RFC 8030 §7.2); header,
// delimiter and tag leave Most for what is said.
const (
	recordSize = 4096
	saltSize   = 16
	secretSize = 16
	pointSize  = 65 // uncompressed P-256
	headerSize = saltSize + 4 + 1 + pointSize
	tagSize    = 16
	Most       = recordSize - headerSize - tagSize - 1
)

// ErrTooLong says that a message is longer than Most.
var ErrTooLong = fmt.Errorf("webpush: a message holds at most %d octets", Most)

// ErrUnreadable says that a body is not an encrypted message for this receiver.
var ErrUnreadable = errors.New("webpush: not a message for this receiver")

// Keys are what a browser gave for messages to it: its P-256 public key
// (p256dh, 65 octets, uncompressed) and its authentication secret (16 octets).
type Keys struct {
	P256DH []byte
	Auth   []byte
}

// ParseKeys reads them as PushSubscription.toJSON writes them: base64url, with
// or without padding. A point that is not on the curve is refused here.
func ParseKeys(p256dh, auth string) (Keys, error) {
	point, err := decode(p256dh)
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: p256dh: %w", err)
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil || len(point) != pointSize {
		return Keys{}, errors.New("webpush: p256dh is not an uncompressed point of P-256")
	}
	authSecret, err := decode(auth)
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: auth: %w", err)
	}
	if len(authSecret) != secretSize {
		return Keys{}, fmt.Errorf("webpush: auth has %d octets, want %d", len(authSecret), secretSize)
	}
	return Keys{P256DH: point, Auth: authSecret}, nil
}

func decode(text string) ([]byte, error) {
	if len(text) > 200 {
		return nil, errors.New("too long")
	}
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}

// Encrypt writes a message for a browser as the body of a push: one record, with
// a key and a salt that are used once.
func Encrypt(to Keys, message []byte) ([]byte, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand, Go 1.24)
	return encrypt(to, message, sender, salt)
}

func encrypt(to Keys, message []byte, sender *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(message) > Most {
		return nil, ErrTooLong
	}
	receiver, err := ecdh.P256().NewPublicKey(to.P256DH)
	if err != nil {
		return nil, err
	}
	shared, err := sender.ECDH(receiver)
	if err != nil {
		return nil, err
	}
	own := sender.PublicKey().Bytes()
	seal, nonce, err := derive(shared, to.Auth, to.P256DH, own, salt)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, headerSize+len(message)+1+tagSize)
	body = append(body, salt...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, pointSize)
	body = append(body, own...)
	padded := append(append(make([]byte, 0, len(message)+1), message...), lastRecord)
	return seal.Seal(body, nonce, padded, nil), nil
}

// lastRecord ends the text of the only record (RFC 8188 §2).
const lastRecord = 2

// derive gives the cipher and the nonce (RFC 8291 §3.4, RFC 8188 §2.2).
func derive(shared, auth, receiver, sender, salt []byte) (cipher.AEAD, []byte, error) {
	info := "WebPush: info\x00" + string(receiver) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, auth, info, 32)
	if err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	seal, err := cipher.NewGCM(block)
	return seal, nonce, err
}

// Receiver is the browser's side: what tests and simulated push services read
// messages with.
type Receiver struct {
	Private *ecdh.PrivateKey
	Auth    []byte
}

// NewReceiver makes a browser's keys.
func NewReceiver() (Receiver, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	auth := make([]byte, secretSize)
	_, _ = rand.Read(auth) // never fails
	return Receiver{private, auth}, err
}

// Keys is what the receiver hands to senders.
func (r Receiver) Keys() Keys {
	return Keys{P256DH: r.Private.PublicKey().Bytes(), Auth: r.Auth}
}

// Decrypt reads the body of a push. Everything that is not one whole record for
// this receiver is ErrUnreadable.
func (r Receiver) Decrypt(body []byte) ([]byte, error) {
	if len(body) < headerSize+tagSize+1 || len(body) > recordSize || int(body[saltSize+4]) != pointSize {
		return nil, ErrUnreadable
	}
	if size := binary.BigEndian.Uint32(body[saltSize:]); int64(size) < int64(len(body)-headerSize) {
		return nil, ErrUnreadable // a second record would follow: push has one (RFC 8291 §4)
	}
	salt, point, sealed := body[:saltSize], body[saltSize+5:headerSize], body[headerSize:]
	sender, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, ErrUnreadable
	}
	shared, err := r.Private.ECDH(sender)
	if err != nil {
		return nil, ErrUnreadable
	}
	open, nonce, err := derive(shared, r.Auth, r.Private.PublicKey().Bytes(), point, salt)
	if err != nil {
		return nil, err
	}
	padded, err := open.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, ErrUnreadable
	}
	end := len(padded) - 1
	for end >= 0 && padded[end] == 0 {
		end--
	}
	if end < 0 || padded[end] != lastRecord {
		return nil, ErrUnreadable
	}
	return padded[:end], nil
}
