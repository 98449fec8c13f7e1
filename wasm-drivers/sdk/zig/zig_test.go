package zig_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// version is the Zig that the SDK is written for; the language still changes
// with every minor version.
const version = "0.17.1"

// zig finds the compiler: CLOUDLARK_ZIG, zig, or Python's package ziglang.
var zig = sync.OnceValues(func() ([]string, error) {
	var tried []string
	for _, command := range []string{os.Getenv("CLOUDLARK_ZIG"), "zig", "python3 -m ziglang"} {
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		out, err := exec.Command(words[0], append(words[1:], "version")...).Output()
		have := strings.TrimSpace(string(out))
		switch {
		case err != nil:
			tried = append(tried, fmt.Sprintf("%s: %v", command, err))
		case minor(have) != minor(version):
			tried = append(tried, fmt.Sprintf("%s is %s", command, have))
		default:
			return words, nil
		}
	}
	return nil, fmt.Errorf("Zig %s is not there (%s): python3 -m pip install ziglang==%s", version, strings.Join(tried, "; "), version)
})

func minor(v string) string { return v[:max(0, strings.LastIndexByte(v, '.'))] }

// run runs Zig in a folder; without Zig the test is skipped by name.
func run(t *testing.T, dir string, arguments ...string) (string, error) {
	t.Helper()
	command, err := zig()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // the first build on a machine builds Zig's build system
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], arguments...)...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, dir string, arguments ...string) {
	t.Helper()
	if out, err := run(t, dir, arguments...); err != nil {
		t.Fatalf("zig %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
}

// project writes the template as cloudlark driver new does.
func project(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	copyTree(t, "template", dir, name)
	copyTree(t, "src", filepath.Join(dir, "sdk", "src"), name)
	return dir
}

func copyTree(t *testing.T, from, to, name string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out := filepath.Join(to, strings.TrimPrefix(path, from))
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		return os.WriteFile(out, bytes.ReplaceAll(data, []byte("{{name}}"), []byte(name)), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// template builds the template, as its users do.
func template(t *testing.T) []byte {
	t.Helper()
	dir := project(t, "tiny")
	mustRun(t, dir, "build", "--release=small")
	code, err := os.ReadFile(filepath.Join(dir, "zig-out", "bin", "driver.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestTemplate: a new driver builds and passes the conformance suite as it stands.
func TestTemplate(t *testing.T) {
	code := template(t)
	if t.Logf("the module has %d bytes", len(code)); len(code) > 100_000 {
		t.Error("it was to be small")
	}
	m := wasmtest.Load(t, wasm.Source{Bytes: code, Grant: wasm.Grant{}}, wasm.Options{})
	if d := m.Description(); d.Name != "tiny" || !d.Stateful || len(d.Families["compute"].Operations) != 12 {
		t.Errorf("the module describes itself as %+v", d)
	}
	drivertest.Compute(t, drivertest.Harness{
		Open:       drivertest.Opener(wasmtest.Provider(t, m, compute.Family), nil),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
	})
}

// TestMemory: what a call took is there for the next one, whether it was much or little.
func TestMemory(t *testing.T) {
	m := wasmtest.Load(t, wasm.Source{Bytes: template(t)}, wasm.Options{})
	conn := drivertest.Opener(wasmtest.Provider(t, m, compute.Family), nil)(t, nil)
	defer conn.Close()
	in := compute.CreateNode{Name: "web", Size: "small", Image: "debian-13", Tags: map[string]string{"a": strings.Repeat("ü", 1000)}}
	for i := range 1500 { // 64 MiB is the most that an instance may have
		in.UserData = ""
		if i%150 == 0 {
			in.UserData = strings.Repeat("long ", 1<<20)
		}
		n, err := drivers.Call[compute.Node](t.Context(), conn, in)
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		for range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
		}
		if i%500 != 0 {
			err = drivers.Do(t.Context(), conn, compute.DestroyNode{Node: n.ID})
		}
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// TestZig runs the SDK's tests and the template's, and looks at the form of both.
func TestZig(t *testing.T) {
	t.Run("sdk", func(t *testing.T) {
		cache := t.TempDir()
		mustRun(t, ".", "test", "--cache-dir", cache, "src/root.zig")
	})
	t.Run("template", func(t *testing.T) { mustRun(t, project(t, "tiny"), "build", "test") })
	t.Run("fmt", func(t *testing.T) { mustRun(t, ".", "fmt", "--check", "src", "template") })
}

// TestRefused: what is no driver does not compile, and the compiler says why.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct{ family, body, want string }{
		"no operation": {"compute", `pub fn list_node(_: *Context, _: compute.ListNodes) !cloudlark.Page(compute.Node) { return .{}; }`,
			"compute has no operation list_node (did you mean list_nodes?). What is not one of the driver's operations must not be pub"},
		"argument": {"compute", `pub fn list_nodes(_: *Context, _: compute.GetNode) !cloudlark.Page(compute.Node) { return .{}; }`,
			"compute: list_nodes has to be pub fn list_nodes(ctx: *cloudlark.Context, args: compute.ListNodes) !cloudlark.Page(compute.Node)"},
		"result": {"compute", `pub fn get_node(_: *Context, _: compute.GetNode) !void {}`,
			"compute: get_node has to be pub fn get_node(ctx: *cloudlark.Context, args: compute.GetNode) !compute.Node, not to return void"},
		"no id": {"compute", `pub fn get_node(_: *Context, _: compute.GetNode) !compute.Node { return .{ .name = "x" }; }`,
			"missing struct field: id"},
		"no word": {"compute", `pub fn get_node(_: *Context, _: compute.GetNode) !compute.Node { return .{ .id = "x", .state = .asleep }; }`,
			"has no member named 'asleep'"},
		"none": {"compute", `fn get_node(_: *Context, _: compute.GetNode) !compute.Node {}`,
			"the driver's compute has no operation: its functions must be pub"},
		"missing and there": {"compute", `pub const missing = .{ .start_node = "no" }; pub fn start_node(_: *Context, _: compute.StartNode) !void {}`,
			"missing: the driver has start_node"},
		"extras of nothing": {"compute", `pub const extras = .{ .create_node = [_]cloudlark.Field{} }; pub fn start_node(_: *Context, _: compute.StartNode) !void {}`,
			"extras: the driver does not have create_node"},
		"family": {"dns", `pub fn list_zones() void {}`, "there is no family dns"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source := fmt.Sprintf(`const cloudlark = @import("cloudlark");
const compute = cloudlark.compute;
const Context = cloudlark.Context;
const D = struct { %s };
const driver = cloudlark.Driver(.{ .name = "x", .version = "1" }, .{ .%s = D });
comptime { driver.exports(); }
`, test.body, test.family)
			if err := os.WriteFile(filepath.Join(dir, "main.zig"), []byte(source), 0o644); err != nil {
				t.Fatal(err)
			}
			sdk, err := filepath.Abs("src/root.zig")
			if err != nil {
				t.Fatal(err)
			}
			out, err := run(t, dir, "build-exe", "-fno-entry", "-rdynamic", "-fno-emit-bin", "-target", "wasm32-freestanding",
				"--dep", "cloudlark", "-Mroot=main.zig", "-Mcloudlark="+sdk)
			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("want an error with %q, have %v\n%s", test.want, err, out)
			}
		})
	}
}

// TestReadme: what the pages show compiles.
func TestReadme(t *testing.T) {
	blocks := func(t *testing.T, page, indent string) (found []string) {
		t.Helper()
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var block []string
		for line := range strings.Lines(string(data) + "end") {
			switch code, ok := strings.CutPrefix(line, indent); {
			case ok || strings.TrimSpace(line) == "" && block != nil:
				block = append(block, code)
			case block != nil:
				found, block = append(found, strings.Join(block, "")), nil
			}
		}
		return found
	}
	find := func(t *testing.T, all []string, with string) string {
		t.Helper()
		for _, b := range all {
			if strings.Contains(b, with) {
				return b
			}
		}
		t.Fatalf("the page has no code with %q", with)
		return ""
	}
	for _, test := range []struct{ page, source string }{
		{"sdk", find(t, blocks(t, "README.md", "    "), "get_node(ctx") + find(t, blocks(t, "README.md", "    "), "test \"")},
		{"template", func() string {
			all := blocks(t, "template/README.md", "        ")
			return `const std = @import("std");
const cloudlark = @import("cloudlark");
const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Config = struct { endpoint: []const u8 };
pub const driver = cloudlark.Driver(.{ .name = "x", .version = "1",
` + find(t, all, ".credentials") + `}, .{ .compute = Compute });
` + find(t, all, "const Server = struct") + "const Compute = struct {\n" + find(t, all, "pub fn list_nodes") + `};
test "list" {
    var fixture: cloudlark.testing.Fixture = .init(&.{.{ .body = "{\"servers\":[{\"id\":7,\"name\":\"n\",\"status\":\"off\",\"created_at\":\"\"}]}" }});
    defer fixture.deinit();
    fixture.context().configuration = "{\"endpoint\":\"https://x\"}";
    const page = try Compute.list_nodes(fixture.context(), .{});
    try std.testing.expectEqual(.stopped, page.items[0].state.?);
    _ = try driver.description_json(fixture.ctx.arena);
}
`
		}()},
	} {
		t.Run(test.page, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.zig"), []byte(test.source), 0o644); err != nil {
				t.Fatal(err)
			}
			sdk, err := filepath.Abs("src/root.zig")
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, dir, "test", "--cache-dir", dir, "--dep", "cloudlark", "-Mroot=main.zig", "-Mcloudlark="+sdk)
			mustRun(t, dir, "build-exe", "-fno-entry", "-rdynamic", "-fno-emit-bin", "-target", "wasm32-freestanding", "-Osmall",
				"--dep", "cloudlark", "-Mroot=main.zig", "-Mcloudlark="+sdk)
		})
	}
}
