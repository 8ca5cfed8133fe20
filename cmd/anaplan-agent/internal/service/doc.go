// Package service has the agent started by systemd, launchd and Windows: it prints, installs and removes
// unit files, and on Windows a registered service or a task. doctor examines systemd's.
package service
