package fake

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/secret"
)

//go:embed company.json
var company embed.FS

// Person is somebody who can sign in to a simulator.
type Person struct {
	Login    string      `json:"login"`
	Name     string      `json:"name"`
	Email    string      `json:"email"`
	Title    string      `json:"title"`
	Manager  string      `json:"manager"` // a login
	Roles    []string    `json:"roles"`
	Zone     string      `json:"zone"` // "" is Asia/Tokyo
	Inactive bool        `json:"inactive"`
	Password secret.Text `json:"-"` // an empty one is made up
}

// Company are the people of Kaede Trading, as the demo has them too.
func Company() (people []Person, err error) {
	text, err := company.ReadFile("company.json")
	if err != nil {
		return nil, err
	}
	return people, json.Unmarshal(text, &people)
}

// Token is random text of n bytes, for what nobody may guess.
func Token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Hex is random text of n bytes in hexadecimal digits.
func Hex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Stable is 32 hexadecimal digits that are the same for the same name in every
// run: what knows somebody by them knows them after a restart too.
func Stable(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}
