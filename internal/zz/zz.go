// Package zz holds modules that are about to be used.
package zz

import (
	_ "github.com/emersion/go-sasl"
	_ "github.com/emersion/go-smtp"
	_ "github.com/go-webauthn/webauthn/webauthn"
	_ "github.com/pquerna/otp/totp"
	_ "github.com/wneessen/go-mail"
	_ "golang.org/x/crypto/argon2"
	_ "golang.org/x/crypto/bcrypt"
	_ "golang.org/x/text/secure/precis"
	_ "golang.org/x/net/idna"
	_ "github.com/boombuler/barcode/qr"
)
