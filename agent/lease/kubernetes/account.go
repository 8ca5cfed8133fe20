//go:build !windows

package kubernetes

// account is where a pod has the files of its service account.
const account = "/var/run/secrets/kubernetes.io/serviceaccount"
