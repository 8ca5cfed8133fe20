//go:build cgo

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// page is how a page of docs is followed: what is another one for this person, what others do in
// between, and which blocks are not commands of this person's.
type page struct {
	before  []string          // shell, before the page: functions of pagePrologue
	instead []string          // old, new: of a person's values
	then    map[string]string // after a line that begins so: what others do, in shell
	around  map[string]string // for the block whose first line begins so: shell in which BLOCK is its file
	not     map[string]string // blocks that are not run, by the beginning of their first line, and why
	after   string            // shell, at the end
}

// TestDocs runs the commands of the pages as they are written, in the order of the page, in one shell
// for each. A block that is neither run nor listed fails.
func TestDocs(t *testing.T) {
	hsmtest.SoftHSM(t)
	for _, tool := range []string{"bash", "curl", "jq", "python3", "openssl"} {
		hsmtest.Tool(t, "clients", tool)
	}
	hsmtest.Tool(t, "pcsc", "pcscd")
	programs := filepath.Join(t.TempDir(), "bin")
	buildPrograms(t, programs)
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page.follow(t, name, programs, repository)
		})
	}
}

// TestDocsAreAllFollowed: a page with commands is followed here or by a test that is named.
func TestDocsAreAllFollowed(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		_, here := pages[name]
		_, elsewhere := pagesElsewhere[name]
		if here == elsewhere && (here || len(blocksOf(t, name)) > 0) {
			t.Errorf("docs/%s.md is followed here: %t, and elsewhere: %t", name, here, elsewhere)
		}
	}
}

// follow runs the page in a directory of its own, which is the person's home, too.
func (p page) follow(t *testing.T, name, programs, repository string) {
	dir := shortDirectory(t)
	address := freeAddress(t)
	var script strings.Builder
	fmt.Fprintf(&script, "%s\n%s\n", pagePrologue, strings.Join(p.before, "\n"))
	instead := strings.NewReplacer(append(slices.Clone(p.instead), "127.0.0.1:8470", address)...)
	listed := map[string]bool{}
	for i, block := range blocksOf(t, name) {
		if why := beginning(p.not, block); why != "" {
			listed[why] = true
			continue
		}
		text := instead.Replace(block)
		if shell := beginning(p.around, block); shell != "" {
			file := filepath.Join(dir, fmt.Sprintf("block-%d", i))
			if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, "BLOCK=%s\n%s\n", file, shell)
			continue
		}
		for line := range strings.Lines(text) {
			fmt.Fprintf(&script, "%s\n", strings.TrimSuffix(line, "\n"))
			if others := beginning(p.then, line); others != "" {
				fmt.Fprintf(&script, "%s\n", others)
			}
		}
	}
	for begins, why := range p.not {
		if !listed[why] {
			t.Errorf("no block begins with %q", begins)
		}
	}
	fmt.Fprintf(&script, "%s\n", p.after)
	cmd := exec.Command("setsid", "--wait", "bash", "-eu", "-o", "pipefail", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir + "/run", "TMPDIR=" + dir, "REPOSITORY=" + repository, "AGENT_ADDRESS=" + address, "EDITOR=true"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("docs/%s.md, followed: %v\n%s\n%s", name, err, script.String()[len(pagePrologue):], out)
	}
}

// beginning returns the entry of which a text has the beginning; "" for none.
func beginning(entries map[string]string, text string) string {
	for begins, entry := range entries {
		if strings.HasPrefix(text, begins) {
			return entry
		}
	}
	return ""
}

// blocksOf returns the blocks of a page, without their indentation or fence.
func blocksOf(t *testing.T, name string) (blocks []string) {
	data, err := os.ReadFile("../../docs/" + name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	block, fenced, margin := "", false, ""
	end := func() {
		if strings.TrimSpace(block) != "" {
			blocks = append(blocks, strings.TrimRight(block, "\n")+"\n")
		}
		block = ""
	}
	for line := range strings.Lines(string(data)) {
		indented, isIndented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(strings.TrimLeft(line, " "), "```"):
			end()
			fenced = !fenced
			margin, _, _ = strings.Cut(line, "`") // within a list
		case fenced:
			block += strings.TrimPrefix(line, margin)
		case isIndented:
			block += indented
		case strings.TrimSpace(line) == "" && block != "":
			block += "\n" // an indented block may have empty lines
		default:
			end()
		}
	}
	end()
	return blocks
}

// shortDirectory returns a directory whose name leaves room for a socket's.
func shortDirectory(t *testing.T) string {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
