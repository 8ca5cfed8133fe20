package enroll

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestEnrolmentsAreRemembered(t *testing.T) {
	known := Store{filepath.Join(t.TempDir(), "state", "enrollments [1]")}
	if got := known.All(); len(got) != 0 {
		t.Fatalf("%d are under way at first", len(got))
	}
	first := &Pending{Key: "pkcs11:token=a;object=x;id=%01?module-name=softhsm2", Email: "ana@example.com", Step: StepKey}
	card := &Pending{Key: "piv:serial=7;slot=9c", Email: "bob@example.com", Step: StepRequest, RequestFile: "/tmp/x.csr"}
	for _, p := range []*Pending{first, card} {
		if err := known.save(p); err != nil {
			t.Fatal(err)
		}
	}
	first.Step = StepStored
	if err := known.save(first); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string][]*Pending{
		"pkcs11:object=x": {first}, "pkcs11:token=b": nil, "piv:slot=9c": {card}, "piv:": {card}, "piv:serial=8": nil,
	} {
		if diff := cmp.Diff(want, known.Fitting(roomtest.Address(t, address)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
	if err := errors.Join(known.Forget(first), known.Forget(first)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]*Pending{card}, known.All()); diff != "" {
		t.Errorf("after forgetting (-want +got):\n%s", diff)
	}
}

// A key that is enrolled again takes the place of its older enrolment, under whichever address.
func TestEnrolmentReplacesItsOwn(t *testing.T) {
	known := Store{t.TempDir()}
	mine, other := requestOf(t), requestOf(t)
	for _, p := range []*Pending{
		{Key: "piv:slot=9c", Step: StepRequest, Request: mine},
		{Key: "piv:slot=9a", Step: StepRequest, Request: other},
		{Key: "piv:", Step: StepRequest, Request: other},
		{Key: "piv:serial=7;slot=9c", Step: StepRequest, Request: mine},
	} {
		if err := known.save(p); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, p := range known.All() {
		got = append(got, p.Key)
	}
	if diff := cmp.Diff([]string{"piv:serial=7;slot=9c", "piv:"}, got); diff != "" {
		t.Errorf("under way (-want +got):\n%s", diff)
	}
}

// Of another key that the address may mean as well, nothing is said.
func TestEnrolmentIsOf(t *testing.T) {
	mine, others := requestOf(t), requestOf(t)
	public := (&Pending{Request: mine}).Public()
	for _, test := range []struct {
		key, request, address string
		want                  bool
	}{
		{"pkcs11:token=a;object=x;id=%01", mine, "pkcs11:token=a", true},
		{"pkcs11:token=a;object=x;id=%01", others, "pkcs11:token=a", false},
		{"pkcs11:token=a;object=x;id=%01", "", "pkcs11:token=a;object=x", false},
		{"pkcs11:token=a;object=x;id=%01?module-name=m", "", "pkcs11:id=%01;object=x;token=a?module-path=/m", true},
		{"pkcs11:token=a;object=x", "", "pkcs11:token=a;object=x;id=%01", false},
		{"piv:serial=7;slot=9c", "", "piv:serial=7;slot=9c", true},
		{"piv:serial=7;slot=9c", others, "piv:slot=9c", false},
		{"piv:serial=7;slot=9c", "", "pkcs11:", false},
	} {
		p := &Pending{Key: test.key, Request: test.request}
		if got := p.isOf(roomtest.Address(t, test.address), public); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
		if p.isOf(roomtest.Address(t, test.address), nil) && test.request == mine {
			t.Errorf("%+v: it is told without the public key", test)
		}
	}
}

// requestOf returns the request of a new key.
func requestOf(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return device.EncodePEM("CERTIFICATE REQUEST", csr)
}

// What was cut short, comes from a later version or from a person keeps nobody from enrolling.
func TestEnrolmentsPassOverWhatTheyCannotRead(t *testing.T) {
	known := Store{t.TempDir()}
	for name, text := range map[string]string{
		"a.json": `{"key": "piv:slot`, "b.json": `{"key": "piv:slot=9c", "step": "later"}`, "c.json": `{"key": "x", "step": "key"}`,
		"d.json": "", "e.json": "[]", ".new123": `{"key": "piv:slot=9c", "step": "key"}`,
	} {
		if err := os.WriteFile(filepath.Join(known.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := known.All(); len(got) != 0 {
		t.Errorf("%d were read", len(got))
	}
}

func TestEnrolmentsWithoutAPlace(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, known := range []Store{{}, {filepath.Join(blocked, "enrollments")}} {
		if err := known.save(&Pending{Key: "piv:slot=9c", Step: StepKey}); !errors.Is(err, errNotRemembered) {
			t.Errorf("%q: %v", known.dir, err)
		}
		if got := known.All(); len(got) != 0 {
			t.Errorf("%q: %d are under way", known.dir, len(got))
		}
	}
}

func TestMayMean(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"piv:", "piv:serial=7;slot=9c", true},
		{"piv:slot=9a", "piv:serial=7;slot=9c", false},
		{"piv:", "pkcs11:", false},
		{"pkcs11:object=x?module-name=a", "pkcs11:token=t;object=x;id=%01?module-path=/b", true},
		{"pkcs11:object=x;id=%02", "pkcs11:token=t;object=x;id=%01", false},
	} {
		if got := MayMean(roomtest.Address(t, test.a), roomtest.Address(t, test.b)); got != test.want {
			t.Errorf("%s and %s: got %v", test.a, test.b, got)
		}
		if got := MayMean(roomtest.Address(t, test.b), roomtest.Address(t, test.a)); got != test.want {
			t.Errorf("%s and %s: got %v", test.b, test.a, got)
		}
	}
}

func TestPendingPublic(t *testing.T) {
	for _, text := range []string{"", "hello", device.EncodePEM("CERTIFICATE REQUEST", []byte{1})} {
		if key := (&Pending{Request: text}).Public(); key != nil {
			t.Errorf("%q has a key", text)
		}
	}
}

func TestSubjectName(t *testing.T) {
	for _, test := range []struct{ subject, name, want, problem string }{
		{"", "", "CN=ana@example.com", ""},
		{"", "Nightly", "CN=Nightly", ""},
		{"CN=Nightly load, O=Example AG ,c=CH", "", "CN=Nightly load,O=Example AG,C=CH", ""},
		{`O=Example\, Inc.,OU=A,OU=B,L=Bern,ST=BE`, "x", `CN=x,OU=A+OU=B,O=Example\, Inc.,L=Bern,ST=BE`, ""},
		{"CN=a", "b", "", "give it once"},
		{"CN=a,CN=b", "", "", "twice"},
		{"CN=a,", "", "", `"" has no value`},
		{"CN", "", "", "no value"},
		{"emailAddress=a@b", "", "", "is not one of CN"},
		{"C=ch", "", "", "two capital letters"},
		{"O=" + strings.Repeat("x", 65), "", "", "more than 64"},
		{"O=a\x1bb", "", "", "unprintable characters"},
	} {
		e := Enrolment{Email: "ana@example.com", Subject: test.subject, Name: test.name}
		got, err := e.SubjectName()
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%q: got %v, want %q", test.subject, err, test.problem)
			}
			continue
		}
		if err != nil || got.String() != test.want {
			t.Errorf("%q: got %s, %v; want %s", test.subject, got, err, test.want)
		}
	}
}

// The note of a key that is being made goes when there is one of the key, and not before: a kill
// may leave both, and then the latter counts.
func TestEnrolmentOfAKeyInTheMaking(t *testing.T) {
	known := Store{t.TempDir()}
	making := &Pending{Key: "pkcs11:token=a;object=x", Email: "ana@example.com", Step: StepMaking}
	other := &Pending{Key: "pkcs11:token=a;object=y", Email: "ana@example.com", Step: StepMaking}
	made := &Pending{Key: "pkcs11:token=a;serial=1;object=x;id=%01", Email: "Ana@example.com", Step: StepKey}
	for _, p := range []*Pending{making, other, made} {
		if err := known.save(p); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]*Pending{made, other}, known.All()); diff != "" {
		t.Errorf("the key is made (-want +got):\n%s", diff)
	}
	if err := known.write(making); err != nil { // as if it had never been removed
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*Pending{made, other}, known.All()); diff != "" {
		t.Errorf("both are there (-want +got):\n%s", diff)
	}
	making.Time = making.Time.Add(time.Hour)
	if err := known.write(making); err != nil {
		t.Fatal(err)
	}
	if got := known.All(); len(got) != 3 {
		t.Errorf("a newer one is another: %d", len(got))
	}
}
