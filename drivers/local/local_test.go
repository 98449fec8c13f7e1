package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// folder opens the driver on a new folder with one bucket.
func folder(t testing.TB) (conn *drivers.Conn, bucket string) {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "b"), 0o777); err != nil {
		t.Fatal(err)
	}
	return reopen(t, root), filepath.Join(root, "b")
}

func reopen(t testing.TB, root string) *drivers.Conn {
	t.Helper()
	conn, err := Provider().Open(context.Background(), "local", map[string]any{"root": root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func put(t testing.TB, conn *drivers.Conn, name, body string) storage.Object {
	t.Helper()
	o, err := drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "b", Name: name, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func get(conn *drivers.Conn, name string) (string, error) {
	d, err := drivers.Call[storage.Download](context.Background(), conn, storage.ReadObject{Bucket: "b", Name: name})
	if err != nil {
		return "", err
	}
	defer d.Body.Close()
	b, err := io.ReadAll(d.Body)
	return string(b), err
}

func names(t testing.TB, conn *drivers.Conn, in storage.ListObjects) []string {
	t.Helper()
	in.Bucket = "b"
	var all []string
	for o, err := range drivers.List[storage.Object](t.Context(), conn, in) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Name)
	}
	return all
}

func TestFilesOfOthersAreObjects(t *testing.T) {
	conn, dir := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, "photos/2026"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "photos/2026/100%.png"), []byte("png"), 0o666); err != nil {
		t.Fatal(err)
	}
	o, err := drivers.Call[storage.Object](t.Context(), conn, storage.GetObject{Bucket: "b", Name: "photos/2026/100%.png"})
	if err != nil || o.ContentType != "image/png" || o.Size != 3 {
		t.Errorf("got %+v, %v", o, err)
	}
	put(t, conn, "notes.txt", "hello")
	if b, err := os.ReadFile(filepath.Join(dir, "notes.txt")); err != nil || string(b) != "hello" {
		t.Errorf("the object's file holds %q, %v", b, err)
	}
	if got, want := names(t, conn, storage.ListObjects{}), []string{"notes.txt", "photos/2026/100%.png"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

func TestChangedFileLosesItsMetadata(t *testing.T) {
	conn, dir := folder(t)
	in := storage.PutObject{Bucket: "b", Name: "x", Body: strings.NewReader("one"), ContentType: "text/x-one", Metadata: map[string]string{"k": "v"}}
	if err := put2(conn, in); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("another"), 0o666); err != nil {
		t.Fatal(err)
	}
	o, err := drivers.Call[storage.Object](t.Context(), conn, storage.GetObject{Bucket: "b", Name: "x"})
	if err != nil || o.ContentType == "text/x-one" || len(o.Metadata) > 0 || len(o.Checksums) > 0 {
		t.Errorf("got %+v, %v: that is the old body's metadata", o, err)
	}
	if body, err := get(conn, "x"); err != nil || body != "another" {
		t.Errorf("got %q, %v", body, err)
	}
}

func put2(conn *drivers.Conn, in storage.PutObject) error {
	_, err := drivers.Call[storage.Object](context.Background(), conn, in)
	return err
}

func TestDamageIsFound(t *testing.T) {
	conn, dir := folder(t)
	put(t, conn, "x", "precious")
	file := filepath.Join(dir, "x")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("preciouS"), 0o666); err != nil {
		t.Fatal(err)
	}
	// As a bad disk does it: the time does not tell.
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if _, err := get(conn, "x"); op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

func TestNoWayOut(t *testing.T) {
	conn, dir := folder(t)
	secret := filepath.Join(filepath.Dir(filepath.Dir(dir)), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(secret)
	for link, target := range map[string]string{"absolute": secret, "up": "../../secret", "dir": filepath.Dir(secret), "loop": "."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"absolute", "up", "dir/secret", "../../secret", "../b/../../secret", secret, "loop/loop/up"} {
		if body, err := get(conn, name); err == nil {
			t.Errorf("%s: read %q", name, body)
		}
	}
	for _, name := range []string{"../../secret", "../secret", secret} {
		put(t, conn, name, "inside")
		if body, err := get(conn, name); err != nil || body != "inside" {
			t.Errorf("%s: got %q, %v", name, body, err)
		}
	}
	if err := put2(conn, storage.PutObject{Bucket: "b", Name: "dir/secret", Body: strings.NewReader("x")}); err == nil {
		t.Error("wrote through a link")
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Errorf("the file outside holds %q, %v", b, err)
	}
	for _, bucket := range []string{"..", ".", "", "a/b", ".cloudlark"} {
		if _, err := drivers.Call[storage.Bucket](t.Context(), conn, storage.GetBucket{Bucket: bucket}); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("bucket %q: %v", bucket, err)
		}
	}
}

func TestFileAndFolderDoNotGoTogether(t *testing.T) {
	conn, _ := folder(t)
	put(t, conn, "a", "file")
	if err := put2(conn, storage.PutObject{Bucket: "b", Name: "a/b/c", Body: strings.NewReader("x")}); op.KindOf(err) != op.Conflict {
		t.Errorf("below a file: %v", err)
	}
	put(t, conn, "d/e", "file")
	for _, ifAbsent := range []bool{false, true} {
		if err := put2(conn, storage.PutObject{Bucket: "b", Name: "d", Body: strings.NewReader("x"), IfAbsent: ifAbsent}); op.KindOf(err) != op.Conflict {
			t.Errorf("in place of a folder (if_absent %v): %v", ifAbsent, err)
		}
	}
	if got, want := names(t, conn, storage.ListObjects{}), []string{"a", "d/e"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

func TestListOrder(t *testing.T) {
	conn, dir := folder(t)
	want := []string{"/lead", "a-b", "a/", "a/b", "a//b", "a/./c", "a/../d", "a0", "b.txt", ".cloudlark/x", ".cloudlark~3/y~", "z/.cloudlark~", "ü/é"}
	for _, name := range want {
		put(t, conn, name, name)
	}
	slices.Sort(want)
	if got := names(t, conn, storage.ListObjects{}); !slices.Equal(got, want) {
		t.Errorf("names\n%q, want\n%q", got, want)
	}
	for _, name := range want {
		if body, err := get(conn, name); err != nil || body != name {
			t.Errorf("%s: got %q, %v", name, body, err)
		}
		for i := range len(name) + 1 {
			prefix := name[:i]
			below := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return !strings.HasPrefix(n, prefix) })
			if got := names(t, conn, storage.ListObjects{Prefix: prefix}); !slices.Equal(got, below) {
				t.Errorf("prefix %q: names %q, want %q", prefix, got, below)
			}
			if got, want := names(t, conn, storage.ListObjects{Prefix: prefix, Delimiter: "/"}), collapse(below, prefix); !slices.Equal(got, want) {
				t.Errorf("prefix %q, delimiter: names %q, want %q", prefix, got, want)
			}
		}
		if err := drivers.Do(t.Context(), conn, storage.DeleteObject{Bucket: "b", Name: name}); err != nil {
			t.Error(err)
		}
		want = slices.DeleteFunc(slices.Clone(want), func(n string) bool { return n == name })
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != own {
		t.Errorf("what is left: %v, %v", entries, err)
	}
	if err := drivers.Do(t.Context(), conn, storage.DeleteBucket{Bucket: "b"}); err != nil {
		t.Error(err)
	}
}

func collapse(names []string, prefix string) []string {
	var out []string
	for _, n := range names {
		if i := strings.Index(n[len(prefix):], "/"); i >= 0 {
			n = n[:len(prefix)+i+1]
		}
		if len(out) == 0 || out[len(out)-1] != n {
			out = append(out, n)
		}
	}
	return out
}

// TestPages lists more than a page holds, with names that the folders' order
// would put elsewhere, and prefixes at the pages' ends.
func TestPages(t *testing.T) {
	conn, dir := folder(t)
	var want []string
	for i := range 3500 {
		name := fmt.Sprintf("%02d%s%d", i%70, []string{"-", "/", "0"}[i%3], i)
		want = append(want, name)
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	if got := names(t, conn, storage.ListObjects{}); !slices.Equal(got, want) {
		t.Error("the names are not all there, or not in order")
	}
	if got := names(t, conn, storage.ListObjects{Delimiter: "/"}); !slices.Equal(got, collapse(want, "")) {
		t.Error("with a delimiter, the names are not all there, or not in order")
	}
	o, err := storage.Family.Lookup("list_objects")
	if err != nil {
		t.Fatal(err)
	}
	var pages []int
	for p, err := range conn.Pages(t.Context(), o, storage.ListObjects{Bucket: "b"}) {
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, p.Len())
	}
	if !slices.Equal(pages, []int{1000, 2000, 500}) {
		t.Errorf("pages of %v", pages)
	}
}

// TestKilled kills writers at random moments: what is there then is whole, the
// old or the new, and its metadata is its own.
func TestKilled(t *testing.T) {
	if root := os.Getenv("LOCAL_TEST_WRITE"); root != "" {
		conn := reopen(t, root)
		for i := 0; ; i++ {
			body := strings.Repeat(fmt.Sprint(i%10), 100_000+i)
			in := storage.PutObject{Bucket: "b", Name: "x/y", Body: strings.NewReader(body), Metadata: map[string]string{"first": body[:1]}}
			if err := put2(conn, in); err != nil {
				t.Fatal(err)
			}
			fmt.Println(i)
		}
	}
	if testing.Short() {
		t.Skip("starts 20 processes")
	}
	conn, dir := folder(t)
	for range 20 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "LOCAL_TEST_WRITE="+filepath.Dir(dir))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Somewhere in the writing of a random object.
		if _, err := io.CopyN(io.Discard, out, 1+rand.Int64N(200)); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Kill()
		cmd.Wait()

		body, err := get(conn, "x/y")
		if err != nil {
			t.Fatal(err)
		}
		o, err := drivers.Call[storage.Object](t.Context(), conn, storage.GetObject{Bucket: "b", Name: "x/y"})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(body, body[:1]) != "" || len(body) < 100_000 {
			t.Fatalf("half an object: %d bytes", len(body))
		}
		if o.Metadata["first"] != body[:1] {
			t.Fatalf("a body of %q has the metadata %v", body[:1], o.Metadata)
		}
		if got := names(t, conn, storage.ListObjects{}); !slices.Equal(got, []string{"x/y"}) {
			t.Fatalf("names %q", got)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"a", "a/b", "//", "..", "a/../b", own, own + "~0", own + "/~", "a~", "\xff", "a/.cloudlark~3~/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		file, err := fileOf(name)
		if err != nil {
			if op.KindOf(err) != op.InvalidArgument {
				t.Fatalf("%q: %v", name, err)
			}
			return
		}
		if !fs.ValidPath(file) && strings.ToValidUTF8(file, "") == file {
			t.Fatalf("%q is the file %q", name, file)
		}
		if path.IsAbs(file) || slices.Contains(strings.Split(file, "/"), "..") || file == own || strings.HasPrefix(file, own+"/") {
			t.Fatalf("%q is the file %q", name, file)
		}
		segments := strings.Split(file, "/")
		for i, s := range segments {
			var ok bool
			if segments[i], ok = segmentOf(s, i < len(segments)-1); !ok {
				t.Fatalf("%q is the file %q, which is no object's", name, file)
			}
		}
		if back := strings.Join(segments, "/"); back != name {
			t.Fatalf("%q is the file %q is %q", name, file, back)
		}
	})
}

func BenchmarkListPrefix(b *testing.B) {
	conn, dir := folder(b)
	for i := range 100_000 {
		file := filepath.Join(dir, fmt.Sprintf("%03d/%d", i/100, i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, nil, 0o666)); err != nil {
			b.Fatal(err)
		}
	}
	for _, prefix := range []string{"", "500/"} {
		b.Run(fmt.Sprintf("prefix=%q", prefix), func(b *testing.B) {
			for b.Loop() {
				n := 0
				for _, err := range drivers.List[storage.Object](context.Background(), conn, storage.ListObjects{Bucket: "b", Prefix: prefix}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if want := map[string]int{"": 100_000, "500/": 100}[prefix]; n != want {
					b.Fatalf("%d objects", n)
				}
			}
		})
	}
}
