package sim

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A world is one cloud: what it holds, and the time in it.
type world struct {
	store store
	now   func() time.Time

	living sync.Mutex
	live   *live // nil while no connection has listen
}

// The tables that are no family's own.
const (
	meta     = table[string]("meta")     // what concerns the whole world
	counters = table[int]("counters")    // numbers for ids, and what quotas count
	expiries = table[expiry]("expiries") // what ends when, by time
	tokens   = table[answered]("tokens") // requests that need no second effect, by operation and token
)

// begin makes a new world fit to live in; an older one is left as it is.
func (w *world) begin(ctx context.Context) error {
	begun := false
	err := w.store.view(ctx, func(tx *txn) error {
		_, begun = meta.get(tx, "secret")
		return nil
	})
	if err != nil || begun {
		return err
	}
	return w.store.update(ctx, func(tx *txn) error {
		if _, begun := meta.get(tx, "secret"); begun {
			return nil // another process was faster
		}
		meta.put(tx, "secret", rand.Text())
		putDefaultNetwork(tx)
		return nil
	})
}

// update runs a transaction that changes the world. What has ended by now is
// removed in the same transaction: the world needs no other broom.
func (w *world) update(ctx context.Context, f func(tx *txn, now time.Time) error) error {
	return w.store.update(ctx, func(tx *txn) error {
		now := w.time()
		w.sweep(tx, now)
		return f(tx, now)
	})
}

func (w *world) view(ctx context.Context, f func(tx *txn, now time.Time) error) error {
	return w.store.view(ctx, func(tx *txn) error { return f(tx, w.time()) })
}

// time is the world's, in a form that survives being written down.
func (w *world) time() time.Time { return w.now().UTC().Truncate(time.Microsecond) }

// An expiry says that a record ends at some time.
type expiry struct{ Table, Key string }

// expire lets a record end at a time. There is no way back.
func expire(tx *txn, at time.Time, table, key string) {
	expiries.put(tx, instant(at)+" "+table+" "+key, expiry{table, key})
}

// instant writes a time so that later ones sort later.
func instant(t time.Time) string { return fmt.Sprintf("%020d", t.UnixNano()) }

// sweep removes some of the records that have ended: few, so that no request
// pays for all others.
func (w *world) sweep(tx *txn, now time.Time) {
	ended := map[string]expiry{}
	until := instant(now)
	for at, e := range expiries.from(tx, "") {
		if at[:len(until)] > until || len(ended) == 32 {
			break
		}
		ended[at] = e
	}
	for at, e := range ended {
		expiries.delete(tx, at)
		if e.Table != trash {
			tx.set(e.Table, e.Key, nil)
		} else if err := w.store.blobs().remove(e.Key); err != nil {
			// Somebody reads it where open files cannot be removed: another time.
			expire(tx, now.Add(time.Minute), trash, e.Key)
		}
	}
}

// nextID makes an id that no other thing has: ids of a kind sort by age.
func nextID(tx *txn, kind string) string {
	n, _ := counters.get(tx, "id "+kind)
	counters.put(tx, "id "+kind, n+1)
	return fmt.Sprintf("%s-%08x", kind, n+1)
}

// take counts n more things of a kind against its quota; a negative n gives
// them back.
func take(tx *txn, kind string, n, quota int) error {
	have, _ := counters.get(tx, "quota "+kind)
	if n > 0 && have+n > quota {
		return &op.Error{Kind: op.QuotaExceeded, Code: "LimitExceeded",
			Message: fmt.Sprintf("the quota is %d %s, of which %d are in use: destroy some, or raise max_%s in the connection's configuration", quota, kind, have, kind)}
	}
	counters.put(tx, "quota "+kind, max(0, have+n))
	return nil
}

// give returns n things of a kind to its quota.
func give(tx *txn, kind string, n int) { _ = take(tx, kind, -n, 0) }

// A transition is the part of a record that says to what state the thing is on
// its way, and when it arrives. Nothing has to happen then: whoever reads the
// record later finds the state it is in by that time.
type transition[S ~string] struct {
	Next S         `json:"next,omitzero"`
	At   time.Time `json:"at,omitzero"`
}

// arrived reports whether the state has been reached.
func (t transition[S]) arrived(now time.Time) bool { return t.Next != "" && !now.Before(t.At) }

// A driver is what the drivers of the four families have in common.
type driver struct {
	config     Config
	world      *world
	faults     *faults
	boot, keep time.Duration
	live       *live // nil unless the connection has listen
}

// HonoursToken makes every operation that changes something happen once for a
// token: the answer of the first time is given again. See [op.Idempotent].
func (driver) HonoursToken(o *op.Op) bool { return o.Effect != op.Reads }

// request makes a request of f. Its error says which request it was. What really
// runs is settled before, so that the answer is about it, and after, so that what
// was changed is so when the answer comes.
func (d driver) request(ctx context.Context, f func() error) error {
	d.live.settle(ctx)
	defer d.live.settle(ctx)
	return d.requestThat(ctx, d.faults.next(), f)
}

func (d driver) requestThat(ctx context.Context, fate fault, f func() error) error {
	err := d.faults.around(ctx, fate, f)
	if err == nil {
		return nil
	}
	e := *op.AsError(err)
	if e.RequestID == "" {
		e.RequestID = "req-" + rand.Text()
	}
	return &e
}

