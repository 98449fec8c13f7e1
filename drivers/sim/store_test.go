//go:build !wasip1

package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// The test's program is also the second process of tests that need one.
func TestMain(m *testing.M) {
	if folder := os.Getenv("SIM_TEST_FOLDER"); folder != "" {
		if err := busy(folder, os.Getenv("SIM_TEST_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// busy uses the cloud in a folder until it has made 40 volumes and objects, and
// says each on its output once it is there.
func busy(folder, name string) error {
	ctx := context.Background()
	ps := Providers(Options{State: folder})
	c, err := provider(ps, compute.Family).Open(ctx, "sim", nil)
	if err != nil {
		return err
	}
	s, err := provider(ps, storage.Family).Open(ctx, "sim", nil)
	if err != nil {
		return err
	}
	if _, err := drivers.Call[storage.Bucket](ctx, s, storage.CreateBucket{Name: "shared"}); err != nil && !errors.Is(err, op.AlreadyExists) {
		return err
	}
	for i := range 40 {
		v, err := drivers.Call[compute.Volume](ctx, c, compute.CreateVolume{Name: name, Size: 1})
		if err != nil {
			return err
		}
		fmt.Println("volume", v.ID)
		in := storage.PutObject{Bucket: "shared", Name: fmt.Sprintf("%s-%d", name, i), Body: strings.NewReader(strings.Repeat(name, 30_000))}
		if _, err := drivers.Call[storage.Object](ctx, s, in); err != nil {
			return err
		}
		fmt.Println("object", in.Name)
		// An object that is replaced again and again leaves bodies behind.
		in = storage.PutObject{Bucket: "shared", Name: "changing", Body: strings.NewReader(strings.Repeat(fmt.Sprint(i%10), 1000))}
		if _, err := drivers.Call[storage.Object](ctx, s, in); err != nil {
			return err
		}
	}
	return nil
}

// process starts busy in a process of its own, which is killed when ctx ends.
func process(ctx context.Context, t *testing.T, folder, name string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "SIM_TEST_FOLDER="+folder, "SIM_TEST_NAME="+name)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return cmd, out
}

// holdsAll checks that everything is there that processes said they had made,
// and whole.
func holdsAll(t *testing.T, folder, said string) {
	t.Helper()
	ps := Providers(Options{State: folder})
	c, s := open(t, ps, compute.Family, nil), open(t, ps, storage.Family, nil)
	seen := map[string]bool{}
	for line := range strings.Lines(said) {
		kind, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		if seen[line] {
			t.Errorf("%s %s was made twice", kind, id)
		}
		seen[line] = true
		var err error
		if kind == "volume" {
			_, err = drivers.Call[compute.Volume](t.Context(), c, compute.GetVolume{Volume: id})
		} else {
			_, err = body(t, s, "shared", id)
		}
		if err != nil {
			t.Errorf("%s %s was made, but: %v", kind, id, err)
		}
	}
	for o, err := range drivers.List[storage.Object](t.Context(), s, storage.ListObjects{Bucket: "shared"}) {
		if errors.Is(err, op.NotFound) && said == "" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, err := body(t, s, "shared", o.Name); err != nil || int64(len(b)) != o.Size {
			t.Errorf("object %s has %d bytes of %d: %v", o.Name, len(b), o.Size, err)
		}
	}
}

func body(t *testing.T, s *drivers.Conn, bucket, name string) ([]byte, error) {
	t.Helper()
	d, err := drivers.Call[storage.Download](t.Context(), s, storage.ReadObject{Bucket: bucket, Name: name})
	if err != nil {
		return nil, err
	}
	defer d.Body.Close()
	return io.ReadAll(d.Body)
}

func TestTwoProcesses(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state") // made by whoever is first
	var cmds []*exec.Cmd
	var outs []*bytes.Buffer
	for i := range 3 {
		cmd, out := process(t.Context(), t, folder, fmt.Sprint("p", i))
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	var said strings.Builder
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		said.Write(outs[i].Bytes())
	}
	if n := strings.Count(said.String(), "\n"); n != 3*80 {
		t.Errorf("%d things were made, want %d", n, 3*80)
	}
	holdsAll(t, folder, said.String())
}

// TestKill ends processes at any moment: what they said they had made is
// there, and nothing is half there.
func TestKill(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	var said strings.Builder
	for i := range 25 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(60))*time.Millisecond)
		first, out1 := process(ctx, t, folder, fmt.Sprintf("first-%d", i))
		second, out2 := process(ctx, t, folder, fmt.Sprintf("second-%d", i))
		for _, cmd := range []*exec.Cmd{first, second} {
			if err := cmd.Wait(); cmd.ProcessState != nil && cmd.ProcessState.ExitCode() > 0 {
				t.Errorf("it ended by itself: %v", err) // a killed one has no exit status
			}
		}
		cancel()
		for _, out := range []*bytes.Buffer{out1, out2} {
			// The last line may be cut off.
			whole := out.String()[:strings.LastIndex(out.String(), "\n")+1]
			said.WriteString(whole)
		}
	}
	t.Logf("%d things were made", strings.Count(said.String(), "\n"))
	holdsAll(t, folder, said.String())

	// What they left is collected, once it is old enough to be nobody's.
	uploads := filepath.Join(folder, uploadsFolder)
	entries, err := os.ReadDir(uploads)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * abandoned)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(uploads, e.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	holdsAll(t, folder, said.String())
	if left, _ := os.ReadDir(uploads); len(left) > 0 {
		t.Errorf("of %d uploads, %d were left", len(entries), len(left))
	}
	// And so are bodies that nothing names any more, a minute later.
	w := open(t, Providers(Options{State: folder}), storage.Family, nil).Driver().(storageDriver).world
	w.now = func() time.Time { return time.Now().Add(time.Hour) }
	for range 50 {
		if err := w.update(t.Context(), func(*txn, time.Time) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	named := 0
	err = w.view(t.Context(), func(tx *txn, _ time.Time) error {
		for range bodies.from(tx, "") {
			named++
		}
		return nil
	})
	if files, _ := os.ReadDir(filepath.Join(folder, objectsFolder)); err != nil || len(files) != named {
		t.Errorf("%d files for %d bodies, %v", len(files), named, err)
	}
}

func TestUploadUnderWayIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	s := open(t, Providers(Options{State: folder}), storage.Family, nil)
	if _, err := drivers.Call[storage.Bucket](t.Context(), s, storage.CreateBucket{Name: "bucket"}); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := drivers.Call[storage.Object](t.Context(), s, storage.PutObject{Bucket: "bucket", Name: "slow", Body: r})
		done <- err
	}()
	fmt.Fprint(w, "begin, ")
	other := open(t, Providers(Options{State: folder}), storage.Family, nil) // as another process would
	fmt.Fprint(w, "end")
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if b, err := body(t, other, "bucket", "slow"); err != nil || string(b) != "begin, end" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestRefused: what is no cloud's, or damaged, is refused and stays as it is.
func TestRefused(t *testing.T) {
	// A sound state, with enough in it to be damaged in many places.
	sound := t.TempDir()
	c := open(t, Providers(Options{State: sound}), compute.Family, nil)
	if _, err := drivers.Call[[]compute.Node](t.Context(), c, compute.CreateNodes{Count: 200,
		CreateNode: compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64"}}); err != nil {
		t.Fatal(err)
	}
	database, err := os.ReadFile(filepath.Join(sound, "cloud.db"))
	if err != nil {
		t.Fatal(err)
	}
	bolt := func(change func(tx *bbolt.Tx) error) []byte {
		path := filepath.Join(t.TempDir(), "db")
		db, err := bbolt.Open(path, 0o600, nil)
		if err == nil {
			err = errors.Join(db.Update(change), db.Close())
		}
		data, readErr := os.ReadFile(path)
		if err = errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		return data
	}
	noise := make([]byte, 64<<10)
	rand.NewChaCha8([32]byte{}).Read(noise)
	cases := map[string][]byte{
		"text":          []byte("these are somebody's notes\n"),
		"empty":         {},
		"noise":         noise,
		"a short file":  database[:100],
		"half its head": database[:5000],
		"another database": bolt(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("theirs"))
			return err
		}),
		"a newer version": bolt(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket(markerBucket)
			if err == nil {
				err = b.Put(markerKey, []byte("99"))
			}
			return err
		}),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "cloud.db")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := provider(Providers(Options{State: folder}), compute.Family).Open(t.Context(), "sim", nil)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("want an error that names %s, got %v", path, err)
			}
			untouched(t, path, data)
		})
	}

	// Damage that is not seen at once: every operation works or fails with an
	// error, and never ends the process.
	damage := map[string]func(b []byte) []byte{
		"cut off": func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
	}
	for i := range 60 {
		damage[fmt.Sprintf("noise %d", i)] = func(b []byte) []byte {
			b = bytes.Clone(b)
			at := 8192 + rand.IntN(len(b)-8192-600)
			copy(b[at:at+600], noise[rand.IntN(1000):])
			return b
		}
		damage[fmt.Sprintf("zeros %d", i)] = func(b []byte) []byte {
			b = bytes.Clone(b)
			at := 8192 + rand.IntN(len(b)-8192-4096)
			clear(b[at : at+4096])
			return b
		}
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "cloud.db")
			data := f(database)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := provider(Providers(Options{State: folder}), compute.Family).Open(t.Context(), "sim", nil)
			if err != nil {
				untouched(t, path, data)
				return
			}
			for _, err = range drivers.List[compute.Node](t.Context(), c, compute.ListNodes{}) {
				if err != nil {
					break
				}
			}
			if err != nil {
				if op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), path) {
					t.Errorf("a damaged state gives %v", err)
				}
				untouched(t, path, data)
			}
			before, _ := os.ReadFile(path)
			if _, err := drivers.Call[compute.Network](t.Context(), c, compute.CreateNetwork{Name: "n", CIDR: "10.0.0.0/16"}); err != nil {
				untouched(t, path, before)
			}
		})
	}

	t.Run("a file for a folder", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := provider(Providers(Options{State: path}), compute.Family).Open(t.Context(), "sim", nil)
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
		untouched(t, path, []byte("x"))
	})
	t.Run("a folder of somebody's", func(t *testing.T) {
		folder := t.TempDir()
		path := filepath.Join(folder, "letter.txt")
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := provider(Providers(Options{State: folder}), compute.Family).Open(t.Context(), "sim", nil)
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), folder) {
			t.Errorf("got %v", err)
		}
		if entries, _ := os.ReadDir(folder); len(entries) != 1 {
			t.Errorf("the folder now holds %v", entries)
		}
	})
}

