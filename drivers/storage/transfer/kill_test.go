package transfer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/aws"
	"github.com/cloudlark/cloudlark/drivers/local"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// An end is a Location for another process.
type end struct {
	Driver string         `json:"driver,omitempty"` // empty for a folder of this machine
	Config map[string]any `json:"config,omitempty"`
	Name   string         `json:"name"`            // the folder, or what names begin with
	Stall  bool           `json:"stall,omitempty"` // what is read there comes halfway, and no further
}

// steps are the requests that begin and end in a process, and what it reads of bodies.
// At one of them, or soon after, it is killed: wherever its threads are then.
type steps struct {
	taken atomic.Int64
	Last  int64         `json:"last"` // 0: it lives
	After time.Duration `json:"after"`
}

func (s *steps) step() {
	if s != nil && s.taken.Add(1) == s.Last {
		time.AfterFunc(s.After, func() {
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				p.Kill()
			}
		})
	}
}

// A stepping body's reads are steps.
type stepping struct {
	io.ReadCloser
	steps *steps
}

func (b *stepping) Read(p []byte) (int, error) {
	b.steps.step()
	return b.ReadCloser.Read(p)
}

func (e end) open(ctx context.Context, s *steps) (transfer.Location, *drivers.Conn, error) {
	if e.Driver == "" {
		root, err := os.OpenRoot(e.Name)
		if err != nil {
			return transfer.Location{}, nil, err
		}
		return transfer.Files(root, "."), nil, nil
	}
	p := local.Provider()
	for _, other := range aws.Providers() {
		if other.Name == e.Driver {
			p = other
		}
	}
	// Slow, so that there is a middle to be killed in.
	slow := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if r.Op.Name == "upload_part" || r.Op.Name == "read_object" {
			time.Sleep(10 * time.Millisecond)
		}
		s.step()
		out, err := next(ctx, r)
		s.step()
		if d, ok := out.(storage.Download); ok {
			if e.Stall {
				d.Body = &stalling{d.Body, d.Object.Size / 2}
			}
			d.Body = &stepping{d.Body, s}
			out = d
		}
		return out, err
	}
	conn, err := p.Open(ctx, e.Driver, e.Config, slow)
	if err != nil {
		return transfer.Location{}, nil, err
	}
	return transfer.Objects(conn, "kill", e.Name), conn, nil
}

// A stalling body says so on the standard output when half of it was read, and
// never ends.
type stalling struct {
	io.ReadCloser
	left int64
}

func (b *stalling) Read(p []byte) (int, error) {
	if b.left == 0 {
		fmt.Println("stalled")
		select {}
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// An errand is a job for another process.
type errand struct {
	From, To end
	State    string
	Steps    *steps
}

// done is what a process says at its end.
type done struct {
	transfer.Summary
	Steps int64
}

const errandVariable = "CLOUDLARK_TEST_ERRAND"

func TestMain(m *testing.M) {
	text, ok := os.LookupEnv(errandVariable)
	if !ok {
		os.Exit(m.Run())
	}
	var e errand
	err := json.Unmarshal([]byte(text), &e)
	if e.Steps == nil {
		e.Steps = &steps{}
	}
	var s transfer.Summary
	if err == nil {
		s, err = e.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(done{s, e.Steps.taken.Load()})
}

func (e errand) run(ctx context.Context) (transfer.Summary, error) {
	from, _, err := e.From.open(ctx, e.Steps)
	if err != nil {
		return transfer.Summary{}, err
	}
	to, _, err := e.To.open(ctx, e.Steps)
	if err != nil {
		return transfer.Summary{}, err
	}
	return transfer.New(transfer.Options{PartSize: 5 << 20, State: e.State, Concurrency: 3}).CopyTree(ctx, transfer.Job{From: from, To: to})
}

func (e errand) command(t testing.TB) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(e)
	must(t, err)
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), errandVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd
}

// output is what a process says that comes to its end.
func (e errand) output(t testing.TB) (d done) {
	t.Helper()
	out, err := e.command(t).Output()
	must(t, err)
	must(t, json.Unmarshal(out, &d))
	return d
}

// TestKill kills a process in the middle of a transfer, at fifty points by chance,
// and has another one go on: then every byte is where it belongs, and nothing else
// is left.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred processes")
	}
	const points = 50
	ctx, random := t.Context(), rand.New(rand.NewPCG(seed(t), 2))
	want := tree{"large.bin": random9(), "dir/small": random9()[:70_000], "dir/é": []byte("x")}
	source := folder(t)
	want.write(t, source)
	disk := end{Name: source.Name()}
	folderEnd := func(name string) end {
		return end{Driver: "local", Config: map[string]any{"root": t.TempDir()}, Name: name}
	}
	there := folderEnd("")
	type kind struct {
		what     string
		from, to end
	}
	kinds := []kind{{"to a folder's bucket", disk, there}, {"to files", there, end{}}, {"between two buckets", there, folderEnd("copy/")}}
	if os.Getenv("CI") != "" || lab.Installed("versitygw") {
		s := lab.Versity(t)
		s3 := end{Driver: "s3", Config: s3Config(s, s.Endpoint), Name: "up/"}
		kinds = append(kinds, kind{"to S3", disk, s3}, kind{"S3 to files", s3, end{}})
	}
	for _, e := range []end{there, kinds[2].to, kinds[len(kinds)-1].from} {
		_, conn, err := e.open(ctx, nil)
		must(t, err)
		_, err = drivers.Call[storage.Bucket](ctx, conn, storage.CreateBucket{Name: "kill"})
		if op.KindOf(err) != op.AlreadyExists {
			must(t, err)
		}
		conn.Close()
	}
	resumed, killed, lost := 0, 0, 0
	takes := make([]int64, len(kinds)) // steps
	for i := range points {
		kind := kinds[i%len(kinds)]
		job := errand{From: kind.from, To: kind.to, State: t.TempDir()}
		if job.To.Driver == "" {
			job.To.Name = t.TempDir()
		} else {
			job.To.Name = fmt.Sprintf("%s%d/", job.To.Name, i)
		}
		if job.From.Driver != "" { // what the kind before it has brought there
			job.From.Name = fmt.Sprintf("%s%d/", job.From.Name, i-i%len(kinds)+map[bool]int{true: len(kinds) - 2, false: 0}[job.From.Driver == "s3"])
		}
		if all := &takes[i%len(kinds)]; *all == 0 { // the first shows how many steps it takes
			*all = job.output(t).Steps
		} else {
			job.Steps = &steps{Last: 1 + random.Int64N(*all), After: time.Duration(random.Int64N(int64(10 * time.Millisecond)))}
			if err := job.command(t).Run(); err != nil {
				killed++
			}
			job.Steps = nil
		}
		to, conn, err := job.To.open(ctx, nil)
		must(t, err)
		// What has its name is whole.
		for name, b := range job.have(t, conn) {
			if string(b) != string(want[name]) {
				t.Errorf("%s, point %d: %s has its name, and is not whole: %d bytes", kind.what, i, name, len(b))
			}
		}
		if s := job.output(t); s.Resumed > 0 {
			resumed++
		}
		job.have(t, conn).equal(t, want)
		if t.Failed() {
			t.Fatalf("%s, point %d", kind.what, i)
		}
		lost += job.left(t, to, conn)
		if conn != nil {
			conn.Close()
		}
	}
	t.Logf("%d of %d processes were killed before their end; %d transfers went on where they were; %d uploads were begun and not yet written down", killed, points, resumed, lost)
	if killed < points/2 || resumed == 0 {
		t.Errorf("killed %d, resumed %d: that shows nothing", killed, resumed)
	}
}

