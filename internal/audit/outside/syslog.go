package outside

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fault"
)

// Syslog is a syslog server over TLS. The protocol has no answer (RFC 5425
// §4.4): Send makes a connection for each checkpoint, ends its side after the
// message, and takes the server's orderly end, or a silence of answerMost, for
// an acceptance.
type Syslog struct {
	setting string
	addr    string
	options Options
}

const answerMost = 3 * time.Second

// Name returns the setting that named the place.
func (s *Syslog) Name() string { return s.setting }

// Send hands the checkpoint over.
func (s *Syslog) Send(ctx context.Context, c audit.Checkpoint) error {
	conn, err := s.options.Dialer.DialTLS(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	message := Message{At: c.At, Host: s.options.Host, App: "sekisho", Process: strconv.Itoa(os.Getpid()), ID: "checkpoint", Text: object(c)}
	if _, err := conn.Write(Frame(message.Append(nil))); err != nil {
		return s.failed(err)
	}
	if err := conn.CloseWrite(); err != nil {
		return s.failed(err)
	}
	return s.ended(conn)
}

// ended waits for the server's end of the connection: a refusal of our
// certificate or a reset comes here and nowhere else (TLS 1.3).
func (s *Syslog) ended(conn net.Conn) error {
	// A deadline of a connection is a time of the machine, whatever the
	// house's clock says; the timer avoids both.
	timer := time.AfterFunc(answerMost, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer timer.Stop()
	_, err := io.CopyN(io.Discard, conn, 64<<10)
	var slow net.Error
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &slow) && slow.Timeout() {
		return nil
	}
	return s.failed(err)
}

func (s *Syslog) failed(err error) error {
	return fault.New(fault.Busy, "audit-outside-away", "place", s.setting).Because(err)
}

// Message is a syslog message of RFC 5424, facility "log audit" and severity
// "notice", without structured data.
type Message struct {
	At      time.Time
	Host    string // HOSTNAME, at most 255 characters
	App     string // APP-NAME, at most 48
	Process string // PROCID, at most 128
	ID      string // MSGID, at most 32
	Text    []byte // MSG; ASCII or UTF-8 without control characters
}

// Priority is facility 13 (log audit) and severity 5 (notice), RFC 5424 §6.2.1.
const Priority = 13*8 + 5

// Append writes the message as RFC 5424 §6 has it.
func (m Message) Append(to []byte) []byte {
	to = append(to, '<')
	to = strconv.AppendInt(to, Priority, 10)
	to = append(to, ">1 "...)
	to = append(to, stamp(m.At)...)
	for _, part := range [...]struct {
		text string
		most int
	}{{m.Host, 255}, {m.App, 48}, {m.Process, 128}, {m.ID, 32}} {
		to = append(append(to, ' '), printable(part.text, part.most)...)
	}
	to = append(to, " - "...)
	for _, c := range m.Text {
		if c < 0x20 || c == 0x7f {
			c = ' ' // a line of its own in somebody's log file (A162)
		}
		to = append(to, c)
	}
	return to
}

// stamp is RFC 3339 with microseconds, which RFC 5424 §6.2.3 allows.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }

// printable keeps what a header part may hold, PRINTUSASCII, and writes "-" for
// nothing.
func printable(s string, most int) string {
	var out []byte
	for i := 0; i < len(s) && len(out) < most; i++ {
		if s[i] > ' ' && s[i] < 0x7f {
			out = append(out, s[i])
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}

// Frame puts the message's length in octets before it (RFC 5425 §4.3).
func Frame(message []byte) []byte {
	frame := strconv.AppendInt(nil, int64(len(message)), 10)
	return append(append(frame, ' '), message...)
}
