package kubernetes

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// Annotations for what a Lease has no field for.
const (
	annotationAddress   = "anaplan-agent/address"
	annotationAuditHead = "anaplan-agent/audit-head"
	annotationReason    = "anaplan-agent/reason"
)

// microTime is how Kubernetes writes times with fractions (metav1.MicroTime).
const microTime = "2006-01-02T15:04:05.000000Z07:00"

// object is a Lease, as far as it is read and written. To have no holder is the empty text, as
// client-go writes it.
type object struct {
	APIVersion string   `json:"apiVersion,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Metadata   metadata `json:"metadata"`
	Spec       spec     `json:"spec"`
}

type metadata struct {
	Name            string            `json:"name,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Annotations     map[string]string `json:"annotations"`
}

type spec struct {
	HolderIdentity   *string `json:"holderIdentity"`
	DurationSeconds  *int64  `json:"leaseDurationSeconds"`
	AcquireTime      *string `json:"acquireTime"`
	RenewTime        *string `json:"renewTime"`
	LeaseTransitions *int64  `json:"leaseTransitions"` // the epoch
}

// objectOf returns the Lease of a record, to replace a version.
func objectOf(version string, r record.Record, now time.Time) object {
	seconds, epoch := int64(max(1, (r.Duration+time.Second-1)/time.Second)), int64(r.Epoch)
	acquired, renewed := r.Since.UTC().Format(microTime), now.UTC().Format(microTime)
	return object{
		Metadata: metadata{ResourceVersion: version, Annotations: map[string]string{
			annotationAddress: r.Address, annotationAuditHead: r.AuditHead, annotationReason: r.Reason,
		}},
		Spec: spec{HolderIdentity: &r.Holder, DurationSeconds: &seconds, AcquireTime: &acquired, RenewTime: &renewed, LeaseTransitions: &epoch},
	}
}

// stored reads a Lease. All of its fields may be missing: people make a Lease before it is used.
func stored(body []byte) (found record.Stored, err error) {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return found, fmt.Errorf("the answer of Kubernetes is not a Lease: %w", err)
	}
	if o.Kind != "Lease" || o.Metadata.ResourceVersion == "" {
		return found, fmt.Errorf("the answer of Kubernetes is not a Lease, but %q: see what answers at the address of its API", o.Kind)
	}
	annotations := o.Metadata.Annotations
	found.Version = o.Metadata.ResourceVersion
	found.Holder = value(o.Spec.HolderIdentity)
	found.Address, found.AuditHead, found.Reason = annotations[annotationAddress], annotations[annotationAuditHead], annotations[annotationReason]
	found.Epoch = uint64(max(0, value(o.Spec.LeaseTransitions)))
	found.Duration = time.Duration(min(max(0, value(o.Spec.DurationSeconds)), math.MaxInt32)) * time.Second
	found.Since, _ = time.Parse(time.RFC3339Nano, value(o.Spec.AcquireTime))
	found.Beat = found.Holder + " " + strconv.FormatUint(found.Epoch, 10) + " " + value(o.Spec.RenewTime)
	return found, nil
}

// value returns what a field has, the zero value where it is missing.
func value[T any](field *T) (what T) {
	if field != nil {
		what = *field
	}
	return what
}
