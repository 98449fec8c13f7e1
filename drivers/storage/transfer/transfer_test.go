package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/local"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
)

// cloud opens a world of its own in memory, with a bucket "b".
func cloud(t testing.TB, chain ...op.Interceptor) *drivers.Conn {
	t.Helper()
	providers := sim.Providers(sim.Options{})
	p := providers[slices.IndexFunc(providers, func(p *drivers.Provider) bool { return p.Family == storage.Family })]
	conn, err := p.Open(t.Context(), "sim", nil, chain...)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = drivers.Call[storage.Bucket](t.Context(), conn, storage.CreateBucket{Name: "bbb"})
	must(t, err)
	return conn
}

// folderCloud is the driver "local", with a bucket "b".
func folderCloud(t testing.TB) *drivers.Conn {
	t.Helper()
	conn, err := local.Provider().Open(t.Context(), "local", map[string]any{"root": t.TempDir()})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = drivers.Call[storage.Bucket](t.Context(), conn, storage.CreateBucket{Name: "bbb"})
	must(t, err)
	return conn
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func folder(t testing.TB) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return root
}

// random is bytes that differ from one seed to another.
func random(seed, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032d", seed))).Read(b)
	return b
}

// tree is names and what they hold.
type tree map[string][]byte

var sample = tree{"a.txt": []byte("a"), "dir/b c.txt": []byte("bc"), "dir/é.bin": random(1, 100_000), "dir/sub/empty": {}, "dir-x": []byte("x"), "z": random(2, 3<<20)}

func (tr tree) write(t testing.TB, root *os.Root) {
	t.Helper()
	for name, b := range tr {
		must(t, root.MkdirAll(filepath.Dir(name), 0o777))
		must(t, root.WriteFile(name, b, 0o666))
	}
}

func (tr tree) put(t testing.TB, conn *drivers.Conn, prefix string) {
	t.Helper()
	for name, b := range tr {
		_, err := drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "bbb", Name: prefix + name, Body: bytes.NewReader(b), ContentType: "text/x-test", Metadata: map[string]string{"k": "v"}})
		must(t, err)
	}
}

func onDisk(t testing.TB, root *os.Root) tree {
	t.Helper()
	tr := tree{}
	must(t, fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			tr[name], err = root.ReadFile(name)
		}
		return err
	}))
	return tr
}

func inBucket(t testing.TB, conn *drivers.Conn, prefix string) tree {
	t.Helper()
	return read(t, conn, "bbb", prefix)
}

func read(t testing.TB, conn *drivers.Conn, bucket, prefix string) tree {
	t.Helper()
	tr := tree{}
	for o, err := range drivers.List[storage.Object](t.Context(), conn, storage.ListObjects{Bucket: bucket, Prefix: prefix}) {
		must(t, err)
		d, err := drivers.Call[storage.Download](t.Context(), conn, storage.ReadObject{Bucket: bucket, Name: o.Name})
		must(t, err)
		b, err := io.ReadAll(d.Body)
		must(t, err)
		must(t, d.Body.Close())
		tr[strings.TrimPrefix(o.Name, prefix)] = b
	}
	return tr
}

func (tr tree) equal(t testing.TB, want tree) {
	t.Helper()
	if got, names := slices.Sorted(maps.Keys(tr)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, names) {
		t.Errorf("there are %q, want %q", got, names)
		return
	}
	for name, b := range want {
		if sha256.Sum256(tr[name]) != sha256.Sum256(b) {
			t.Errorf("%s differs: %d bytes, want %d", name, len(tr[name]), len(b))
		}
	}
}

// small makes parts of everything that is larger than 256 KiB.
var small = transfer.Options{PartSize: 256 << 10}

func TestTrees(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *drivers.Conn{
		"sim": func(t testing.TB) *drivers.Conn { return cloud(t) }, "local": folderCloud} {
		t.Run(name, func(t *testing.T) {
			ctx, e := t.Context(), transfer.New(small)
			from, to, conn, other := folder(t), folder(t), open(t), cloud(t)
			sample.write(t, from)
			up := transfer.Job{From: transfer.Files(from, "."), To: transfer.Objects(conn, "bbb", "x/")}
			s, err := e.CopyTree(ctx, up)
			must(t, err)
			if s.Transferred != len(sample) || s.Failed != 0 {
				t.Errorf("uploaded: %+v", s)
			}
			inBucket(t, conn, "x/").equal(t, sample)

			_, err = e.CopyTree(ctx, transfer.Job{From: up.To, To: transfer.Objects(other, "bbb", "")})
			must(t, err)
			inBucket(t, other, "").equal(t, sample)
			_, err = e.CopyTree(ctx, transfer.Job{From: up.To, To: transfer.Objects(conn, "bbb", "y/")})
			must(t, err)
			inBucket(t, conn, "y/").equal(t, sample)

			_, err = e.CopyTree(ctx, transfer.Job{From: transfer.Objects(other, "bbb", ""), To: transfer.Files(to, "deep/er")})
			must(t, err)
			sub, err := to.OpenRoot("deep/er")
			must(t, err)
			defer sub.Close()
			onDisk(t, sub).equal(t, sample)

			s, err = e.Remove(ctx, transfer.Job{From: up.To})
			must(t, err)
			if left := inBucket(t, conn, "x/"); s.Deleted != len(sample) || len(left) != 0 {
				t.Errorf("removed: %+v; left are %d", s, len(left))
			}
		})
	}
}

