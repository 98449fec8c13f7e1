// Package drivertest is the conformance suite: what every driver of a family
// must do, whoever wrote it and wherever it runs.
//
// There is one suite per family, and a driver's test is a few lines that open
// the driver and call it:
//
//	func TestConformance(t *testing.T) {
//		provider := sim.Compute(sim.Options{})
//		drivertest.Compute(t, drivertest.Harness{
//			Open: func(t testing.TB, config map[string]any, chain ...op.Interceptor) *drivers.Conn {
//				conn, err := provider.Open(t.Context(), "sim", config, chain...)
//				…
//				return conn
//			},
//			SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
//		})
//	}
//
// Everything goes through the connection that Open returns, so a WASM driver,
// or a driver behind the host's chain, is tested like any other: a harness whose
// Open puts a retrying chain in front of a driver with faults shows that the
// chain hides them.
//
// A test that needs an operation which the provider does not offer is skipped
// by name, and the operation must then answer unsupported. What the provider
// does offer cannot be skipped: at the end, every operation must have succeeded
// at least once, and every filter must have been used. A server that departs
// from the provider it stands for is named in [Harness.Deviations].
package drivertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Harness is what the suite needs to know of a driver.
type Harness struct {
	// Open opens a fresh connection to the same account behind the chain, whose
	// first interceptor is outermost. config goes over the harness's own
	// configuration; it is nil or SmallPages. The suite closes the connection.
	// What the provider insists on, as subnets for a balancer, Open can put into
	// what the suite asks for by [Complete].
	Open func(t testing.TB, config map[string]any, chain ...op.Interceptor) *drivers.Conn

	// Timeout bounds the wait for one change that takes time; a minute if zero.
	Timeout time.Duration

	// SmallPages is the configuration with which lists come in pages of at most
	// PageSize items. PageSize alone is the provider's fixed page. Without
	// PageSize, the provider answers every list with one page; OnePage names the
	// lists for which it does so all the same.
	SmallPages map[string]any
	PageSize   int
	OnePage    []string

	// Deviations names tests, as the output does but without the name of the
	// suite's own test, that the server does not pass although the driver is
	// right: from the name ("nodes/reboot") to what the server does, and the
	// provider's documentation of what it should do. Such a test is skipped with
	// the reason.
	Deviations map[string]string

	// Lacks names arguments and filters that the provider has nothing for
	// ("create_network.tags", "list_networks.tags"), with the reason. The suite
	// does without, and makes sure that such an argument is refused, not passed
	// over. Of "node.key_pair" and "volume.snapshot" it does without the value's
	// field; of "member.port", gives all members of a balancer one port. A state of
	// members that the provider cannot give them is "member.draining" or "member.disabled".
	// Of "health_check.timeout" it leaves the default, and of
	// "health_check.healthy_threshold" it gives the same as the other.
	// Of "log_line.stream" it takes any for either.
	Lacks map[string]string

	// PlainTags says that tags can only be of letters, digits, "-" and "_".
	PlainTags bool

	// UniqueNames says that a name is the identity of what has it, so that no two
	// things of a kind can have the same.
	UniqueNames bool

	// Faulty says that requests fail now and then, and that a chain behind Open
	// repeats what may be repeated. The suite then repeats the rest, as a person
	// would: a change that is not repeatable, a body that cannot be rewound.
	Faulty bool

	// Native is an operation of the provider's own API that reads and has an
	// answer, and NativeChange one that does not read; NativePages reads too, in
	// pages of which there are at least two with SmallPages, if it is given.
	// They are needed where the driver has native.
	Native, NativePages native.Call
	NativeChange        string

	// What things are made from; the suite chooses what is not given.
	Image      string // compute: a node's image; container: an image that can be pulled and run
	Size       string // compute: a node's size
	OtherSize  string // compute: the size to resize a node to
	VolumeSize int    // compute: GiB of the smallest volume; 1 if zero

	// Node makes or finds a compute node of the same provider and returns its
	// id: lb, for balancer_attach_compute_node.
	Node func(t testing.TB) string

	// Command keeps a container of Image running; the image's own if nil. Shell
	// starts a shell command line in it; {"/bin/sh", "-c"} if nil. The container
	// suite looks at what commands write only where Runs says that containers
	// really run.
	Command, Shell []string
	Runs           bool
}

