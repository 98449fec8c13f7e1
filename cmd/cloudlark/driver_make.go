package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A language is one that drivers can be begun in.
type language struct {
	name   string
	marker string   // the file by which a project of it is known
	sdk    []string // the folders of cloudlark.Sources that make its SDK
	strip  string   // of their paths: what does not become part of the project's
	build  func(ctx context.Context, dir string) (command []string, env []string, module string, err error)
	needs  string // to build, in the words of an error
}

func languages() []language {
	return []language{
		{name: "go", marker: "main.go", sdk: []string{"drivers", "wasm-drivers/sdk/go"}, build: buildGo, needs: "Go: see https://go.dev/dl"},
		{name: "rust", marker: "Cargo.toml", sdk: []string{"wasm-drivers/sdk/rust"}, strip: "wasm-drivers/sdk/rust/", build: buildRust,
			needs: "Rust with the target wasm32-unknown-unknown: rustup target add wasm32-unknown-unknown, or on Debian apt install cargo libstd-rust-dev-wasm32 librust-serde-json-dev librust-serde-derive-dev lld"},
		{name: "zig", marker: "build.zig", sdk: []string{"wasm-drivers/sdk/zig"}, strip: "wasm-drivers/sdk/zig/", build: buildZig,
			needs: "Zig: see https://ziglang.org/download, or pip install ziglang==0.17.1"},
	}
}

func languageNames() []string {
	var names []string
	for _, l := range languages() {
		names = append(names, l.name)
	}
	return names
}

