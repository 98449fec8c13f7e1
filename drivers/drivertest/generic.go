package drivertest

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// The tests in this file follow from the table alone: an operation that is
// added to a contract is covered by them at once.

// unsupported: what the provider lacks says so, by name.
func (s *suite) unsupported(t *testing.T) {
	for _, o := range s.family.Ops {
		if s.conn.Provider.Offers(o) {
			continue
		}
		err := s.invoke(t.Context(), s.conn, o, reflect.Zero(o.In().Go).Interface())
		if wantKind(t, err, op.Unsupported); err != nil && !strings.Contains(err.Error(), o.Name) {
			t.Errorf("the message does not name %s: %v", o.Name, err)
		}
	}
}

// interrupted: no operation begins once its context has ended.
func (s *suite) interrupted(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, o := range s.conn.Provider.Operations() {
		t.Run(o.Name, func(t *testing.T) {
			wantKind(t, s.invoke(canceled, s.conn, o, s.sample(o)), op.Canceled)
			wantKind(t, s.invoke(late, s.conn, o, s.sample(o)), op.Timeout)
		})
	}
}

// notFound: every operation that takes the id of something answers not_found
// when nothing has it. It runs last, when the suite has seen ids of every type.
func (s *suite) notFound(t *testing.T, except map[string][]op.Kind) {
	for _, o := range s.conn.Provider.Operations() {
		refers := slices.ContainsFunc(o.In().Fields, func(f op.Field) bool { return f.Required && f.Ref != "" })
		if !refers {
			continue
		}
		kinds, special := except[o.Name]
		if !special {
			kinds = []op.Kind{op.NotFound}
		}
		s.test(t, o.Name, func(t *testing.T) {
			err := s.settled(func() error { return s.invoke(refusing(t.Context()), s.conn, o, s.sample(o)) })
			if err == nil && (slices.Contains(kinds, "") || s.Faulty && o.Effect == op.Deletes) {
				return
			}
			wantKind(t, err, kinds...)
		}, o.Name)
	}
}

// invoke performs any operation; of a list it wants one item.
func (s *suite) invoke(ctx context.Context, c *drivers.Conn, o *op.Op, in any) error {
	if o.Shape == op.ShapeList || o.Shape == op.ShapeStream {
		for _, err := range c.Items(ctx, o, in) {
			return err
		}
		return nil
	}
	_, err := c.Do(ctx, o, in)
	return err
}

// sample makes an input for o that is right in itself, and whose references
// lead to nothing.
func (s *suite) sample(o *op.Op) any {
	v := reflect.New(o.In().Go).Elem()
	for _, f := range o.In().Fields {
		if !f.Required {
			continue
		}
		fv := v.FieldByIndex(f.Index)
		switch fv.Kind() {
		case reflect.String:
			fv.SetString(s.sampleText(f))
		case reflect.Slice:
			fv.Set(reflect.MakeSlice(fv.Type(), 1, 1))
			if fv.Index(0).Kind() == reflect.String {
				fv.Index(0).SetString(s.sampleText(f))
			}
		case reflect.Int, reflect.Int64:
			fv.SetInt(100)
		case reflect.Interface:
			fv.Set(reflect.ValueOf(io.Reader(strings.NewReader("x"))))
		}
	}
	return v.Interface()
}

func (s *suite) sampleText(f op.Field) string {
	switch {
	case f.Ref != "":
		return s.missing(f.Ref)
	case f.Name == "cidr":
		return "10.0.0.0/24"
	case f.Name == "ip":
		return "10.0.0.9"
	case f.Name == "public_key":
		return publicKey()
	}
	return s.name("sample")
}

// missing makes an id that looks like those of the provider, and that nothing has.
func (s *suite) missing(ref string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "cloudlark-nothing"
	for known := range s.ids[ref] {
		// The shortest is the one least likely to be a person's.
		if id == "cloudlark-nothing" || len(known) < len(id) {
			id = known
		}
	}
	for range 10 {
		if id = turn(id); !s.ids[ref][id] {
			break
		}
	}
	return id
}

// turn changes the last eight digits and letters of an id to others of their
// sort, so that hexadecimal stays hexadecimal.
func turn(id string) string {
	b := []byte(id)
	for i, left := len(b)-1, 8; i >= 0 && left > 0; i-- {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			b[i] = '0' + (c-'0'+7)%10
		case c >= 'a' && c <= 'f':
			b[i] = 'a' + (c-'a'+1)%6
		case c >= 'g' && c <= 'z':
			b[i] = 'g' + (c-'g'+1)%20
		default:
			continue
		}
		left--
	}
	return string(b)
}