// read answers a request that changes nothing.
func read[T any](ctx context.Context, d driver, f func(tx *txn, now time.Time) (T, error)) (T, error) {
	var out T
	err := d.request(ctx, func() error {
		return d.world.view(ctx, func(tx *txn, now time.Time) (err error) {
			out, err = f(tx, now)
			return err
		})
	})
	return out, err
}

// answered remembers a request that had its effect.
type answered struct {
	Input string `json:"input"` // a digest, since a token is for one request
	ID    string `json:"id,omitzero"`
}

// tokenLife is how long a repeated request is recognized: longer than anyone retries.
const tokenLife = time.Hour

// create answers a request that makes something: it calls makes, which says
// the new thing's id, unless the request's token has been seen before. The
// answer is what shows says of that id, the second time too.
func create[T any](ctx context.Context, d driver, name string, in any,
	makes func(tx *txn, now time.Time) (id string, err error),
	shows func(tx *txn, now time.Time, id string) (T, error)) (T, error) {
	var out T
	token := name + " " + op.Token(ctx)
	input := digest(in)
	err := d.request(ctx, func() error {
		return d.world.update(ctx, func(tx *txn, now time.Time) (err error) {
			a, again := tokens.get(tx, token)
			if again && a.Input != input {
				return &op.Error{Kind: op.InvalidArgument, Code: "IdempotentParameterMismatch",
					Message: "the idempotency token was used before, for a request with other arguments"}
			}
			if !again {
				a.Input = input
				if a.ID, err = makes(tx, now); err != nil {
					return err
				}
				tokens.put(tx, token, a)
				expire(tx, now.Add(tokenLife), string(tokens), token)
			}
			out, err = shows(tx, now, a.ID)
			return err
		})
	})
	return out, err
}

// change answers a request that changes or deletes something and says nothing
// but that it did.
func change(ctx context.Context, d driver, name string, in any, f func(tx *txn, now time.Time) error) error {
	_, err := create(ctx, d, name, in,
		func(tx *txn, now time.Time) (string, error) { return "", f(tx, now) },
		func(*txn, time.Time, string) (struct{}, error) { return struct{}{}, nil })
	return err
}

// digest tells one input from another.
func digest(in any) string {
	data, err := json.Marshal(in)
	if err != nil {
		// Only extra can hold what JSON cannot, and none of it means anything here.
		data = fmt.Append(nil, in)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}

// list yields a table's records page by page; shows says what to show of a
// record, and whether to show it at all. A page is one request and one
// transaction: between two pages the world may change.
func list[R, T any](ctx context.Context, d driver, t table[R], shows func(tx *txn, now time.Time, r R) (T, bool)) iter.Seq2[T, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []T, next string, err error) {
		err = d.request(ctx, func() error {
			return d.world.view(ctx, func(tx *txn, now time.Time) error {
				items, next = page(tx, now, t, cursor, d.config.PageSize, shows)
				return nil
			})
		})
		return items, next, err
	})
}

func page[R, T any](tx *txn, now time.Time, t table[R], from string, size int, shows func(tx *txn, now time.Time, r R) (T, bool)) (items []T, next string) {
	for key, r := range t.from(tx, from) {
		item, ok := shows(tx, now, r)
		if !ok {
			continue
		}
		if len(items) == size {
			return items, key
		}
		items = append(items, item)
	}
	return items, ""
}

// listed yields things that are not in the world but always there, page by page.
func listed[T any](ctx context.Context, d driver, all []T) iter.Seq2[T, error] {
	return looked(ctx, d, func(*txn) ([]T, error) { return all, nil })
}

// looked lists, page by page, what a look at the world gives.
func looked[T any](ctx context.Context, d driver, f func(tx *txn) ([]T, error)) iter.Seq2[T, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []T, next string, err error) {
		err = d.request(ctx, func() error {
			var all []T
			err := d.world.view(ctx, func(tx *txn, _ time.Time) (err error) {
				all, err = f(tx)
				return err
			})
			if err != nil {
				return err
			}
			items, next, err = slicePage(all, cursor, d.config.PageSize)
			return err
		})
		return items, next, err
	})
}

// failing answers a list with an error.
func failing[T any](ctx context.Context, d driver, err error) iter.Seq2[T, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]T, string, error) {
		return nil, "", d.request(ctx, func() error { return err })
	})
}

func slicePage[T any](all []T, cursor string, size int) (items []T, next string, err error) {
	at := 0
	if cursor != "" {
		if _, err := fmt.Sscanf(cursor, "%d", &at); err != nil || at < 0 || at > len(all) {
			return nil, "", op.Errorf(op.InvalidArgument, "there is no page at %q", cursor)
		}
	}
	end := min(at+size, len(all))
	if end < len(all) {
		next = fmt.Sprint(end)
	}
	return all[at:end], next, nil
}

// notFound says that there is no thing of that id, and what may have been meant.
func notFound(kind, id string, near ...string) error {
	return op.Errorf(op.NotFound, "there is no %s %q%s", kind, id, op.DidYouMean(id, near))
}

func conflict(format string, args ...any) error { return op.Errorf(op.Conflict, format, args...) }
func invalid(format string, args ...any) error  { return op.Errorf(op.InvalidArgument, format, args...) }

// tagged reports whether tags hold all that is wanted.
func tagged(tags, want map[string]string) bool {
	for k, v := range want {
		if have, ok := tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// is reports whether a filter lets a value through: it does when it is not set.
func is[S ~string](want, have S) bool { return want == "" || want == have }