var driverName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func (a *app) driverNew() *cobra.Command {
	var lang string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a driver",
		Long: `Write a new driver into a folder of its name: a small one that builds and passes the
conformance suite as it stands, with the SDK of its language.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := args[0]
			if !driverName.MatchString(name) {
				return usage("%q cannot be a driver's name: lower-case letters, digits and \"_\"", name)
			}
			i := slices.IndexFunc(languages(), func(l language) bool { return l.name == lang })
			if i < 0 {
				return usage("--lang: there is no %q%s", lang, op.DidYouMean(lang, languageNames()))
			}
			if exists(name) {
				return usage("there is a %s here already", name)
			}
			l := languages()[i]
			if err := l.write(name); err != nil {
				return errors.Join(err, os.RemoveAll(name))
			}
			fmt.Fprintf(a.out, "Wrote %s. Next:\n\n  cloudlark driver build %[1]s\n  cloudlark driver test %[2]s\n", name, filepath.Join(name, name+".wasm"))
			return nil
		},
	}
	c.Flags().StringVar(&lang, "lang", "go", "the language: "+strings.Join(languageNames(), ", "))
	return c
}

// write writes a project's template and SDK.
func (l language) write(name string) error {
	template := "wasm-drivers/sdk/" + l.name + "/template"
	err := copySources(cloudlark.Sources, template, name, func(path string, data []byte) (string, []byte) {
		return strings.TrimSuffix(path, ".tmpl"), bytes.ReplaceAll(data, []byte("{{name}}"), []byte(name))
	})
	if err != nil {
		return err
	}
	for _, folder := range l.sdk {
		err := copySources(cloudlark.Sources, folder, filepath.Join(name, "sdk"), func(path string, data []byte) (string, []byte) {
			path = folder + "/" + path
			if strings.HasPrefix(path, template) || strings.Contains(path, "/testdata/") {
				return "", nil
			}
			return strings.TrimPrefix(path, l.strip), data
		})
		if err != nil {
			return err
		}
	}
	if l.name == "go" { // the SDK is the module that the template replaces
		return os.WriteFile(filepath.Join(name, "sdk", "go.mod"), []byte("module github.com/cloudlark/cloudlark\n\ngo 1.26\n"), 0o644)
	}
	return nil
}

func (a *app) driverBuild() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "build [FOLDER]",
		Short: "Build a driver, where its language's tools are there",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			dir, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(languages(), func(l language) bool { return exists(filepath.Join(dir, l.marker)) })
			if i < 0 {
				return usage("%s has no project of a known language: no main.go, Cargo.toml or build.zig", dir)
			}
			if out == "" {
				out = filepath.Join(dir, filepath.Base(dir)+".wasm")
			}
			if out, err = filepath.Abs(out); err != nil {
				return err
			}
			if err := a.buildDriver(c.Context(), languages()[i], dir, out); err != nil {
				return err
			}
			info, err := os.Stat(out)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Built %s, %d bytes. Try: cloudlark driver inspect %[1]s\n", out, info.Size())
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "the module to write; FOLDER/FOLDER.wasm if not given")
	return c
}

func (a *app) buildDriver(ctx context.Context, l language, dir, out string) error {
	command, env, module, err := l.build(ctx, dir)
	if err != nil {
		return op.Errorf(op.Unsupported, "a driver in %s cannot be built here: %w. It needs %s", l.name, err, l.needs)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = a.err, a.err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	data, err := os.ReadFile(filepath.Join(dir, module))
	if err != nil {
		return err
	}
	if module == ".cloudlark-build.wasm" {
		if err := os.Remove(filepath.Join(dir, module)); err != nil {
			return err
		}
	}
	return os.WriteFile(out, data, 0o644)
}

func buildGo(context.Context, string) ([]string, []string, string, error) {
	tool, err := exec.LookPath("go")
	const module = ".cloudlark-build.wasm"
	return []string{tool, "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", module, "."}, []string{"GOOS=wasip1", "GOARCH=wasm"}, module, err
}

// wasm32 is Rust's name for the target.
const wasm32 = "wasm32-unknown-unknown"

// debianCrates is where Debian's packages have crates, for its older Rust.
const debianCrates = "/usr/share/cargo/registry"

// buildRust uses the first Rust that has the target: that of the path, or
// Debian's beside it, which has its crates from Debian's packages too.
func buildRust(ctx context.Context, dir string) ([]string, []string, string, error) {
	name, err := crateName(filepath.Join(dir, "Cargo.toml"))
	if err != nil {
		return nil, nil, "", err
	}
	module := filepath.Join("target", wasm32, "release", strings.ReplaceAll(name, "-", "_")+".wasm")
	arguments := []string{"build", "--release", "--target", wasm32}
	var tried []error
	for _, prefix := range []string{"", "/usr/bin/"} {
		rustc, err := rustWith(ctx, prefix+"rustc")
		if err == nil {
			var cargo string
			if cargo, err = exec.LookPath(prefix + "cargo"); err == nil {
				if strings.HasPrefix(cargo, "/usr/bin/") && exists(debianCrates) {
					arguments = append(arguments, "--offline", "--config", `source.crates-io.replace-with="debian"`, "--config", `source.debian.directory="`+debianCrates+`"`)
				}
				return append([]string{cargo}, arguments...), []string{"RUSTC=" + rustc}, module, nil
			}
		}
		tried = append(tried, err)
	}
	return nil, nil, "", errors.Join(tried...)
}

// rustWith is the compiler of that name, if it has the target.
func rustWith(ctx context.Context, name string) (string, error) {
	rustc, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	libs, err := exec.CommandContext(ctx, rustc, "--print", "target-libdir", "--target", wasm32).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", rustc, err)
	}
	if !exists(strings.TrimSpace(string(libs))) {
		return "", fmt.Errorf("%s has no target %s", rustc, wasm32)
	}
	return rustc, nil
}

var crateNameLine = regexp.MustCompile(`(?m)^name\s*=\s*"([A-Za-z0-9_-]+)"`)

// crateName is the package's name, which is the first that a Cargo.toml has.
func crateName(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	m := crateNameLine.FindSubmatch(data)
	if m == nil {
		return "", fmt.Errorf("%s names no package", path)
	}
	return string(m[1]), nil
}

// buildZig uses what CLOUDLARK_ZIG says, zig itself, or the Python package that
// has it.
func buildZig(ctx context.Context, dir string) ([]string, []string, string, error) {
	module := filepath.Join("zig-out", "bin", "driver.wasm")
	arguments := []string{"build", "--release=small"}
	if command := strings.Fields(os.Getenv("CLOUDLARK_ZIG")); len(command) > 0 {
		return append(command, arguments...), nil, module, nil
	}
	if zig, err := exec.LookPath("zig"); err == nil {
		return append([]string{zig}, arguments...), nil, module, nil
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, nil, "", err
	}
	if err := exec.CommandContext(ctx, python, "-m", "ziglang", "version").Run(); err != nil {
		return nil, nil, "", errors.New("there is no zig, and Python has no package ziglang")
	}
	return append([]string{python, "-m", "ziglang"}, arguments...), nil, module, nil
}