// TestKillSmall: what a killed download of a small object has left goes with the
// next one; what a living one writes is let be.
func TestKillSmall(t *testing.T) {
	from := end{Driver: "local", Config: map[string]any{"root": t.TempDir()}}
	_, conn, err := from.open(t.Context(), nil)
	must(t, err)
	defer conn.Close()
	want := tree{"dir/small": random(3, 70_000)}
	_, err = drivers.Call[storage.Bucket](t.Context(), conn, storage.CreateBucket{Name: "kill"})
	must(t, err)
	for name, b := range want {
		_, err = drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "kill", Name: name, Body: bytes.NewReader(b)})
		must(t, err)
	}
	job := errand{From: from, To: end{Name: t.TempDir()}, State: t.TempDir()}
	begin := func() *exec.Cmd {
		stalled := job
		stalled.From.Stall = true
		cmd := stalled.command(t)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "stalled\n" {
			t.Fatalf("it says %q, %v", line, err)
		}
		return cmd
	}
	partial := func() []string {
		there, err := filepath.Glob(filepath.Join(job.To.Name, "dir", ".*.cloudlark"))
		must(t, err)
		return there
	}
	run := func() {
		t.Helper()
		job.output(t)
		job.have(t, nil).equal(t, want)
	}
	one, other := begin(), begin()
	if n := len(partial()); n != 2 {
		t.Fatalf("two processes write %d files", n)
	}
	run()
	if n := len(partial()); n != 2 {
		t.Errorf("of two living processes' files there are %d", n)
	}
	for _, cmd := range []*exec.Cmd{other, one} {
		must(t, cmd.Process.Kill())
		cmd.Wait()
	}
	run()
	if left := partial(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}

	// The first of two comes to its end, and only the second is killed: its file has
	// a name that no later process takes.
	one, other = begin(), begin()
	second := partial()
	must(t, one.Process.Kill())
	one.Wait()
	run() // in its place
	second = slices.DeleteFunc(second, func(name string) bool { return !slices.Contains(partial(), name) })
	must(t, other.Process.Kill())
	other.Wait()
	if len(second) != 1 {
		t.Fatalf("the second process writes %q", second)
	}
	run()
	if left := partial(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

func random9() []byte { return random(9, 42<<20+5) }

// have is what is at the far end, partial files left out.
func (e errand) have(t testing.TB, conn *drivers.Conn) tree {
	t.Helper()
	if conn != nil {
		return read(t, conn, "kill", e.To.Name)
	}
	root, err := os.OpenRoot(e.To.Name)
	must(t, err)
	defer root.Close()
	there := onDisk(t, root)
	for name := range there {
		if strings.HasSuffix(name, ".cloudlark") {
			delete(there, name)
		}
	}
	return there
}

// left checks that nothing is left but what belongs there. An upload that was begun,
// and whose process was killed before it could write that down, is found and removed.
func (e errand) left(t testing.TB, to transfer.Location, conn *drivers.Conn) (lost int) {
	t.Helper()
	state, err := os.ReadDir(e.State)
	must(t, err)
	if len(state) != 0 {
		t.Errorf("left in the state: %v", state)
	}
	if conn == nil {
		must(t, fs.WalkDir(os.DirFS(e.To.Name), ".", func(name string, d fs.DirEntry, err error) error {
			if strings.HasSuffix(name, ".cloudlark") {
				t.Errorf("left: %s", name)
			}
			return err
		}))
		return 0
	}
	s, err := transfer.New(transfer.Options{}).RemoveUploads(t.Context(), transfer.Job{From: to}, 0)
	must(t, err)
	if s.Deleted > 1 {
		t.Errorf("left are %d uploads", s.Deleted)
	}
	return s.Deleted
}
