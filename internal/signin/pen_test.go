package signin_test

import (
	"bytes"
	"sync"
)

// pen is a log that several goroutines write.
type pen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pen) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pen) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}