func TestSync(t *testing.T) {
	ctx, e := t.Context(), transfer.New(small)
	root, conn := folder(t), cloud(t)
	sample.write(t, root)
	job := transfer.Job{From: transfer.Files(root, "."), To: transfer.Objects(conn, "bbb", "")}
	sync := func(transferred, unchanged, deleted int) {
		t.Helper()
		s, err := e.Sync(ctx, job)
		must(t, err)
		if s.Transferred != transferred || s.Unchanged != unchanged || s.Deleted != deleted {
			t.Errorf("%+v; want %d moved, %d unchanged, %d deleted", s, transferred, unchanged, deleted)
		}
	}
	n := len(sample)
	job.DryRun = true
	sync(n, 0, 0)
	inBucket(t, conn, "").equal(t, tree{})
	job.DryRun = false
	sync(n, 0, 0)
	sync(0, n, 0)

	// Another size; a newer time; one that is gone; one that came.
	must(t, root.WriteFile("a.txt", []byte("another"), 0o666))
	later := time.Now().Add(time.Hour)
	must(t, root.Chtimes("dir-x", later, later))
	must(t, root.Remove("z"))
	must(t, root.WriteFile("new", []byte("new"), 0o666))
	sync(3, n-3, 0)
	job.Delete, job.DryRun = true, true
	sync(1, n-1, 1) // dir-x is still newer
	job.DryRun = false
	job.Filter.Exclude = []string{"z"}
	sync(1, n-1, 0)
	job.Filter = transfer.Filter{}
	job.Compare = transfer.Size
	sync(0, n, 1)
	inBucket(t, conn, "").equal(t, onDisk(t, root))

	// The same size and an older time: only the checksum tells.
	must(t, root.WriteFile("new", []byte("wen"), 0o666))
	must(t, root.Chtimes("new", time.Unix(0, 0), time.Unix(0, 0)))
	job.Compare = transfer.Newer
	sync(1, n-1, 0) // dir-x
	job.Compare = transfer.Checksum
	sync(1, n-1, 0)
	inBucket(t, conn, "").equal(t, onDisk(t, root))

	// And back, over what is there, less what is not.
	must(t, root.WriteFile("dir/extra", nil, 0o666))
	must(t, root.MkdirAll("gone/deep", 0o777))
	must(t, root.WriteFile("gone/deep/file", nil, 0o666))
	want := inBucket(t, conn, "")
	job.From, job.To = job.To, job.From
	sync(0, n, 2)
	onDisk(t, root).equal(t, want)
	if _, err := root.Stat("gone"); err == nil {
		t.Error("the folder that was emptied is still there")
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		include, exclude []string
		name             string
		want             bool
	}{
		{nil, nil, "a/b", true},
		{[]string{"*.go"}, nil, "a/b.go", true},
		{[]string{"*.go"}, nil, "a/b.c", false},
		{[]string{"a/*.go"}, nil, "a/x/b.go", false},
		{[]string{"a/**"}, nil, "a/x/b.go", true},
		{[]string{"/b.go"}, nil, "a/b.go", false},
		{nil, []string{"*.tmp", "cache/**"}, "x.tmp", false},
		{nil, []string{"*.tmp", "cache/**"}, "cache/a", false},
		{nil, []string{"*.tmp", "cache/**"}, "x/cache/a", true},
		{[]string{"*.go"}, []string{"b*"}, "b.go", false},
	} {
		if got := (transfer.Filter{Include: c.include, Exclude: c.exclude}).Match(c.name); got != c.want {
			t.Errorf("include %q exclude %q: %q is %v", c.include, c.exclude, c.name, got)
		}
	}
}

