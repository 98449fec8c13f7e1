package host

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Created is a thing that a run made and has not deleted again.
type Created struct {
	Provider   string // the driver's name
	Connection string
	Op         string // the operation that made it: "create_node"
	Type       string // "node"
	ID         string // empty where nobody knows whether it was made: the call was cut off
	Name       string // empty if such things have no name
}

// String reads `node "web-1" (n-1) at sim`.
func (c Created) String() string {
	var b strings.Builder
	b.WriteString(c.Type)
	if c.Name != "" {
		fmt.Fprintf(&b, " %q", c.Name)
	}
	switch {
	case c.ID == "":
		b.WriteString(" (perhaps)")
	case c.ID != c.Name:
		fmt.Fprintf(&b, " (%s)", c.ID)
	}
	return b.String() + " at " + c.Connection
}

// A journal is what a run has made and not deleted again, in order.
type journal struct {
	mu      sync.Mutex
	entries map[string][]*entry // by place: see (*journal).place
	n       int
}

// An entry is a created thing, and what tells it from others of its id: the
// bucket of an object.
type entry struct {
	Created
	n      int // the order of creation
	scopes map[string]string
}

type journalKey struct{}

// journaled writes down what the run of ctx creates and deletes.
func journaled(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	j, ok := ctx.Value(journalKey{}).(*journal)
	if !ok || r.Op.Effect != op.Creates && r.Op.Effect != op.Deletes || ctx.Err() != nil || op.IsBulk(ctx) {
		return next(ctx, r)
	}
	out, err := next(ctx, r)
	switch {
	case r.Op.Effect == op.Creates && err == nil:
		j.created(r, out)
		j.spent(r)
	case r.Op.Effect == op.Creates && (mayHaveHadEffect(err) || op.KindOf(err) == op.Canceled):
		j.perhaps(r)
	case r.Op.Effect == op.Deletes && (err == nil || op.KindOf(err) == op.NotFound):
		j.deleted(r, out)
	}
	return out, err
}

// place is where an entry is kept: all that a deletion and a creation have in
// common without knowing the type's scopes.
func place(r *op.Request, typ, id string) string {
	return strings.Join([]string{r.Connection, r.Op.Family.Name, typ, id}, "\x00")
}

func (j *journal) created(r *op.Request, out any) {
	t := r.Op.Out()
	if t == nil || t.ID() == nil {
		return
	}
	v := reflect.ValueOf(out)
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			j.add(r, t, v.Index(i))
		}
		return
	}
	j.add(r, t, v)
}

func (j *journal) add(r *op.Request, t *op.Type, v reflect.Value) {
	e := &entry{Created: Created{Provider: r.Provider, Connection: r.Connection, Op: r.Op.Name, Type: t.Name,
		ID: fmt.Sprint(v.FieldByIndex(t.ID().Index)), Name: text(t, v, "name")}, scopes: map[string]string{}}
	key := place(r, t.Name, e.ID)
	for _, f := range t.Fields {
		if f.Scope {
			e.scopes[f.Ref] = fmt.Sprint(v.FieldByIndex(f.Index))
			e.ID = e.scopes[f.Ref] + "/" + e.ID
		}
	}
	j.put(key, e)
}

// perhaps writes down a creation that was cut off.
func (j *journal) perhaps(r *op.Request) {
	t := r.Op.Out()
	if t == nil || t.ID() == nil || r.Op.Idempotent {
		return // what is written over again is not in doubt: it is made again
	}
	name := text(r.Op.In(), reflect.ValueOf(r.In), "name")
	j.put(place(r, t.Name, "\x00"+name), &entry{Created: Created{Provider: r.Provider, Connection: r.Connection, Op: r.Op.Name, Type: t.Name, Name: name}})
}

func (j *journal) put(key string, e *entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, old := range j.entries[key] {
		if e.ID == old.ID && e.ID != "" {
			return // written over
		}
	}
	e.n = j.n
	j.n++
	if j.entries == nil {
		j.entries = map[string][]*entry{}
	}
	j.entries[key] = append(j.entries[key], e)
}

// deleted takes out what a deletion has removed. A row deletes what the last
// of its references means: delete_objects the names, not the bucket.
func (j *journal) deleted(r *op.Request, out any) {
	t, v := r.Op.In(), reflect.ValueOf(r.In)
	refs := map[string]string{}
	var target *op.Field
	for i := range t.Fields {
		if f := &t.Fields[i]; f.Ref != "" {
			target = f
			if f.Go.Kind() == reflect.String {
				refs[f.Ref] = v.FieldByIndex(f.Index).String()
			}
		}
	}
	if target == nil {
		return
	}
	ids, _ := v.FieldByIndex(target.Index).Interface().([]string)
	if ids == nil {
		ids = []string{refs[target.Ref]}
	}
	left := stillThere(out)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range ids {
		if left[id] {
			continue
		}
		key := place(r, target.Ref, id)
		rest := slices.DeleteFunc(j.entries[key], func(e *entry) bool {
			for ref, in := range e.scopes {
				if refs[ref] != in {
					return false
				}
			}
			return true
		})
		if len(rest) == 0 {
			delete(j.entries, key)
		} else {
			j.entries[key] = rest
		}
	}
}

// spent takes out what has become something else.
func (j *journal) spent(r *op.Request) {
	if r.Op.Spent == "" {
		return
	}
	for _, f := range r.Op.In().Fields {
		if f.Ref == r.Op.Spent && f.Go.Kind() == reflect.String {
			j.mu.Lock()
			delete(j.entries, place(r, f.Ref, reflect.ValueOf(r.In).FieldByIndex(f.Index).String()))
			j.mu.Unlock()
		}
	}
}

// stillThere are the ids that the answer of a deletion of many says it could
// not delete: in its list of failures, by name.
func stillThere(out any) map[string]bool {
	left := map[string]bool{}
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Struct {
		return left
	}
	failed := op.TypeOf(v.Type()).Field("failed")
	if failed == nil || failed.Go.Kind() != reflect.Slice || op.TypeOf(failed.Go.Elem()) == nil {
		return left
	}
	list := v.FieldByIndex(failed.Index)
	for i := range list.Len() {
		left[text(op.TypeOf(failed.Go.Elem()), list.Index(i), "name")] = true
	}
	return left
}

// text is a string field of v, empty if the type has none of that name.
func text(t *op.Type, v reflect.Value, name string) string {
	if f := t.Field(name); f != nil && f.Go.Kind() == reflect.String {
		return v.FieldByIndex(f.Index).String()
	}
	return ""
}

// list is what is still there, in the order of creation.
func (j *journal) list() []Created {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []*entry
	for _, es := range j.entries {
		all = append(all, es...)
	}
	slices.SortFunc(all, func(a, b *entry) int { return a.n - b.n })
	list := make([]Created, len(all))
	for i, e := range all {
		list[i] = e.Created
	}
	return list
}
