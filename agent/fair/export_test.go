package fair

// Lines returns how many clients the Limiter knows.
func (l *Limiter) Lines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(len(l.lines), len(l.ring))
}
