package lib_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/internal/glob"
)

// exec runs a script with what is granted, and returns what it printed in tables.
func exec(t *testing.T, grants lib.Grants, src string, values ...string) (starlark.StringDict, string, error) {
	t.Helper()
	var out bytes.Buffer
	names := lib.Predeclared(lib.Options{Grants: grants, Stdout: &out, Logger: nil})
	for i := 0; i < len(values); i += 2 {
		names[values[i]] = starlark.String(values[i+1])
	}
	thread := &starlark.Thread{Name: t.Name()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lib.SetContext(thread, ctx)
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{TopLevelControl: true}, thread, "test.star", src, names)
	return globals, out.String(), err
}

func TestFilesStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	for _, d := range []string{inside, outside} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(inside, "folder")); err != nil {
		t.Fatal(err)
	}
	grants := lib.Grants{Write: []string{inside}}
	for _, call := range []string{
		`read_file(dir + "/link")`,
		`read_file(dir + "/folder/secret")`,
		`read_file(dir + "/../outside/secret")`,
		`open_file(dir + "/link")`,
		`write_file(dir + "/folder/secret", "mine")`,
		`write_file(dir + "/../outside/new", "mine")`,
		`remove_file(dir + "/folder/secret")`,
		`list_files(dir + "/../outside")`,
	} {
		if _, _, err := exec(t, grants, call, "dir", inside); err == nil {
			t.Errorf("%s succeeded", call)
		}
	}
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(b) != "secret" {
		t.Errorf("the file outside holds %q, %v", b, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	g, _, err := exec(t, lib.Grants{Write: []string{dir}}, `
write_file(dir + "/a/b.txt", "one\n")
write_file(dir + "/a/b.txt", "two\n", append = True)
write_file(dir + "/a/c.html", b"three")
text = read_file(dir + "/a/b.txt")
size = open_file(dir + "/a/b.txt").size
paths = [f.path for f in list_files(dir)]
html = [f.path for f in list_files(dir, "**/*.html")]
digest = hash.md5(open_file(dir + "/a/b.txt")) == hash.md5(text)
remove_file(dir + "/a/c.html")
left = [f.path for f in list_files(dir)]
`, "dir", dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"text": `"one\ntwo\n"`, "size": "8", "paths": `["a/b.txt", "a/c.html"]`,
		"html": `["a/c.html"]`, "digest": "True", "left": `["a/b.txt"]`} {
		if got := g[name].String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestWriteIsWhole has a write fail in the middle: the file is as it was.
func TestWriteIsWhole(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	// A folder is a stream that cannot be read.
	if _, _, err := exec(t, lib.Grants{Write: []string{dir}}, `
def later():
    f = open_file(dir + "/f")
    f.close()
    write_file(dir + "/f", f)
later()
`, "dir", dir); err == nil {
		t.Error("a closed stream was written")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "old" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something is left: %v, %v", entries, err)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"**", "a/b/c", true}, {"*.txt", "a.txt", true}, {"*.txt", "d/a.txt", false}, {"**/*.txt", "a.txt", true},
		{"**/*.txt", "d/e/a.txt", true}, {"d/**", "d/e", true}, {"d/**", "e/d", false}, {"d/*/f", "d/e/f", true}, {"d/*/f", "d/f", false},
	} {
		if got := glob.Match(c.pattern, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("LIB_TEST_A", "a")
	g, _, err := exec(t, lib.Grants{Env: []string{"LIB_TEST_*"}}, `
a = env("LIB_TEST_A")
none = env("LIB_TEST_B")
other = env("LIB_TEST_B", "other")
`)
	if err != nil || g["a"].String() != `"a"` || g["none"] != starlark.None || g["other"].String() != `"other"` {
		t.Errorf("got %v, %v", g, err)
	}
	if _, _, err := exec(t, lib.Grants{Env: []string{"LIB_TEST_*"}}, `env("HOME")`); op.KindOf(unwrap(err)) != op.PermissionDenied {
		t.Errorf("HOME: %v", err)
	}
}

func unwrap(err error) error {
	if e, ok := err.(*starlark.EvalError); ok {
		return e.Unwrap()
	}
	return err
}

func TestTable(t *testing.T) {
	_, out, err := exec(t, lib.Grants{}, `table([{"name": "a", "tags": ["x", "y"]}, {"name": "long", "tags": None}])`)
	if want := "NAME  TAGS\na     x y\nlong\n"; err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://example.net/", http.StatusFound)
		case "/huge":
			for range 20 {
				w.Write(make([]byte, 1<<20))
			}
		default:
			w.Header().Set("X-Method", r.Method)
			w.WriteHeader(http.StatusTeapot)
			w.Write([]byte(r.Header.Get("X-Ask")))
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	g, _, err := exec(t, lib.Grants{HTTP: []string{host}}, `
r = http.get(url, headers = {"X-Ask": "tea"})
status, body, method = r.status, r.body, r.headers["x-method"]
posted = http.post(url, "data").headers["x-method"]
`, "url", server.URL)
	if err != nil || g["status"].String() != "418" || g["body"].String() != `"tea"` || g["posted"].String() != `"POST"` {
		t.Errorf("got %v, %v", g, err)
	}
	for network, want := range map[string]op.Kind{"127.0.0.0/8": "", "10.0.0.0/8": op.PermissionDenied, "0.0.0.0/0": ""} {
		if _, _, err := exec(t, lib.Grants{HTTP: []string{network}}, `http.get(url)`, "url", server.URL); op.KindOf(unwrap(err)) != want {
			t.Errorf("granted %s: %v", network, err)
		}
	}
	for path, want := range map[string]string{"/away": "the host example.net is not granted", "/huge": "more than 16 MiB"} {
		if _, _, err := exec(t, lib.Grants{HTTP: []string{host}}, `http.get(url)`, "url", server.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestHTTPAddresses asks for this machine under names and spellings that are
// granted as names: the address is refused all the same, before anything is sent.
func TestHTTPAddresses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("was reached") }))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := u.Port()
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "localhost", "127.0.0.2",
		"169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.1.1", "100.100.100.200", "[64:ff9b::a9fe:a9fe]"} {
		_, _, err := exec(t, lib.Grants{HTTP: []string{"*"}}, `http.get(url, timeout = 5)`, "url", "http://"+net.JoinHostPort(strings.Trim(host, "[]"), port))
		if op.KindOf(unwrap(err)) != op.PermissionDenied {
			t.Errorf("%s: %v", host, err)
		}
	}
}
