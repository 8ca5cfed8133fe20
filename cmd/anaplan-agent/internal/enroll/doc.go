// Package enroll makes a key and its certificate request, stores what the CA answers, and imports
// keys from files. It remembers which enrolments are under way.
//
// The commands enroll and import use it, and so do guide and rotate.
package enroll
