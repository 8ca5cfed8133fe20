// Package kubernetes keeps the record of a lease in a Lease of Kubernetes (coordination.k8s.io/v1), by
// the REST API and with the service account of the pod.
//
//	config, err := kubernetes.InCluster(os.Getenv)
//	config.Namespace, config.Name = "etl", "anaplan-agent"
//	stored, err := kubernetes.New(config).Read(ctx)
//
// A write is a patch that names the resourceVersion it replaces, so labels and annotations that others
// have put there stay. What a Lease has no field for is in annotations. No member believes the times in
// it, which are by the holders' clocks: a Lease has run out when it was not seen to change.
//
// The token and the CA are read with each request, as the kubelet replaces them.
package kubernetes
