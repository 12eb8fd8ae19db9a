package factortest

import (
	"bytes"
	"sync"
)

// Pen is a log that several goroutines write.
type Pen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (p *Pen) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// String is what was written so far.
func (p *Pen) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}