func untouched(t *testing.T, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s was changed: %d bytes, it had %d; %v", path, len(got), len(want), err)
	}
}

// TestDamagedBody flips every byte of a small body's file in turn, and one in
// each block of a large one's.
func TestDamagedBody(t *testing.T) {
	folder := t.TempDir()
	s := open(t, Providers(Options{State: folder}), storage.Family, nil)
	if _, err := drivers.Call[storage.Bucket](t.Context(), s, storage.CreateBucket{Name: "bucket"}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 3*blockSize + 17} {
		in := storage.PutObject{Bucket: "bucket", Name: "o", Body: strings.NewReader(strings.Repeat("x", size))}
		if _, err := drivers.Call[storage.Object](t.Context(), s, in); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(folder, objectsFolder, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("the files are %v, %v", files, err)
		}
		whole, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < size; at += max(1, size/10) {
			bad := bytes.Clone(whole)
			bad[at] ^= 1
			if err := os.WriteFile(files[0], bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := body(t, s, "bucket", "o"); op.KindOf(err) != op.Internal {
				t.Errorf("with byte %d of %d changed: %v", at, size, err)
			}
		}
		if err := os.WriteFile(files[0], whole[:size-1], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := body(t, s, "bucket", "o"); op.KindOf(err) != op.Internal {
			t.Errorf("with the last byte missing: %v", err)
		}
	}
}

// TestStores holds both stores to what a store is.
func TestStores(t *testing.T) {
	folder, err := openFolder(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]store{"memory": newMemory(), "folder": folder} {
		t.Run(name, func(t *testing.T) { testStore(t, s) })
	}
}

func testStore(t *testing.T, s store) {
	const words = table[string]("words")
	all := func() (got []string) {
		err := s.view(t.Context(), func(tx *txn) error {
			got = nil
			for k, v := range words.from(tx, "") {
				got = append(got, k+"="+v)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return got
	}
	put := func(tx *txn) error {
		words.put(tx, "b", "2")
		words.put(tx, "a", "1")
		words.put(tx, "c", "3")
		return nil
	}
	if err := s.update(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if got := all(); !slices.Equal(got, []string{"a=1", "b=2", "c=3"}) {
		t.Errorf("the table is %q", got)
	}
	refused := errors.New("no")
	err := s.update(t.Context(), func(tx *txn) error {
		words.put(tx, "a", "other")
		words.put(tx, "d", "new")
		words.delete(tx, "b")
		words.put(tx, "b", "again")
		words.delete(tx, "c")
		return refused
	})
	if err != refused {
		t.Errorf("want the function's own error, got %v", err)
	}
	if got := all(); !slices.Equal(got, []string{"a=1", "b=2", "c=3"}) {
		t.Errorf("after an update that failed the table is %q", got)
	}
	// Updates that fail among updates that do not, at once.
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			err := s.update(t.Context(), func(tx *txn) error {
				n, _ := counters.get(tx, "n")
				counters.put(tx, "n", n+1)
				if i%3 == 0 {
					return refused
				}
				return nil
			})
			if (err == refused) != (i%3 == 0) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	err = s.view(t.Context(), func(tx *txn) error {
		if n, _ := counters.get(tx, "n"); n != 66 {
			t.Errorf("66 updates counted to %d", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRecordsSurvive writes every record down and reads it again: a field
// without a name of its own in JSON would be lost.
func TestRecordsSurvive(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	n := nodeRecord{Node: compute.Node{ID: "node-1", State: compute.NodePending, Tags: map[string]string{"a": "b"}, CreatedAt: now},
		transition: transition[compute.NodeState]{compute.NodeRunning, now}, UserData: "x", Boots: []time.Time{now}, Gone: now}
	data, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode[nodeRecord](data)
	if err != nil {
		t.Fatal(err)
	}
	if got := *back.(*nodeRecord); fmt.Sprint(got) != fmt.Sprint(n) {
		t.Errorf("%+v came back as %+v", n, got)
	}
}

// TestBusyState: a state that another process holds is waited for as long as
// the context allows.
func TestBusyState(t *testing.T) {
	folder := t.TempDir()
	c := open(t, Providers(Options{State: folder}), compute.Family, nil)
	db, err := bbolt.Open(filepath.Join(folder, "cloud.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = drivers.Call[compute.Network](ctx, c, compute.CreateNetwork{Name: "n", CIDR: "10.0.0.0/16"})
	if op.KindOf(err) != op.Timeout || !strings.Contains(err.Error(), folder) {
		t.Errorf("got %v", err)
	}
}
