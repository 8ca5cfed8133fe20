// Package guide enrolls by asking questions on a terminal, for somebody who has read nothing. It
// asks; enroll does the work.
package guide
