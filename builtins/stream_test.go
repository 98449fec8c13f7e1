package builtins_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins"
)

// A body that the script does not read to its end must not hold the run up.
func TestForgottenStream(t *testing.T) {
	src := `
store = storage.driver("sim")
bucket = store.create_bucket("bkt")
o = bucket.put_object("x.txt", "one\ntwo\n")
forgotten = o.read().body
unasked = o.read()
`
	ended := make(chan error, 1)
	go func() {
		var out bytes.Buffer
		_, _, err := builtins.Exec(t.Context(), options(t, fstest.MapFS{"main.star": {Data: []byte(src)}}, "main.star", &out))
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the run does not end")
	}
}

// A stream at its end is closed, and counted for who watches.
func TestTransfer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := options(t, fstest.MapFS{"main.star": {Data: []byte(`
bucket = storage.driver("sim").create_bucket("bkt")
o = bucket.put_object("x.txt", open_file(params(file = "").file))
body = o.read().body
print(len(body.text()), repr(body.text()), repr(body.read(3)))
b = o.read().body
print(len(b.read(5)))
`)}}, "main.star", &out)
	o.Params = map[string]any{"file": file}
	o.Grants.Read = []string{filepath.Dir(file)}
	done := map[string]int64{}
	o.Progress = func(e builtins.Event) {
		if e.Kind == "transfer" && e.Done {
			done[e.What] = e.Bytes
		}
	}
	if _, _, err := builtins.Exec(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if want := "100000 \"\" b\"\"\n5\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	if done[file] != 100_000 || done[`object "x.txt"`] != 100_000 {
		t.Errorf("got %v", done)
	}
}

// Threads may read one stream, and a script may not hold more of it than its memory.
func TestStreamShared(t *testing.T) {
	var out bytes.Buffer
	o := options(t, fstest.MapFS{"main.star": {Data: []byte(`
bucket = storage.driver("sim", state = folder).create_bucket("bkt")
o = bucket.put_object("x.txt", "y" * 1000000 + "\n")
b = o.read().body
def part(i):
    return len(b.read(1000))
parts = parallel(part, range(1001))
n = 0
for p in parts:
    n += p
print(n)
big = bucket.put_object("big.txt", "y" * 35000000)
print(attempt(big.read().body.text).error.message)
print(attempt(lambda: list(big.read().body.lines())).error.message)
`)}}, "main.star", &out)
	o.Limits.Memory = 128 << 20
	// In a folder, so that the cloud's own memory does not count.
	o.Predeclared = starlark.StringDict{"folder": starlark.String(t.TempDir())}
	if _, _, err := builtins.Exec(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1000001\n", "more than 32 MiB: read them by lines()", "a line has more than 32 MiB"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s\nwant %s", out.String(), want)
		}
	}
}
