package sim

import (
	"context"
	"slices"
	"sync"
)

// memory is a store that ends with the process.
type memory struct {
	mu     sync.RWMutex
	tables map[string]*memoryTable
	bodies memoryBlobs
}

// A memoryTable keeps its keys sorted beside its values. New keys mostly come
// last, where adding one costs nothing.
type memoryTable struct {
	values map[string]any
	keys   []string
}

func newMemory() *memory { return &memory{tables: map[string]*memoryTable{}} }

func (m *memory) view(ctx context.Context, f func(tx *txn) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return f(&txn{rows: m})
}

func (m *memory) update(ctx context.Context, f func(tx *txn) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &txn{rows: m}
	if err := f(tx); err != nil {
		tx.rollback()
		return err
	}
	return nil
}

func (m *memory) blobs() blobs { return &m.bodies }

func (m *memory) get(table, key string, _ decoder) any {
	if t := m.tables[table]; t != nil {
		return t.values[key]
	}
	return nil
}

func (m *memory) set(table, key string, value any) (old any) {
	t := m.tables[table]
	if t == nil {
		t = &memoryTable{values: map[string]any{}}
		m.tables[table] = t
	}
	old = t.values[key]
	switch {
	case value != nil:
		t.values[key] = value
		if old == nil {
			i, _ := slices.BinarySearch(t.keys, key)
			t.keys = slices.Insert(t.keys, i, key)
		}
	case old != nil:
		delete(t.values, key)
		i, _ := slices.BinarySearch(t.keys, key)
		t.keys = slices.Delete(t.keys, i, i+1)
	}
	return old
}

func (m *memory) undo(table, key string, old any) { m.set(table, key, old) }

func (m *memory) scan(table, from string, _ decoder, yield func(key string, value any) bool) {
	t := m.tables[table]
	if t == nil {
		return
	}
	i, _ := slices.BinarySearch(t.keys, from)
	for _, key := range t.keys[i:] {
		if !yield(key, t.values[key]) {
			return
		}
	}
}
