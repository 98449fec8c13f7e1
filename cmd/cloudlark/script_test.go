package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cloudlark/cloudlark/builtins/reference"
	"github.com/cloudlark/cloudlark/drivers/all"
)

var update = flag.Bool("update", false, "write the files that are compared, instead of comparing them")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cloudlark": func() { os.Exit(command()) }})
}

// TestScript runs the pages of testdata/script: what a person types, and what
// the command answers.
func TestScript(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	goenv := goEnvironment(t)
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join(root, "testdata", "script"),
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			for name, value := range goenv {
				e.Setenv(name, value)
			}
			e.Setenv("CLOUDLARK_ZIG", os.Getenv("CLOUDLARK_ZIG"))
			e.Setenv("SCRIPTS", filepath.Join(root, "scripts"))
			return nil
		},
		Condition: toolchain,
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// goEnvironment is what the go command needs where HOME is another.
func goEnvironment(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPROXY", "GONOSUMDB", "GOSUMDB", "GOFLAGS").Output()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	if err := json.Unmarshal(out, &env); err != nil {
		t.Fatal(err)
	}
	return env
}

// toolchain is the conditions [rust] and [zig]: whether drivers in that language
// can be built here. In CI they must be.
func toolchain(name string) (bool, error) {
	i := slices.IndexFunc(languages(), func(l language) bool { return l.name == name })
	if i < 0 {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	l := languages()[i]
	dir, err := os.MkdirTemp("", "cloudlark-toolchain-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, l.marker), []byte("name = \"x\"\n"), 0o600); err != nil {
		return false, err
	}
	_, _, _, err = l.build(context.Background(), dir)
	if err != nil && os.Getenv("CI") != "" {
		return false, fmt.Errorf("drivers in %s cannot be built here: %w; it needs %s", name, err, l.needs)
	}
	return err == nil, nil
}

// exits is `exits CODE COMMAND…`: the command ends with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// TestReferenceIsCurrent compares docs/reference with what the table says.
// `go generate ./...` writes it anew.
func TestReferenceIsCurrent(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "reference")
	pages := reference.New(all.Providers("")).Pages()
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, page := range pages {
		file := filepath.Join(dir, name)
		if *update {
			if err := os.WriteFile(file, page, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(file); err != nil || string(have) != string(page) {
			t.Errorf("%s is out of date: run 'go generate ./...'", file)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pages[e.Name()] == nil {
			t.Errorf("%s is no page of the reference any more", filepath.Join(dir, e.Name()))
		}
	}
}
