package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// A store keeps a world's records in tables ordered by key. Its transactions
// are atomic and serializable; an update whose function fails leaves nothing
// behind. The function may be called more than once, and must neither wait nor
// keep what it was given.
type store interface {
	view(ctx context.Context, f func(tx *txn) error) error
	update(ctx context.Context, f func(tx *txn) error) error
	blobs() blobs
}

// rows is what a store gives to a transaction.
type rows interface {
	// get returns the value of a key, or nil.
	get(table, key string, decode decoder) any
	// set gives a key a value, nil to delete it, and returns what undo wants to
	// put everything back.
	set(table, key string, value any) (old any)
	undo(table, key string, old any)
	// scan calls yield with every key from one on, in the order of their bytes.
	// The table must not change meanwhile.
	scan(table, from string, decode decoder, yield func(key string, value any) bool)
}

// decoder reads a record from the bytes that a store kept it as.
type decoder func(data []byte) (any, error)

// A txn is one transaction.
type txn struct {
	rows
	edits []edit
}

// An edit is what a transaction did to one key, so that it can be undone.
type edit struct {
	table, key string
	old        any
}

func (tx *txn) set(table, key string, value any) {
	tx.edits = append(tx.edits, edit{table, key, tx.rows.set(table, key, value)})
}

// rollback takes back what the transaction changed.
func (tx *txn) rollback() {
	for i := len(tx.edits) - 1; i >= 0; i-- {
		e := tx.edits[i]
		tx.undo(e.table, e.key, e.old)
	}
	tx.edits = nil
}

// A table is the records of one type. Records go in and out as values, but
// what their maps and slices hold is shared with the store: whoever changes
// it, or hands it to a caller, takes a copy.
type table[T any] string

func (t table[T]) get(tx *txn, key string) (T, bool) {
	v := tx.get(string(t), key, decode[T])
	if v == nil {
		return *new(T), false
	}
	return *v.(*T), true
}

func (t table[T]) put(tx *txn, key string, v T) { tx.set(string(t), key, &v) }
func (t table[T]) delete(tx *txn, key string)   { tx.set(string(t), key, nil) }

// from yields the records from a key on, in the order of their keys. The table
// must not be changed while they are read.
func (t table[T]) from(tx *txn, key string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		tx.scan(string(t), key, decode[T], func(key string, v any) bool { return yield(key, *v.(*T)) })
	}
}

func decode[T any](data []byte) (any, error) {
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	return v, nil
}

// damage is what a store panics with when it cannot read what it kept, so that
// the code between needs no error for what never happens to a sound state; the
// store itself recovers from it.
type damage struct{ err error }

func damaged(format string, args ...any) damage { return damage{fmt.Errorf(format, args...)} }