// suite is one run of a family's tests.
type suite struct {
	Harness
	family *op.Family
	root   *testing.T
	conn   *drivers.Conn
	run    string // in every name, so that runs on one server do not meet
	count  atomic.Int64

	mu       sync.Mutex
	done     map[string]bool            // operations that have succeeded
	excused  map[string]string          // operations that only a deviation's test would call
	filtered map[string]bool            // "list_nodes.state": filters that were checked
	applied  map[string]bool            // deviations whose test came up
	ids      map[string]map[string]bool // every id seen, by type
}

func newSuite(t *testing.T, f *op.Family, h Harness) *suite {
	t.Helper()
	if h.Timeout == 0 {
		h.Timeout = time.Minute
	}
	if h.VolumeSize == 0 {
		h.VolumeSize = 1
	}
	if h.Shell == nil {
		h.Shell = []string{"/bin/sh", "-c"}
	}
	b := make([]byte, 4)
	rand.Read(b)
	s := &suite{Harness: h, family: f, root: t, run: hex.EncodeToString(b), done: map[string]bool{}, excused: map[string]string{},
		filtered: map[string]bool{}, applied: map[string]bool{}, ids: map[string]map[string]bool{}}
	s.checkLeaks(t)
	s.conn = s.open(t, nil)
	if s.conn.Provider.Family != f {
		t.Fatalf("%s is of family %s", s.conn.Provider.Name, s.conn.Provider.Family.Name)
	}
	return s
}

// checkLeaks fails the test when goroutines are left after everything that the
// suite opened is closed. Idle HTTP connections are no leak.
func (s *suite) checkLeaks(t *testing.T) {
	if why, ok := s.deviation("leaks"); ok {
		t.Log("leaks are not looked for: " + why)
		return
	}
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
			goleak.IgnoreAnyFunction("net/http.(*http2ClientConn).readLoop")); err != nil {
			t.Errorf("after everything is closed: %v", err)
		}
	})
}

// test runs f as a subtest, unless a deviation names it or the provider lacks
// one of the operations it is about.
func (s *suite) test(t *testing.T, name string, f func(t *testing.T), operations ...string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		if why, ok := s.deviation(s.relative(t)); ok {
			s.excuse(why, operations)
			t.Skip("deviation: " + why)
		}
		for _, o := range operations {
			if !s.offers(o) {
				t.Skipf("%s does not have %s", s.conn.Provider.Name, o)
			}
		}
		f(t)
	})
}

// relative is the name of t without the suite's own.
func (s *suite) relative(t *testing.T) string {
	return strings.TrimPrefix(t.Name(), s.root.Name()+"/")
}

func (s *suite) deviation(name string) (string, bool) {
	why, ok := s.Deviations[name]
	if ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.applied[name] = true
	}
	return why, ok
}

func (s *suite) excuse(why string, operations []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range operations {
		s.excused[o] = why
	}
}

func (s *suite) offers(name string) bool { return s.conn.Provider.Offers(s.op(name)) }

// op is the row of that name; a name that is none is a defect of the suite.
func (s *suite) op(name string) *op.Op {
	o, err := s.family.Lookup(name)
	if err != nil {
		panic(err)
	}
	return o
}

// open opens a connection that the suite watches and closes.
func (s *suite) open(t testing.TB, config map[string]any, chain ...op.Interceptor) *drivers.Conn {
	t.Helper()
	chain = append(chain, s.watch)
	if s.Faulty {
		chain = append(chain, again)
	}
	conn := s.Open(t, config, chain...)
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return conn
}

