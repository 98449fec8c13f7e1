package host

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// TestJournal does what a script does, and looks at what is left.
func TestJournal(t *testing.T) {
	node := func(id, name string) compute.Node { return compute.Node{ID: id, Name: name} }
	object := func(bucket, name string) storage.Object { return storage.Object{Bucket: bucket, Name: name} }
	for _, c := range []struct {
		what  string
		steps []step
		want  []string
	}{
		{"created", []step{{compute.CreateNode{Name: "web"}, node("n-1", "web"), nil}}, []string{`node "web" (n-1) at here`}},
		{"several at once", []step{{compute.CreateNodes{Count: 2}, []compute.Node{node("n-1", "a"), node("n-2", "b")}, nil}},
			[]string{`node "a" (n-1) at here`, `node "b" (n-2) at here`}},
		{"deleted again", []step{{compute.CreateNode{}, node("n-1", "web"), nil}, {compute.DestroyNode{Node: "n-1"}, nil, nil}}, nil},
		{"another deleted", []step{{compute.CreateNode{}, node("n-1", "web"), nil}, {compute.DestroyNode{Node: "n-2"}, nil, nil}}, []string{`node "web" (n-1) at here`}},
		{"not deleted", []step{{compute.CreateNode{}, node("n-1", "web"), nil}, {compute.DestroyNode{Node: "n-1"}, nil, op.Conflict}}, []string{`node "web" (n-1) at here`}},
		{"gone already", []step{{compute.CreateNode{}, node("n-1", "web"), nil}, {compute.DestroyNode{Node: "n-1"}, nil, op.NotFound}}, nil},
		{"refused", []step{{compute.CreateNode{}, nil, op.QuotaExceeded}}, nil},
		{"nobody knows", []step{{compute.CreateNode{Name: "web"}, nil, op.Canceled}}, []string{`node "web" (perhaps) at here`}},
		{"of another type with the same id", []step{{compute.CreateVolume{}, compute.Volume{ID: "1", Name: "v"}, nil}, {compute.DestroyNode{Node: "1"}, nil, nil}}, []string{`volume "v" (1) at here`}},
		{"an object, twice", []step{{storage.PutObject{}, object("b", "x"), nil}, {storage.PutObject{}, object("b", "x"), nil}}, []string{`object "x" (b/x) at here`}},
		{"an object of another bucket", []step{{storage.PutObject{}, object("b", "x"), nil}, {storage.PutObject{}, object("c", "x"), nil}, {storage.DeleteObject{Bucket: "b", Name: "x"}, nil, nil}}, []string{`object "x" (c/x) at here`}},
		{"many objects", []step{{storage.PutObject{}, object("b", "x"), nil}, {storage.PutObject{}, object("b", "y"), nil}, {storage.PutObject{}, object("b", "z"), nil},
			{storage.DeleteObjects{Bucket: "b", Names: []string{"x", "y"}}, storage.Deleted{Count: 1, Failed: []storage.DeletionFailed{{Name: "y"}}}, nil}},
			[]string{`object "y" (b/y) at here`, `object "z" (b/z) at here`}},
		{"a bucket", []step{{storage.CreateBucket{}, storage.Bucket{Name: "b"}, nil}, {storage.PutObject{}, object("b", "b"), nil}, {storage.DeleteBucket{Bucket: "b"}, nil, nil}}, []string{`object "b" (b/b) at here`}},
		{"reads and changes", []step{{compute.GetNode{Node: "n-1"}, node("n-1", "web"), nil}, {compute.RebootNode{Node: "n-1"}, nil, nil}}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			j := &journal{}
			for _, s := range c.steps {
				s.do(t, context.WithValue(t.Context(), journalKey{}, j))
			}
			var got []string
			for _, c := range j.list() {
				got = append(got, c.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("left %q, want %q", got, c.want)
			}
		})
	}
}

// A step is an operation and its answer.
type step struct {
	in, out any
	err     error
}

func (s step) do(t *testing.T, ctx context.Context) {
	t.Helper()
	o, ok := compute.Family.For(s.in)
	if !ok {
		o, ok = storage.Family.For(s.in)
	}
	if !ok {
		t.Fatalf("no operation takes a %T", s.in)
	}
	r := &op.Request{Op: o, Provider: "puppet", Connection: "here", In: s.in}
	_, err := journaled(ctx, r, func(context.Context, *op.Request) (any, error) { return s.out, s.err })
	if err != s.err {
		t.Fatal(err)
	}
}

// TestInterruptedCreate: what was cut off before it was asked for is in no doubt.
func TestInterruptedCreate(t *testing.T) {
	j := &journal{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), journalKey{}, j))
	cancel()
	step{compute.CreateNode{Name: "web"}, nil, op.Canceled}.do(t, ctx)
	if left := j.list(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestToldIsBounded(t *testing.T) {
	var many []Created
	for i := range 30 {
		many = append(many, Created{Connection: "here", Type: "object", ID: fmt.Sprint(i)})
	}
	text := stillThereText(many)
	if want := "object (19) at here, and 10 more"; text[len(text)-len(want):] != want {
		t.Error(text)
	}
}

// BenchmarkJournal is 10,000 objects written and deleted again.
func BenchmarkJournal(b *testing.B) {
	put, _ := storage.Family.Lookup("put_object")
	del, _ := storage.Family.Lookup("delete_object")
	for b.Loop() {
		j := &journal{}
		for i := range 10_000 {
			j.created(&op.Request{Op: put}, storage.Object{Bucket: "b", Name: fmt.Sprint(i)})
		}
		for i := range 10_000 {
			j.deleted(&op.Request{Op: del, In: storage.DeleteObject{Bucket: "b", Name: fmt.Sprint(i)}}, nil)
		}
		if len(j.entries) > 0 {
			b.Fatal("something is left")
		}
	}
}
