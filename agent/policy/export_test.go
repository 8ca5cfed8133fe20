package policy

import "slices"

// Segments returns the segments, decoded.
func (p Path) Segments() []string { return slices.Clone(p.segments) }