// TestNames: no name leads out of the folder, and the object is told.
func TestNames(t *testing.T) {
	ctx, conn := t.Context(), cloud(t)
	bad := []string{"../x", "a/../../x", "/etc/x", "a//b", "a/./b", "..", "."}
	good := tree{"fine": []byte("1"), "..a/b..": []byte("2")}
	good.put(t, conn, "")
	for _, name := range bad {
		tree{name: []byte("evil")}.put(t, conn, "")
	}
	_, err := drivers.Call[storage.Object](ctx, conn, storage.PutObject{Bucket: "bbb", Name: "folder/", Body: strings.NewReader("")})
	must(t, err)
	root := folder(t)
	must(t, os.Symlink(t.TempDir(), filepath.Join(root.Name(), "link")))
	tree{"link/out": []byte("evil")}.put(t, conn, "")
	s, err := transfer.New(small).CopyTree(ctx, transfer.Job{From: transfer.Objects(conn, "bbb", ""), To: transfer.Files(root, ".")})
	if s.Failed != len(bad)+1 || s.Transferred != len(good) || err == nil {
		t.Errorf("%+v, %v", s, err)
	}
	for _, name := range bad {
		if !slices.ContainsFunc(s.Errors, func(f transfer.Failed) bool { return strings.HasSuffix(f.Name, "bbb/"+name) }) {
			t.Errorf("no error names %q: %+v", name, s.Errors)
		}
	}
	onDisk(t, root).equal(t, good)
}

func TestProperties(t *testing.T) {
	ctx, e, a, b := t.Context(), transfer.New(small), cloud(t), cloud(t)
	tr := tree{"small": []byte("s"), "large": random(3, 1<<20)}
	tr.put(t, a, "")
	_, err := e.CopyTree(ctx, transfer.Job{From: transfer.Objects(a, "bbb", ""), To: transfer.Objects(b, "bbb", "")})
	must(t, err)
	for name := range tr {
		o, err := drivers.Call[storage.Object](ctx, b, storage.GetObject{Bucket: "bbb", Name: name})
		must(t, err)
		if o.ContentType != "text/x-test" || o.Metadata["k"] != "v" {
			t.Errorf("%s has become %+v", name, o)
		}
	}
	root := folder(t)
	tree{"page.html": []byte("<p>")}.write(t, root)
	_, err = e.Copy(ctx, transfer.Job{From: transfer.Files(root, "page.html"), To: transfer.Objects(b, "bbb", "index"), Metadata: map[string]string{"a": "b"}})
	must(t, err)
	o, err := drivers.Call[storage.Object](ctx, b, storage.GetObject{Bucket: "bbb", Name: "index"})
	must(t, err)
	if !strings.HasPrefix(o.ContentType, "text/html") || o.Metadata["a"] != "b" {
		t.Errorf("uploaded, it is %+v", o)
	}
	_, err = e.Copy(ctx, transfer.Job{From: transfer.Files(root, "page.html"), To: transfer.Objects(b, "bbb", "index"), IfAbsent: true})
	if op.KindOf(err) != op.AlreadyExists {
		t.Errorf("if_absent: %v", err)
	}
	_, err = e.Copy(ctx, transfer.Job{From: transfer.Objects(b, "bbb", "nothing"), To: transfer.Files(root, "x")})
	if op.KindOf(err) != op.NotFound {
		t.Errorf("what is not there: %v", err)
	}
}

// counting counts the requests of one operation, and fails some.
type counting struct {
	mu   sync.Mutex
	n    map[string]int
	fail func(name string, n int) error
}

func (c *counting) intercept(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	c.mu.Lock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[r.Op.Name]++
	n := c.n[r.Op.Name]
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		if err := fail(r.Op.Name, n); err != nil {
			return nil, err
		}
	}
	return next(ctx, r)
}

func (c *counting) reset(fail func(name string, n int) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n, c.fail = nil, fail
}