// watch remembers what was done and seen, and holds every answer and every
// error to what is true of all of them.
func (s *suite) watch(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	out, err := next(ctx, r)
	if err != nil {
		s.checkError(r.Op, err)
		return out, err
	}
	s.mu.Lock()
	s.done[r.Op.Name] = true
	s.mu.Unlock()
	if t := r.Op.Out(); t != nil && r.Op.Shape != op.ShapeStream {
		for v := range values(out) {
			s.checkValue(r.Op, t, v)
		}
	}
	return out, nil
}

// values yields the structs in an answer.
func values(out any) func(yield func(reflect.Value) bool) {
	return func(yield func(reflect.Value) bool) {
		v := reflect.ValueOf(out)
		if p, ok := out.(*op.Page); ok {
			v = reflect.ValueOf(p.Items)
		}
		if v.Kind() != reflect.Slice {
			yield(v)
			return
		}
		for i := range v.Len() {
			if !yield(v.Index(i)) {
				return
			}
		}
	}
}

func (s *suite) checkError(o *op.Op, err error) {
	e, ok := err.(*op.Error)
	switch {
	case !ok:
		s.root.Errorf("%s: the error is a %T, not an *op.Error: %v", o.Name, err, err)
	case !slices.Contains(op.Kinds, e.Kind):
		s.root.Errorf("%s: there is no kind %q: %v", o.Name, e.Kind, err)
	case e.Op != o.Name || e.Provider == "" || e.Message == "":
		s.root.Errorf("%s: the error lacks operation, provider or message: %#v", o.Name, e)
	}
}

// checkValue remembers a value's id, and holds its fields to their type.
func (s *suite) checkValue(o *op.Op, t *op.Type, v reflect.Value) {
	if id := t.ID(); id != nil {
		text := fmt.Sprint(v.FieldByIndex(id.Index))
		if text == "" {
			s.root.Errorf("%s: a %s without %s: %+v", o.Name, t.Name, id.Name, v)
		}
		s.mu.Lock()
		if s.ids[t.Name] == nil {
			s.ids[t.Name] = map[string]bool{}
		}
		s.ids[t.Name][text] = true
		s.mu.Unlock()
	}
	for _, f := range t.Fields {
		if f.Enum == nil || f.Go.Kind() != reflect.String {
			continue
		}
		text := v.FieldByIndex(f.Index).String()
		if text == "" && f.Name == "state" || text != "" && !slices.Contains(f.Enum, text) {
			s.root.Errorf("%s: %s.%s is %q, which it cannot be", o.Name, t.Name, f.Name, text)
		}
	}
}

// name makes a name that nothing else has. It is one that every provider takes.
func (s *suite) name(what string) string {
	return fmt.Sprintf("cloudlark-%s-%s-%d", s.run, what, s.count.Add(1))
}

// interval is how often to look whether a change has happened, at most.
func (s *suite) interval() time.Duration {
	return max(20*time.Millisecond, min(s.Timeout/50, 5*time.Second))
}

// cleanup performs in, an input that undoes something, when t ends. What is
// gone already is fine; what cannot be deleted as it is still in use is tried again.
func (s *suite) cleanup(t testing.TB, in any) {
	o, ok := s.family.For(in)
	if !ok {
		panic(fmt.Sprintf("drivertest: no operation takes a %T", in))
	}
	if !s.conn.Provider.Offers(o) {
		return
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), s.Timeout)
		defer cancel()
		var last error
		err := op.Poll(ctx, s.interval(), func(ctx context.Context) (bool, error) {
			_, last = s.conn.Do(ctx, o, in)
			switch op.KindOf(last) {
			case "", op.NotFound:
				return true, nil
			case op.Conflict:
				return o.Effect != op.Deletes, nil
			}
			return false, last
		})
		if err != nil {
			t.Errorf("cleaning up with %s: %v: %v", o.Name, err, last)
		}
	})
}

