package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// gate counts connections and spoils their beginning.
type gate struct {
	net.Listener
	server *Server
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		s := g.server
		s.mu.Lock()
		s.conns++
		greet, hide := s.behaviour.Greet, s.behaviour.Hide
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		if greet != 0 {
			_, _ = fmt.Fprintf(conn, "%d %d.3.2 not now\r\n", greet, greet/100)
			_ = conn.Close()
			continue
		}
		tracked := &tracked{Conn: conn, server: s, hide: hide}
		if s.options.Security == Implicit {
			return tls.Server(tracked, s.smtp.TLSConfig), nil
		}
		return tracked, nil
	}
}

// tracked is forgotten when it closes. Whoever hides STARTTLS sits between and
// takes the line out of the answer to EHLO.
type tracked struct {
	net.Conn
	server *Server
	hide   bool
	once   sync.Once
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.once.Do(func() {
		t.server.mu.Lock()
		delete(t.server.open, t.Conn)
		t.server.mu.Unlock()
	})
	return t.Conn.Close()
}

// Write implements net.Conn.
func (t *tracked) Write(b []byte) (int, error) {
	if !t.hide {
		return t.Conn.Write(b)
	}
	text := strings.ReplaceAll(string(b), "250-STARTTLS\r\n", "250-XXXXXXXX\r\n")
	return t.Conn.Write([]byte(text))
}

// authority is a certificate authority of one certificate.
type authority struct {
	pem  []byte
	pair tls.Certificate
}

func newAuthority(now time.Time, names []string) (a authority, err error) {
	if names == nil {
		names = []string{"127.0.0.1", "localhost"}
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return a, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return a, err
	}
	// Wide enough for clocks that tests move.
	from, until := now.Add(-48*time.Hour), now.Add(365*24*time.Hour)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fake mail authority"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "fake mail"}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	if err != nil {
		return a, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, rootKey)
	if err != nil {
		return a, err
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
	a.pair = tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}
	return a, nil
}