// TestResume: what was interrupted goes on where it was.
func TestResume(t *testing.T) {
	ctx := t.Context()
	o := small
	o.State = t.TempDir()
	o.Concurrency = 4 // so that one is done before the fifth begins, and fails
	e := transfer.New(o)
	count := &counting{}
	conn, root := cloud(t, count.intercept), folder(t)
	body := tree{"large": random(4, 10*256<<10+7)}
	body.write(t, root)
	up := transfer.Job{From: transfer.Files(root, "large"), To: transfer.Objects(conn, "bbb", "large")}
	broken := func(name string) func(string, int) error {
		return func(called string, n int) error {
			if called == name && n > 4 {
				return op.Errorf(op.PermissionDenied, "no more than four")
			}
			return nil
		}
	}
	count.reset(broken("upload_part"))
	if _, err := e.Copy(ctx, up); op.KindOf(err) != op.PermissionDenied {
		t.Fatal(err)
	}
	count.reset(nil)
	s, err := e.Copy(ctx, up)
	must(t, err)
	if s.Resumed < 256<<10 || count.n["upload_part"]+int((s.Resumed+256<<10-1)>>18) != 11 || count.n["create_multipart_upload"] != 0 {
		t.Errorf("resumed: %+v, requests %v", s, count.n)
	}
	inBucket(t, conn, "").equal(t, body)
	if left, _ := os.ReadDir(o.State); len(left) != 0 {
		t.Errorf("left in the state are %v", left)
	}

	// A source that has changed is begun anew, and the old parts are gone.
	count.reset(broken("upload_part"))
	e.Copy(ctx, up)
	count.reset(nil)
	body = tree{"large": random(5, 10*256<<10+8)}
	body.write(t, root)
	s, err = e.Copy(ctx, up)
	must(t, err)
	if s.Resumed != 0 {
		t.Errorf("another file was resumed: %+v", s)
	}
	inBucket(t, conn, "").equal(t, body)
	for u, err := range drivers.List[storage.Upload](ctx, conn, storage.ListMultipartUploads{Bucket: "bbb"}) {
		t.Errorf("left is %+v, %v", u, err)
	}

	// Downloads.
	down := transfer.Job{From: up.To, To: transfer.Files(root, "copy")}
	count.reset(broken("read_object"))
	if _, err := e.Copy(ctx, down); op.KindOf(err) != op.PermissionDenied {
		t.Fatal(err)
	}
	if _, err := root.Stat("copy"); err == nil {
		t.Error("a file that is not whole has its name")
	}
	count.reset(nil)
	s, err = e.Copy(ctx, down)
	must(t, err)
	if s.Resumed < 256<<10 || count.n["read_object"]+int((s.Resumed+256<<10-1)>>18) != 11 {
		t.Errorf("resumed: %+v, requests %v", s, count.n)
	}
	onDisk(t, root).equal(t, tree{"large": body["large"], "copy": body["large"]})

	// Between providers.
	there := cloud(t, count.intercept)
	over := transfer.Job{From: up.To, To: transfer.Objects(there, "bbb", "large")}
	count.reset(broken("upload_part"))
	if _, err := e.Copy(ctx, over); op.KindOf(err) != op.PermissionDenied {
		t.Fatal(err)
	}
	count.reset(nil)
	s, err = e.Copy(ctx, over)
	must(t, err)
	if s.Resumed < 256<<10 {
		t.Errorf("resumed: %+v", s)
	}
	inBucket(t, there, "").equal(t, body)

	// Without a state, nothing is left of what failed.
	count.reset(broken("upload_part"))
	if _, err := transfer.New(small).Copy(ctx, up); op.KindOf(err) != op.PermissionDenied {
		t.Fatal(err)
	}
	count.reset(nil)
	for u, err := range drivers.List[storage.Upload](ctx, conn, storage.ListMultipartUploads{Bucket: "bbb"}) {
		t.Errorf("left is %+v, %v", u, err)
	}
	inBucket(t, conn, "").equal(t, body)
}

// TestWithin: a tree that is copied into a part of itself is copied once, and one of
// whose parts becomes the whole is not deleted for it.
func TestWithin(t *testing.T) {
	ctx, e, conn := t.Context(), transfer.New(small), cloud(t)
	sample.put(t, conn, "")
	in := func(name string) transfer.Location { return transfer.Objects(conn, "bbb", name) }
	for range 2 { // the second time, it is there
		s, err := e.CopyTree(ctx, transfer.Job{From: in(""), To: in("dir/copy/")})
		must(t, err)
		if s.Transferred != len(sample) {
			t.Errorf("%+v", s)
		}
		inBucket(t, conn, "dir/copy/").equal(t, sample)
	}
	s, err := e.Sync(ctx, transfer.Job{From: in("dir/copy/"), To: in(""), Delete: true, Compare: transfer.Size})
	must(t, err)
	if s.Unchanged != len(sample) || s.Deleted != 0 {
		t.Errorf("%+v", s)
	}
	_, err = e.Sync(ctx, transfer.Job{From: in("dir/copy/dir/"), To: in(""), Delete: true, Compare: transfer.Size})
	must(t, err)
	want := tree{}
	for name, b := range sample {
		if rest, ok := strings.CutPrefix(name, "dir/"); ok {
			want[rest], want["dir/copy/"+name] = b, b
		}
	}
	inBucket(t, conn, "").equal(t, want)
}

// TestRemoveUploads: what was neither completed nor aborted is found and removed.
func TestRemoveUploads(t *testing.T) {
	ctx, conn := t.Context(), cloud(t)
	for _, name := range []string{"a/1", "a/2", "b"} {
		_, err := drivers.Call[storage.Upload](ctx, conn, storage.CreateMultipartUpload{Bucket: "bbb", Name: name})
		must(t, err)
	}
	e := transfer.New(small)
	job := transfer.Job{From: transfer.Objects(conn, "bbb", "a/")}
	if s, err := e.RemoveUploads(ctx, job, time.Hour); err != nil || s.Deleted != 0 {
		t.Errorf("of an hour: %+v, %v", s, err)
	}
	if s, err := e.RemoveUploads(ctx, job, 0); err != nil || s.Deleted != 2 {
		t.Errorf("all: %+v, %v", s, err)
	}
}