// finish checks that the suite was whole: that everything the provider offers
// was done, that every filter was used, and that every deviation named a test.
func (s *suite) finish(t *testing.T) {
	for _, o := range s.conn.Provider.Operations() {
		s.test(t, "coverage/"+o.Name, func(t *testing.T) {
			s.mu.Lock()
			defer s.mu.Unlock()
			why, excused := s.excused[o.Name]
			switch {
			case excused && !s.done[o.Name]:
				t.Skip("deviation: " + why)
			case !s.done[o.Name]:
				t.Errorf("no test has called %s with success", o.Name)
			}
			for _, f := range o.In().Fields {
				if name := o.Name + "." + f.Name; f.Filter && !s.filtered[name] && !excused && s.Lacks[name] == "" {
					t.Errorf("no test has used the filter %s", name)
				}
			}
		})
	}
	if t.Failed() || flag.Lookup("test.run").Value.String() != "" {
		return // then not every test came up
	}
	for _, name := range slices.Sorted(maps.Keys(s.Deviations)) {
		if !s.applied[name] {
			t.Errorf("Deviations: there is no test %q", name)
		}
	}
}

// The helpers below fail the test, so that tests read as what a script does.

func list[Out any](t testing.TB, c *drivers.Conn, in any) []Out {
	t.Helper()
	var all []Out
	for v, err := range drivers.List[Out](t.Context(), c, in) {
		if err != nil {
			t.Fatalf("%s: %v", describe(in), err)
		}
		all = append(all, v)
	}
	return all
}

// describe is an input in a message, cut where it is long.
func describe(in any) string {
	text := fmt.Sprintf("%T%+v", in, in)
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return text
}

// wantKind fails the test unless err is of one of the kinds; the first is what
// is meant, the others are as good.
func wantKind(t testing.TB, err error, kinds ...op.Kind) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("want an error of kind %s, got none", kinds[0])
	case !slices.Contains(kinds, op.KindOf(err)):
		t.Errorf("want an error of kind %s, got %s: %v", kinds[0], op.KindOf(err), err)
	}
}

// until asks get until its answer is right, and returns it. What is not found
// may not be seen yet: some providers take a moment to know what they made.
func until[Out any](t testing.TB, s *suite, what string, get func(ctx context.Context) (Out, error), right func(Out) bool) Out {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.Timeout)
	defer cancel()
	var last Out
	var missing error
	err := op.Poll(ctx, s.interval(), func(ctx context.Context) (bool, error) {
		last, missing = get(ctx)
		if op.KindOf(missing) == op.NotFound {
			return false, nil
		}
		return missing == nil && right(last), missing
	})
	switch {
	case err != nil && missing != nil:
		t.Fatalf("waiting for %s: %v", what, missing)
	case err != nil:
		t.Fatalf("waiting for %s: %v; last seen: %+v", what, err, last)
	}
	return last
}

// listed waits until the list in has a value that is the one, and returns it.
func listed[Out any](t testing.TB, s *suite, in any, is func(Out) bool) Out {
	t.Helper()
	return until(t, s, "it to be in "+describe(in), finder(s.conn, in, is), is)
}

// untilGone asks get until it answers not_found, or what has gone counts as such.
func untilGone[Out any](t testing.TB, s *suite, what string, get func(ctx context.Context) (Out, error), gone func(Out) bool) {
	t.Helper()
	until(t, s, what+" to be gone", func(ctx context.Context) (bool, error) {
		out, err := get(ctx)
		if op.KindOf(err) == op.NotFound {
			return true, nil
		}
		return err == nil && gone(out), err
	}, func(is bool) bool { return is })
}

// never is for untilGone where what is gone is never shown.
func never[Out any](Out) bool { return false }

// getter looks a value up with a get row.
func getter[Out any](c *drivers.Conn, in any) func(ctx context.Context) (Out, error) {
	return func(ctx context.Context) (Out, error) { return drivers.Call[Out](ctx, c, in) }
}

// finder looks a value up in a list.
func finder[Out any](c *drivers.Conn, in any, is func(Out) bool) func(ctx context.Context) (Out, error) {
	return func(ctx context.Context) (Out, error) {
		for v, err := range drivers.List[Out](ctx, c, in) {
			if err != nil || is(v) {
				return v, err
			}
		}
		return *new(Out), op.Errorf(op.NotFound, "no such value in the list")
	}
}
