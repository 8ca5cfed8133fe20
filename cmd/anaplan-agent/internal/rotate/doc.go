// Package rotate puts a new key in the place of an old one without an outage. It remembers which
// step it has reached, and makes sure that the running agent comes along.
package rotate
