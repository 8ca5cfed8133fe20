package owned

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// self is this user's account.
func self(t *testing.T) string {
	t.Helper()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	return user.User.Sid.String()
}

// descriptorFrom reads an access list in Windows' own notation of such.
func descriptorFrom(t *testing.T, text string) *windows.SECURITY_DESCRIPTOR {
	t.Helper()
	descriptor, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return descriptor
}

// directory makes one with an access list. It goes with the test: testing's own way to remove one
// is not known to every Wine.
func directory(t *testing.T, parent, access string) string {
	t.Helper()
	path := filepath.Join(parent, "owned-"+strings.ReplaceAll(filepath.Base(t.Name()), " ", "-"))
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	descriptor := descriptorFrom(t, access)
	attributes := windows.SecurityAttributes{SecurityDescriptor: descriptor}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	if err := windows.CreateDirectory(name, &attributes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
	list, _, err := descriptor.DACL()
	if err == nil && strings.Contains(access, ";WD)") { // at creation Wine lets others do what its umask does
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	own := "D:P(A;OICI;FA;;;" + self(t) + ")"
	for _, test := range []struct {
		name, access       string
		refused, unprivate string // what is said of the directory itself
	}{
		{"mine", own, "", ""},
		{"all may read", own + "(A;OICI;FR;;;WD)", "", "lets in"},
		{"all may write", own + "(A;OICI;FA;;;WD)", "may be changed by", "lets in"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := directory(t, os.TempDir(), test.access)
			for _, check := range []struct {
				what string
				err  error
				want string
			}{{"Check", Check(path), test.refused}, {"CheckPrivate", CheckPrivate(path), test.unprivate}} {
				if check.want == "" && check.err != nil || check.want != "" && (!errors.Is(check.err, ErrExposed) || !strings.Contains(check.err.Error(), check.want)) {
					t.Errorf("%s: %v, want %q", check.what, check.err, check.want)
				}
			}
			file := filepath.Join(path, "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(file)
			if err := Check(file); (err != nil) != (test.refused != "") {
				t.Errorf("a file in it: %v", err)
			}
		})
	}
}

// TestFollow: where a link leads is judged as well, however it is written. The link itself is a
// plain directory here: Wine makes no links.
func TestFollow(t *testing.T) {
	link, temp := directory(t, os.TempDir(), "D:P(A;OICI;FA;;;"+self(t)+")"), os.TempDir()
	t.Run("exposed", func(t *testing.T) {
		exposed := directory(t, temp, "D:P(A;OICI;FA;;;WD)")
		for target, want := range map[string]bool{
			exposed: true, filepath.Base(exposed): true, exposed[len(filepath.VolumeName(exposed)):]: true,
			temp: false, `..\Temp`: false, `missing\further`: false,
		} {
			w := &walk{file: link, final: change}
			if err := w.follow(temp, link, target, nil); errors.Is(err, ErrExposed) != want {
				t.Errorf("to %s: %v", target, err)
			}
			if err := w.follow(temp, link, target, []string{"missing"}); errors.Is(err, ErrExposed) != want {
				t.Errorf("through %s: %v", target, err)
			}
		}
	})
	w := &walk{file: link, final: change, links: mostLinks}
	if err := w.follow(temp, link, temp, nil); err != nil {
		t.Errorf("too many: %v", err)
	}
}

func TestCheckOfNothing(t *testing.T) {
	for _, path := range []string{filepath.Join(os.TempDir(), "missing"), filepath.Join(os.TempDir(), "missing", "file"), "NUL", `C:\a*b`} {
		if err := Check(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestJudge: whatever a list says of others, by the rights that each step on the way to a file asks for.
func TestJudge(t *testing.T) {
	me := self(t)
	const root = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	for name, test := range map[string]struct {
		access                string
		above, itself, secret bool // refused on the way, as the file, as a private directory
	}{
		"mine":                          {"O:" + me + "D:(A;;FA;;;" + me + ")", false, false, false},
		"the system's":                  {"O:SYD:" + root, false, false, false},
		"Administrators'":               {"O:BAD:" + root, false, false, false},
		"TrustedInstaller's":            {"O:" + trustedInstaller + "D:" + root, false, false, false},
		"another's":                     {"O:S-1-5-21-1-2-3-1001D:" + root, true, true, true},
		"a service's":                   {"O:LSD:" + root, true, true, true},
		"nobody may":                    {"O:BAD:", false, false, false},
		"users read":                    {"O:BAD:" + root + "(A;OICI;0x1200a9;;;BU)", false, false, true},
		"users make files and folders":  {"O:BAD:" + root + "(A;CI;0x116;;;BU)", false, true, true}, // C:\ProgramData
		"users modify what is below":    {"O:BAD:" + root + "(A;OICIIO;0x1301bf;;;AU)", false, false, false},
		"users modify":                  {"O:BAD:" + root + "(A;OICI;0x1301bf;;;AU)", true, true, true},
		"users delete children":         {"O:BAD:" + root + "(A;;0x40;;;BU)", true, true, true},
		"users delete":                  {"O:BAD:" + root + "(A;;SD;;;BU)", true, true, true},
		"users change rights":           {"O:BAD:" + root + "(A;;WD;;;BU)", true, true, true},
		"users take it":                 {"O:BAD:" + root + "(A;;WO;;;BU)", true, true, true},
		"users write attributes":        {"O:BAD:" + root + "(A;;0x100;;;BU)", false, true, true},
		"users append":                  {"O:BAD:" + root + "(A;;0x4;;;BU)", false, true, true},
		"generic rights":                {"O:BAD:" + root + "(A;;GA;;;BU)", true, true, true},
		"generic writing":               {"O:BAD:" + root + "(A;;GW;;;BU)", false, true, true},
		"users are denied":              {"O:BAD:(D;;FA;;;BU)" + root, false, false, false},
		"its owner's":                   {"O:BAD:" + root + "(A;;FA;;;CO)(A;;FA;;;S-1-3-4)", false, false, false},
		"another user's, among others'": {"O:" + me + "D:(A;;FA;;;" + me + ")" + root + "(A;;FA;;;S-1-5-21-1-2-3-1001)", true, true, true},
	} {
		descriptor := descriptorFrom(t, test.access)
		w := &walk{file: `C:\file`}
		for _, step := range []struct {
			what    string
			rights  windows.ACCESS_MASK
			refused bool
		}{{"above", takeOver, test.above}, {"itself", change, test.itself}, {"private", anything, test.secret}} {
			if err := w.judge(`C:\file`, descriptor, step.rights); (err != nil) != step.refused {
				t.Errorf("%s, %s: %v", name, step.what, err)
			}
		}
	}
}

func TestJudgeWithoutList(t *testing.T) {
	descriptor, err := windows.NewSecurityDescriptor()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := windows.StringToSid(self(t))
	if err == nil {
		err = descriptor.SetOwner(owner, false)
	}
	if err == nil {
		err = descriptor.SetDACL(nil, true, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = (&walk{file: `C:\file`}).judge(`C:\file`, descriptor, takeOver)
	if !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), errNoList.Error()) {
		t.Errorf("got %v", err)
	}
}
