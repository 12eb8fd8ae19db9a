package job

// Turn looks for work once, and returns when all calls have ended but those
// that the test holds: what the loop does, step by step.
func (d *Desk) Turn(held func() int, pause func()) {
	d.round()
	for {
		d.mu.Lock()
		out := len(d.running)
		d.mu.Unlock()
		if out <= held() {
			return
		}
		pause()
	}
}
