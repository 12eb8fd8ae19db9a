package housetest

import (
	"bytes"
	"sync"
)

// Pen is a log that many goroutines write, and that can be read meanwhile.
type Pen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the log.
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
