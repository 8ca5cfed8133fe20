// Command typecheck checks the types of this module, its tests included, as cgo has them on systems
// for which there is no C compiler here: go run ./cmd/internal/typecheck GOOS...
//
// What comes from C is taken to be right. All else is read as the compiler reads it, so a name that
// is declared twice, or only in a file of another system, is found.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	var failed bool
	for _, goos := range os.Args[1:] {
		if err := checkAll(goos); err != nil {
			fmt.Fprintf(os.Stderr, "typecheck: %s with cgo:\n%v\n", goos, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// listed is a package, or the variant of one for a test, as go list tells it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	ImportMap  map[string]string // where it is another package that an import means
	Module     *struct {
		Main      bool
		GoVersion string
	}
}

// checkAll checks the packages of this module and what they import, in that order.
func checkAll(goos string) error {
	list := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap,Module", "./...")
	list.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=1")
	list.Stderr = os.Stderr
	output, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	c := &checker{files: token.NewFileSet(), packages: map[string]*types.Package{"unsafe": types.Unsafe}}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case err == io.EOF:
			return errors.Join(c.errors...)
		case err != nil:
			return err
		case p.ImportPath == "unsafe", strings.HasSuffix(p.ImportPath, ".test"): // the latter's file is not there yet
			continue
		}
		if err := c.check(p); err != nil {
			return err
		}
	}
}

// checker keeps what was checked, by import path.
type checker struct {
	files    *token.FileSet
	packages map[string]*types.Package
	errors   []error
}

// check checks a package. Of those of other modules nothing but what they export is looked at.
func (c *checker) check(p listed) error {
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		file, err := parser.ParseFile(c.files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	config := types.Config{
		FakeImportC:      true,
		IgnoreFuncBodies: p.Module == nil || !p.Module.Main,
		Importer:         importing{c, p},
		Sizes:            types.SizesFor("gc", runtime.GOARCH),
		Error:            func(err error) { c.errors = append(c.errors, err) },
	}
	if p.Module != nil && p.Module.GoVersion != "" {
		config.GoVersion = "go" + p.Module.GoVersion
	}
	path, _, _ := strings.Cut(p.ImportPath, " ") // a variant's has the test's name behind it
	c.packages[p.ImportPath], _ = config.Check(path, c.files, files, nil)
	return nil
}

// importing finds what a package imports.
type importing struct {
	*checker
	by listed
}

// Import implements types.Importer.
func (i importing) Import(path string) (*types.Package, error) {
	if other, ok := i.by.ImportMap[path]; ok {
		path = other
	}
	if found := i.packages[path]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s is not among what go list lists", path)
}