// filters checks the filters of the list in, an input that may hold what the
// list requires, with item, a value that it must give: each filter whose field
// the item has is used alone, with what the item has there.
func filters[Out any](t *testing.T, s *suite, in any, item Out) {
	t.Helper()
	o, _ := s.family.For(in)
	if !s.conn.Provider.Offers(o) {
		return
	}
	have := reflect.ValueOf(item)
	for _, f := range o.In().Fields {
		out := o.Out().Field(f.Name)
		if !f.Filter || out == nil {
			continue
		}
		value := have.FieldByIndex(out.Index)
		if value.IsZero() || value.Kind() == reflect.Map && value.Len() == 0 {
			continue
		}
		with := reflect.New(o.In().Go).Elem()
		with.Set(reflect.ValueOf(in))
		with.FieldByIndex(f.Index).Set(onePair(value))
		s.test(t, "filter_"+f.Name, func(t *testing.T) {
			until(t, s, fmt.Sprintf("%s with %s to give the %s", o.Name, f.Name, o.Out().Name), func(ctx context.Context) (bool, error) {
				found := false
				for v, err := range drivers.List[Out](ctx, s.conn, with.Interface()) {
					if err != nil {
						return false, err
					}
					got := reflect.ValueOf(v)
					if !match(with.FieldByIndex(f.Index), got.FieldByIndex(out.Index)) {
						t.Errorf("%s with %s = %v gives %+v", o.Name, f.Name, with.FieldByIndex(f.Index), v)
					}
					found = found || o.Out().Identity(got) == o.Out().Identity(have)
				}
				return found, nil
			}, func(found bool) bool { return found })
			s.mu.Lock()
			s.filtered[o.Name+"."+f.Name] = true
			s.mu.Unlock()
		}, o.Name)
	}
}

// onePair is a map with one of the value's pairs; another value is itself.
func onePair(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Map {
		return v
	}
	m := reflect.MakeMap(v.Type())
	for _, k := range v.MapKeys()[:1] {
		m.SetMapIndex(k, v.MapIndex(k))
	}
	return m
}

func match(want, have reflect.Value) bool {
	if want.Kind() != reflect.Map {
		return want.Equal(have)
	}
	for _, k := range want.MapKeys() {
		if v := have.MapIndex(k); !v.IsValid() || !v.Equal(want.MapIndex(k)) {
			return false
		}
	}
	return true
}

// counter counts the requests of one operation that are answered: one that fails
// may be asked again.
type counter struct {
	name string
	n    atomic.Int64
}

func (c *counter) intercept(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	out, err := next(ctx, r)
	if r.Op.Name == c.name && err == nil {
		c.n.Add(1)
	}
	return out, err
}

// paged checks the list in, which must give the wanted identities, more than
// one page of them: in small pages as in one, nothing twice, and nothing
// fetched before it is needed.
func (s *suite) paged(t *testing.T, in any, want []string) {
	t.Helper()
	o, _ := s.family.For(in)
	onePage := s.PageSize == 0 || slices.Contains(s.OnePage, o.Name)
	requests := &counter{name: o.Name}
	conn := s.open(t, s.SmallPages, requests.intercept)

	pages, lengths := 0, []int{}
	seen := map[string]int{}
	for page, err := range conn.Pages(t.Context(), o, in) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		lengths = append(lengths, page.Len())
		if page.Len() > s.PageSize && !onePage {
			t.Errorf("a page of %d items, with pages of %d asked for", page.Len(), s.PageSize)
		}
		for i := range page.Len() {
			seen[o.Out().Identity(reflect.ValueOf(page.At(i)).Elem())]++
		}
	}
	t.Logf("pages of %v items", lengths)
	if n := requests.n.Load(); n != int64(pages) {
		t.Errorf("%d requests for %d pages", n, pages)
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("%q came %d times", id, n)
		}
	}
	for _, id := range want {
		if seen[id] == 0 {
			t.Errorf("%q did not come", id)
		}
	}
	switch {
	case onePage:
		return
	case pages < 2:
		t.Fatalf("%d items came in %d page, with pages of %d asked for", len(seen), pages, s.PageSize)
	}

	// A consumer that stops, stops the fetching.
	requests.n.Store(0)
	for _, err := range conn.Items(t.Context(), o, in) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if n := requests.n.Load(); n >= int64(pages) {
		t.Errorf("%d requests for one item, of %d pages", n, pages)
	}

	// So does a caller that gives up.
	requests.n.Store(0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var err error
	items := 0
	for _, err = range conn.Items(ctx, o, in) {
		if err != nil {
			break
		}
		items++
		cancel()
	}
	wantKind(t, err, op.Canceled)
	if items > s.PageSize {
		t.Errorf("%d items after the caller gave up, of pages of %d", items, s.PageSize)
	}
}

