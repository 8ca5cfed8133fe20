package kubernetes

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// mostBody is how much of an answer is read. A Lease has some 500 bytes, and managedFields beside.
const mostBody = 256 << 10

// Config says which Lease, and how Kubernetes is reached.
type Config struct {
	Namespace, Name string

	API       string // URL of the API
	TokenFile string // with the token of the service account
	CAFile    string // with the CA of the API, in PEM
}

// InCluster returns how a pod reaches the API of its cluster. The Lease is not set.
func InCluster(getenv func(name string) string) (Config, error) {
	host, port := getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return Config{}, errors.New("this is not a pod of Kubernetes (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not in the environment): outside of one, a lease can be in PostgreSQL")
	}
	if account == "" {
		return Config{}, errors.New("a lease of Kubernetes is not to be had on Windows: it can be in PostgreSQL")
	}
	return Config{API: "https://" + net.JoinHostPort(host, port), TokenFile: account + "/token", CAFile: account + "/ca.crt"}, nil
}

// Store is a Lease. Its methods are called one after the other.
type Store struct {
	config  Config
	ca      []byte // with which transport was made
	http    *http.Transport
	pause   time.Time // before it Kubernetes does not want to be asked
	refusal error     // what it said then
}

// New returns the Store of a Lease. Nothing is connected or read yet.
func New(config Config) *Store { return &Store{config: config} }

// Read returns the record, or record.ErrNone.
func (s *Store) Read(ctx context.Context) (record.Stored, error) {
	found, err := s.ask(ctx, http.MethodGet, s.config.Name, "", nil)
	if said, ok := errors.AsType[*statusError](err); ok && said.isNoLease() {
		return found, record.ErrNone
	}
	return found, err
}

// Write replaces the record of a version, or makes the first one; record.ErrChanged: there is another.
func (s *Store) Write(ctx context.Context, version string, new record.Record) (record.Stored, error) {
	o := objectOf(version, new, time.Now())
	method, name, kind := http.MethodPatch, s.config.Name, "application/merge-patch+json"
	if version == "" {
		o.APIVersion, o.Kind, o.Metadata.Name = "coordination.k8s.io/v1", "Lease", s.config.Name
		method, name, kind = http.MethodPost, "", "application/json"
	}
	body, err := json.Marshal(o)
	if err != nil {
		return record.Stored{}, err
	}
	found, err := s.ask(ctx, method, name, kind, body)
	if said, ok := errors.AsType[*statusError](err); ok && said.isChanged() {
		return found, record.ErrChanged
	}
	return found, err
}

// Close ends the connections.
func (s *Store) Close() {
	if s.http != nil {
		s.http.CloseIdleConnections()
	}
}

// ask makes a request about a Lease, "" for all of the namespace.
func (s *Store) ask(ctx context.Context, method, name, kind string, body []byte) (found record.Stored, err error) {
	if time.Now().Before(s.pause) {
		return found, s.refusal
	}
	req, err := s.request(ctx, method, name, kind, body)
	if err != nil {
		return found, err
	}
	response, err := s.http.RoundTrip(req)
	if err != nil {
		return found, explain(ctx, s.config, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBody))
	if err != nil {
		return found, explain(ctx, s.config, err)
	}
	if response.StatusCode/100 == 2 {
		return stored(text)
	}
	said := newStatusError(s.config, method, response, text)
	if said.wait > 0 {
		s.pause, s.refusal = time.Now().Add(said.wait), said
	}
	return found, said
}

// request makes a request with the token and the CA as they are now.
func (s *Store) request(ctx context.Context, method, name, kind string, body []byte) (*http.Request, error) {
	token, err := os.ReadFile(s.config.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("no token of a service account for Kubernetes: %w; see automountServiceAccountToken of the pod", err)
	}
	if err := s.trust(); err != nil {
		return nil, err
	}
	url := s.config.API + path.Join("/apis/coordination.k8s.io/v1/namespaces", s.config.Namespace, "leases", name)
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "anaplan-agent")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req, nil
}

// trust has connections made with the CA as it is in its file. No proxy is between a pod and its API.
func (s *Store) trust() error {
	ca, err := os.ReadFile(s.config.CAFile)
	if err != nil {
		return fmt.Errorf("no CA of the API of Kubernetes: %w; see automountServiceAccountToken of the pod", err)
	}
	if s.http != nil && bytes.Equal(ca, s.ca) {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return fmt.Errorf("the CA of the API of Kubernetes: %s has no certificate: see the ConfigMap kube-root-ca.crt of the namespace", s.config.CAFile)
	}
	s.Close()
	s.ca = ca
	s.http = &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	return nil
}
