package host

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// settings is a driver's configuration with one field of each sort.
type settings struct {
	Region string    `json:"region,omitzero"`
	Token  op.Secret `json:"token,omitzero"`
	Pages  int       `json:"pages,omitzero"`
	Mode   mode      `json:"mode,omitzero"`
	Hosts  []string  `json:"hosts,omitzero"`
}

type mode string

func (mode) Values() []string { return []string{"fast", "safe"} }

type other struct {
	Endpoint string `json:"endpoint,omitzero"`
}

// configured makes the drivers "big" of compute and "box" of storage; opened
// gets the configuration that big is opened with.
func configured(opened *settings) []*drivers.Provider {
	return []*drivers.Provider{
		drivers.New(drivers.Info{Name: "big", Title: "Big cloud", Family: compute.Family}, func(_ context.Context, c settings) (*puppet, error) {
			if opened != nil {
				*opened = c
			}
			return &puppet{act: allow}, nil
		}),
		drivers.New(drivers.Info{Name: "box", Title: "Box", Family: storage.Family}, func(context.Context, other) (*puppet, error) { return &puppet{act: allow}, nil }),
		(&puppet{}).provider("small", compute.Family),
	}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ConfigName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig(t *testing.T) {
	t.Setenv("HOST_TEST_TOKEN", "hunter2")
	t.Setenv("HOST_TEST_PAGES", "7")
	path := writeConfig(t, `
[connection.prod]
driver = ["big", "box"]
region = "eu"
token = {env = "HOST_TEST_TOKEN"}
pages = {env = "HOST_TEST_PAGES"}
endpoint = "https://box.example"
rate_limit = 10
retries = 0
timeout = "30s"

[connection.asked]
driver = "big"
token = {command = ["echo", "hunter3"]}
hosts = ["a", "b"]

[connection.big]   # what a driver of the same name takes unless told otherwise
driver = "big"
region = "us"

[policy]
read_only = true
effects = ["reads"]
operations = ["compute.*"]
read = ["data", "/srv"]

[limits]
time = "10m"
output = "1MiB"
retries = 0
`)
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	prod := c.Connections["prod"]
	want := &Connection{Drivers: []string{"big", "box"}, RateLimit: 10, Retries: -1, Timeout: 30 * time.Second, Values: map[string]any{
		"region": "eu", "token": FromEnv("HOST_TEST_TOKEN"), "pages": FromEnv("HOST_TEST_PAGES"), "endpoint": "https://box.example"}}
	if !reflect.DeepEqual(prod, want) {
		t.Errorf("prod is %+v, want %+v", prod, want)
	}
	if p := (Policy{ReadOnly: true, Effects: []op.Effect{op.Reads}, Operations: []string{"compute.*"}, Read: []string{filepath.Join(filepath.Dir(path), "data"), "/srv"}}); !reflect.DeepEqual(c.Policy, p) {
		t.Errorf("the policy is %+v, want %+v", c.Policy, p)
	}
	if l := (Limits{Time: 10 * time.Minute, Output: 1 << 20, Retries: -1}); c.Limits != l {
		t.Errorf("the limits are %+v, want %+v", c.Limits, l)
	}

	var opened settings
	h, err := New(Options{Drivers: configured(&opened), Config: c})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for name, want := range map[string]settings{
		"prod":  {Region: "eu", Token: "hunter2", Pages: 7},
		"asked": {Token: "hunter3", Hosts: []string{"a", "b"}},
		"big":   {Region: "us"},
	} {
		if _, err := h.Open(t.Context(), "compute", name, nil); err != nil || !reflect.DeepEqual(opened, want) {
			t.Errorf("%s: opened with %+v, %v; want %+v", name, opened, err, want)
		}
	}
	if _, err := h.Open(t.Context(), "compute", "prod", map[string]any{"region": "asia"}); err != nil || opened.Region != "asia" || opened.Token != "hunter2" {
		t.Errorf("an override: opened with %+v, %v", opened, err)
	}
	if _, err := h.Open(t.Context(), "storage", "prod", nil); err != nil {
		t.Error(err)
	}
	_, err = h.Open(t.Context(), "storage", "asked", nil)
	checkText(t, err, `unsupported: the connection "asked" has no driver of storage: it has big`)
}

// TestConfigErrors: what is wrong is named with its line and its key.
func TestConfigErrors(t *testing.T) {
	t.Setenv("HOST_TEST_PAGES", "hunter2")
	for _, c := range []struct{ what, text, want string }{
		{"half written", "[connection.prod]\ndriver =", "FILE:2:8: driver: expected value, not end of input"},
		{"a half-written section", "[policy]\nread_only = true\n[connection.pr", "FILE:3:14: connection.pr: expected ']' to close table name"},
		{"twice", "[policy]\nread_only = true\nread_only = false", "FILE:3:1: read_only: key read_only is already defined"},
		{"unknown section", "[conection.prod]\ndriver = \"big\"", `FILE:1: conection: there is no section "conection"; did you mean connection?`},
		{"a value for a section", "policy = 3", "FILE:1: policy: policy is a section: write [policy]"},
		{"a value for the connections", "connection = 3", "FILE:1: connection: connection is a section: write [connection.NAME]"},
		{"a value for a connection", "connection.prod = \"big\"", `FILE:1: connection.prod: a connection is a section: write [connection.NAME] and below it driver = "…"`},
		{"no driver", "\n[connection.prod]\nregion = \"eu\"", `FILE:2: connection.prod: the connection names no driver: write driver = "sim"`},
		{"unknown driver", "[connection.prod]\ndriver = \"bgi\"", `FILE:2: connection.prod.driver: there is no driver "bgi"; did you mean big?`},
		{"two of a family", "[connection.prod]\ndriver = [\"big\", \"small\"]", "FILE:2: connection.prod.driver: big and small are both of the family compute: a connection has one driver a family"},
		{"a driver's name", "[connection.small]\ndriver = \"big\"", "FILE:1: connection.small: the connection would hide the driver small: give it another name"},
		{"unknown setting", "[connection.prod]\ndriver = [\"big\", \"box\"]\nregoin = \"eu\"", `FILE:3: connection.prod.regoin: big or box has no setting "regoin"; did you mean region?`},
		{"wrong type", "[connection.prod]\ndriver = \"big\"\npages = \"many\"", `FILE:3: connection.prod.pages: pages: want int, got "many"`},
		{"no such value", "[connection.prod]\ndriver = \"big\"\nmode = \"fats\"", `FILE:3: connection.prod.mode: mode: there is no "fats"; did you mean fast?`},
		{"a secret in clear", "[connection.prod]\ndriver = \"big\"\ntoken = \"hunter2\"", `FILE:3: connection.prod.token: a secret does not stand in the file: write {env = "NAME"} or {command = ["program", "argument"]}`},
		{"a secret of the wrong type", "[connection.prod]\ndriver = \"big\"\ntoken = 4711", `FILE:3: connection.prod.token: a secret does not stand in the file: write {env = "NAME"} or {command = ["program", "argument"]}`},
		{"env of nothing", "[connection.prod]\ndriver = \"big\"\ntoken = {env = 3}", `FILE:3: connection.prod.token: env wants the name of an environment variable: {env = "NAME"}`},
		{"a command line", "[connection.prod]\ndriver = \"big\"\ntoken = {command = \"pass show x\"}", `FILE:3: connection.prod.token: command wants a program and its arguments: {command = ["pass", "show", "prod"]}`},
		{"rate limit", "[connection.prod]\ndriver = \"big\"\nrate_limit = \"10\"", "FILE:3: connection.prod.rate_limit: want a number above 0"},
		{"retries", "[connection.prod]\ndriver = \"big\"\nretries = -1", "FILE:3: connection.prod.retries: want a number from 0 to 1000"},
		{"timeout", "[connection.prod]\ndriver = \"big\"\ntimeout = 30", `FILE:3: connection.prod.timeout: want a duration like "30s" or "5m"`},
		{"unknown rule", "[policy]\nreadonly = true", `FILE:2: policy.readonly: there is no argument "readonly"; did you mean read_only or read?`},
		{"a rule's type", "[policy]\nread_only = \"yes\"", `FILE:2: policy.read_only: read_only: want bool, got "yes"`},
		{"a rule's value", "[policy]\neffects = [\"writes\"]", `FILE:2: policy.effects: effects: there is no "writes" (there are: reads, creates, changes, deletes)`},
		{"unknown limit", "[limits]\ntimeout = \"5m\"", `FILE:2: limits.timeout: there is no argument "timeout"; did you mean time?`},
		{"a limit's type", "[limits]\ntime = 5", "FILE:2: limits.time: time: want string, got 5"},
		{"a limit's unit", "[limits]\ntime = \"5 parsecs\"", `FILE:2: limits.time: want a duration like "30s" or "5m"`},
		{"steps", "[limits]\nsteps = -5", "FILE:2: limits.steps: want a number above 0"},
	} {
		t.Run(c.what, func(t *testing.T) {
			path := writeConfig(t, c.text)
			config, err := LoadConfig(path)
			if err == nil {
				var h *Host
				if h, err = New(Options{Drivers: configured(nil), Config: config}); h != nil {
					h.Close()
				}
			}
			checkText(t, err, strings.Replace(c.want, "FILE", path, 1))
		})
	}
}

// TestReferenceErrors come when the connection is opened, and show no value.
func TestReferenceErrors(t *testing.T) {
	t.Setenv("HOST_TEST_SECRET", "hunter2")
	t.Setenv("HOST_TEST_EMPTY", "")
	for _, c := range []struct{ what, value, want string }{
		{"not set", `token = {env = "HOST_TEST_NONE"}`, "unauthenticated: FILE:3: connection.prod.token: the environment variable HOST_TEST_NONE is not set"},
		{"empty", `token = {env = "HOST_TEST_EMPTY"}`, "unauthenticated: FILE:3: connection.prod.token: the environment variable HOST_TEST_EMPTY is empty"},
		{"of another type", `pages = {env = "HOST_TEST_SECRET"}`, "invalid argument: FILE:3: connection.prod.pages: the value of the environment variable HOST_TEST_SECRET is not a valid int"},
		{"none of the values", `mode = {command = ["echo", "hunter2"]}`, "invalid argument: FILE:3: connection.prod.mode: the value of the command echo is not a valid string"},
		{"no such command", `token = {command = ["no-such-program-here"]}`, `unauthenticated: FILE:3: connection.prod.token: the command no-such-program-here failed: exec: "no-such-program-here": executable file not found in $PATH`},
		{"a command that fails", `token = {command = ["sh", "-c", "echo hunter2; echo locked >&2; exit 3"]}`, "unauthenticated: FILE:3: connection.prod.token: the command sh failed: exit status 3: locked"},
		{"a command that says nothing", `token = {command = ["true"]}`, "unauthenticated: FILE:3: connection.prod.token: the command true printed nothing"},
		{"a command that says too much", `token = {command = ["head", "-c", "70000", "/dev/zero"]}`, "invalid argument: FILE:3: connection.prod.token: the command head printed more than 65536 bytes"},
	} {
		t.Run(c.what, func(t *testing.T) {
			path := writeConfig(t, "[connection.prod]\ndriver = \"big\"\n"+c.value)
			config, err := LoadConfig(path)
			if err != nil {
				t.Fatal(err)
			}
			h, err := New(Options{Drivers: configured(nil), Config: config})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			_, err = h.Open(t.Context(), "compute", "prod", nil)
			checkText(t, err, "open (big): "+strings.Replace(c.want, "FILE", path, 1))
		})
	}
}

// TestConfigInGo: an embedder that has no file.
func TestConfigInGo(t *testing.T) {
	var opened settings
	c := &Config{Connections: map[string]*Connection{"prod": {Drivers: []string{"big"}, Values: map[string]any{"token": op.Secret("hunter2")}}}}
	h, err := New(Options{Drivers: configured(&opened), Config: c})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Open(t.Context(), "compute", "prod", nil); err != nil || opened.Token.Reveal() != "hunter2" {
		t.Errorf("%+v, %v", opened, err)
	}
	c.Connections["prod"].Values["regoin"] = "eu"
	_, err = New(Options{Drivers: configured(nil), Config: c})
	checkText(t, err, `configuration: connection.prod.regoin: big has no setting "regoin"; did you mean region?`)
}

func TestFindConfig(t *testing.T) {
	root, user := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", user)
	t.Setenv("HOME", user)
	t.Setenv("AppData", user)
	deep := filepath.Join(root, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	userDir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	find := func(want string) {
		t.Helper()
		if got, err := FindConfig(deep); err != nil || got != want {
			t.Errorf("found %q, %v; want %q", got, err, want)
		}
	}
	find("")
	for _, path := range []string{filepath.Join(userDir, "cloudlark", ConfigName), filepath.Join(root, "a", ConfigName), filepath.Join(deep, ConfigName)} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		find(path) // each is nearer than the one before
	}
}

// FuzzConfig: any file ends in a configuration or an error with its name.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"", "[connection.prod]\ndriver = [\"big\", \"box\"]\ntoken = {env = \"X\"}\nrate_limit = 1.5\n",
		"[policy]\neffects = [\"reads\"]\n[limits]\ntime = \"5m\"\noutput = \"1MiB\"\n", "connection.a.b.c = 1", "[[connection]]\n[connection.x]", "a.'b.c'.\"\\n\" = {x = [1979-05-27]}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig("x.toml", data)
		if err == nil {
			var h *Host
			if h, err = New(Options{Drivers: configured(nil), Config: c}); err == nil {
				h.Close()
				return
			}
		}
		if !strings.HasPrefix(err.Error(), "x.toml:") && !strings.HasPrefix(err.Error(), "policy:") {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