// sameInSmallPages checks of every list that needs no arguments that small
// pages give what large ones do. Others may use the account meanwhile, so only
// what is there before and after counts.
func (s *suite) sameInSmallPages(t *testing.T) {
	if s.PageSize == 0 {
		t.Skipf("%s answers lists with one page", s.conn.Provider.Name)
	}
	small := s.open(t, s.SmallPages)
	for _, o := range s.conn.Provider.Operations() {
		required := slices.ContainsFunc(o.In().Fields, func(f op.Field) bool { return f.Required })
		if o.Shape != op.ShapeList || required {
			continue
		}
		s.test(t, o.Name, func(t *testing.T) {
			in := reflect.Zero(o.In().Go).Interface()
			identities := func(c *drivers.Conn) map[string]int {
				ids := map[string]int{}
				for v, err := range c.Items(t.Context(), o, in) {
					if err != nil {
						t.Fatal(err)
					}
					ids[o.Out().Identity(reflect.ValueOf(v).Elem())]++
				}
				return ids
			}
			before, got, after := identities(s.conn), identities(small), identities(s.conn)
			for id := range before {
				if after[id] > 0 && got[id] != 1 {
					t.Errorf("%q came %d times in small pages", id, got[id])
				}
			}
		}, o.Name)
	}
}

// idempotent checks that two calls with one token create one thing, and that
// a call with another token creates another. create makes the input, the same
// one every time but for the run; remove makes the input that deletes an id.
func idempotent[Out any](t *testing.T, s *suite, in func() any, remove func(id string) any) {
	t.Helper()
	first := in()
	o, _ := s.family.For(first)
	d, ok := s.conn.Driver().(op.Idempotent)
	if !ok || !d.HonoursToken(o) {
		t.Skipf("%s takes no idempotency token for %s", s.conn.Provider.Name, o.Name)
	}
	id := func(token string, in any) string {
		t.Helper()
		out, err := drivers.Call[Out](op.WithToken(t.Context(), token), s.conn, in)
		if err != nil {
			t.Fatal(err)
		}
		id := o.Out().Identity(reflect.ValueOf(out))
		s.cleanup(t, remove(id))
		return id
	}
	token := s.name("token")
	a, b, c := id(token, first), id(token, first), id(s.name("token"), in())
	if a != b {
		t.Errorf("%s twice with one token made %q and %q", o.Name, a, b)
	}
	if a == c {
		t.Errorf("%s with two tokens made only %q", o.Name, a)
	}
}

// together runs f n times at once, as scripts do in parallel.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make(chan error)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// with returns in with a field set, if the provider has something for that
// field. If it has not, it must refuse it.
func with[In any](t *testing.T, s *suite, in In, field string, value any) In {
	t.Helper()
	o, _ := s.family.For(in)
	v := reflect.New(o.In().Go).Elem()
	v.Set(reflect.ValueOf(in))
	v.FieldByIndex(o.In().Field(field).Index).Set(reflect.ValueOf(value))
	if s.Lacks[o.Name+"."+field] == "" {
		return v.Interface().(In)
	}
	_, err := s.conn.Do(t.Context(), o, v.Interface())
	wantKind(t, err, op.InvalidArgument)
	return in
}

// tags are what the suite labels things with.
func (s *suite) tags() map[string]string {
	if s.PlainTags {
		return map[string]string{"cloudlark-run": s.run, "purpose": "conformance-test"}
	}
	return map[string]string{"cloudlark-run": s.run, "purpose": "conformance test"}
}

// native: the provider's own API answers, and what a call does is known before
// it is made.
func (s *suite) native(t *testing.T) {
	if s.Native.Operation == "" || s.NativeChange == "" {
		t.Fatal("Harness.Native and Harness.NativeChange are needed for native")
	}
	answer := Call[native.Answer](t, s.conn, s.Native)
	if answer.Value == nil {
		t.Errorf("%s answers with nothing", s.Native.Operation)
	}
	var effects []op.Effect
	watched := s.conn.With(func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		effects = append(effects, r.Effect())
		if r.Effect() != op.Reads {
			return nil, &op.Error{Kind: op.PermissionDenied, Provider: r.Provider, Op: r.Op.Name, Message: "only what reads"}
		}
		return next(ctx, r)
	})
	Call[native.Answer](t, watched, s.Native)
	_, err := drivers.Call[native.Answer](t.Context(), watched, native.Call{Operation: s.NativeChange})
	wantKind(t, err, op.PermissionDenied)
	if len(effects) != 2 || effects[0] != op.Reads || effects[1] == op.Reads {
		t.Errorf("the effects of %s and %s are %v", s.Native.Operation, s.NativeChange, effects)
	}
	_, err = drivers.Call[native.Answer](t.Context(), s.conn, native.Call{Operation: "nonsense of " + s.run})
	wantKind(t, err, op.InvalidArgument)
	s.test(t, "pages", func(t *testing.T) {
		in := native.Pages(s.Native)
		if s.NativePages.Operation != "" {
			in = native.Pages(s.NativePages)
		}
		pages := list[native.Answer](t, s.conn, in)
		if len(pages) == 0 || s.NativePages.Operation != "" && len(pages) < 2 {
			t.Errorf("%s has %d pages", in.Operation, len(pages))
		}
		for _, err := range drivers.List[native.Answer](t.Context(), s.conn, native.Pages{Operation: s.NativeChange}) {
			wantKind(t, err, op.InvalidArgument)
		}
	}, "native_pages")
}
