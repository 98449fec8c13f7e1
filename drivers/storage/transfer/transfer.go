// Package transfer moves objects: from files to objects, from objects to files,
// and from one provider to another, one by one or whole trees.
//
//	e := transfer.New(transfer.Options{State: folder})
//	from, to := transfer.Files(root, "photos"), transfer.Objects(conn, "backup", "photos/")
//	summary, err := e.Sync(ctx, transfer.Job{From: from, To: to, Delete: true})
//
// It works over connections ([drivers.Conn]), and so over every driver, native or
// in a WebAssembly module, and every request goes through the connection's chain.
//
// # What it promises
//
//   - Memory does not grow with the size of an object nor with the length of a list:
//     two trees are compared by merging their ordered lists.
//   - A file or an object is whole or as it was: files are written under a temporary
//     name, objects appear when they are complete.
//   - No damaged byte is accepted. What was read is compared with the checksum that
//     the provider keeps of the whole, whatever parts it was read in; what is written
//     goes with a checksum that the driver computes of each part.
//   - What was interrupted is resumed, also when the process was killed: the parts
//     of an upload that are there are not sent again, and a download goes on where
//     it was, if the object is still the same one.
//   - Requests are many at a time, fewer when the provider asks for it (gate.go).
//   - What fails is told by name, and does not stop the rest.
//
// # How
//
// Trees (tree.go) yield what is to be done, a fixed number of workers (run.go) do it.
// An upload and a copy between providers are the same thing (send.go) from two kinds
// of source (source.go); downloads are in download.go.
package transfer

import (
	"context"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Options are how an Engine works. Zero is the default of each.
type Options struct {
	Concurrency int           // requests at once at most; 64
	PartSize    int64         // of large objects; what suits the size, from 16 MiB
	Memory      int64         // of the buffers of copies between providers; 48 MiB
	Stall       time.Duration // how long no byte may move before a request is given up and repeated; a minute
	State       string        // a folder for what is needed to resume uploads; without it a failed upload leaves nothing behind
	Sync        bool          // flush files to the disk before they get their name
	Restart     bool          // take nothing up that was interrupted

	Progress func(Progress) // called now and then while something moves; may be nil
	Done     func(Result)   // called for every object, from one goroutine after another; may be nil
}

// An Engine moves objects. It holds no connection, and is safe for concurrent use.
type Engine struct{ o Options }

// New makes an Engine.
func New(o Options) *Engine {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.Memory <= 0 {
		o.Memory = 48 << 20
	}
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	return &Engine{o}
}

// A Job is what to move.
type Job struct {
	From, To Location
	Filter   Filter

	Compare  Compare // what of it is moved
	Delete   bool    // Sync: delete at To what is not at From
	DryRun   bool    // only tell what would be done
	IfAbsent bool    // Copy: an object that is there already is an error

	ContentType  string            // of what is written; that of the source if empty
	Metadata     map[string]string // of what is written; that of the source if nil
	StorageClass string            // of what is written
}

// Compare says which of the objects that both ends have are moved.
type Compare string

const (
	Always   Compare = "always"   // all
	Newer    Compare = "newer"    // those of another size, and those that are newer at From
	Size     Compare = "size"     // those of another size
	Checksum Compare = "checksum" // those of another size or checksum, and those that have no checksum in common
)

// Values makes Compare an enumeration.
func (Compare) Values() []string { return []string{"always", "newer", "size", "checksum"} }

// Copy moves one object or file: To is its new place, name and all.
func (e *Engine) Copy(ctx context.Context, j Job) (Summary, error) {
	r := e.begin(ctx, j)
	entry, err := j.From.stat(r.ctx)
	if err != nil {
		return r.end(err)
	}
	r.meter.total.Add(entry.Size)
	r.meter.known.Store(true)
	r.do(task{kind: doCopy, entry: entry, from: j.From, to: j.To})
	return r.end(nil)
}

// A Move is an object or a file, and its new place, name and all.
type Move struct{ From, To Location }

// CopyEach moves several as Copy moves one, at once. What fails does not stop the rest.
func (e *Engine) CopyEach(ctx context.Context, j Job, moves []Move) (Summary, error) {
	r := e.begin(ctx, j)
	return r.end(r.tree(func(_ context.Context, emit func(task) error) error {
		for _, m := range moves {
			if err := emit(task{kind: doCopy, unseen: true, from: m.From, to: m.To}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// CopyTree moves all that is below From to the same places below To.
func (e *Engine) CopyTree(ctx context.Context, j Job) (Summary, error) {
	j.Delete = false
	if j.Compare == "" {
		j.Compare = Always
	}
	return e.Sync(ctx, j)
}

// Sync makes what is below To like what is below From: what is missing or
// different is moved, and with Delete what is only there is deleted.
func (e *Engine) Sync(ctx context.Context, j Job) (Summary, error) {
	if j.Compare == "" {
		j.Compare = Newer
	}
	if err := j.Filter.check(); err != nil {
		return Summary{}, err
	}
	r := e.begin(ctx, j)
	return r.end(r.tree(r.merge))
}

// Remove deletes all that is below From.
func (e *Engine) Remove(ctx context.Context, j Job) (Summary, error) {
	if err := j.Filter.check(); err != nil {
		return Summary{}, err
	}
	r := e.begin(ctx, j)
	return r.end(r.tree(r.removeAll))
}

// A Result is what became of one object.
type Result struct {
	Action  Action        `json:"action" help:"What was done, or would be."`
	From    string        `json:"from,omitempty" help:"Where from."`
	To      string        `json:"to,omitempty" help:"Where to."`
	Size    int64         `json:"size" unit:"bytes" help:"How long it is."`
	Resumed int64         `json:"resumed,omitempty" unit:"bytes" help:"How much of it was there from an earlier try."`
	Elapsed time.Duration `json:"-"`
	DryRun  bool          `json:"dry_run,omitempty" help:"Whether nothing was done."`
	Error   *op.Error     `json:"error,omitempty" help:"Why it failed."`
}

// An Action is something that is done with an object.
type Action string

const (
	Upload   Action = "upload"
	Download Action = "download"
	Copied   Action = "copy"
	Removed  Action = "delete"
	Aborted  Action = "abort" // an upload that was neither completed nor aborted
)

// A Summary is what a job came to.
type Summary struct {
	Transferred int      `json:"transferred" help:"How many objects were moved."`
	Bytes       int64    `json:"bytes" unit:"bytes" help:"What they have together."`
	Resumed     int64    `json:"resumed" unit:"bytes" help:"How much of that was there from an earlier try."`
	Unchanged   int      `json:"unchanged" help:"How many were as they should be."`
	Deleted     int      `json:"deleted" help:"How many were deleted."`
	Failed      int      `json:"failed" help:"How many failed."`
	Errors      []Failed `json:"errors" help:"Why; of many, the first hundred."`
	Seconds     float64  `json:"seconds" unit:"s" help:"How long it took."`
	DryRun      bool     `json:"dry_run" help:"Whether nothing was done."`
}

// Failed is an object that could not be moved.
type Failed struct {
	Name    string  `json:"name" help:"Which one."`
	Kind    op.Kind `json:"kind" help:"The kind of error."`
	Message string  `json:"message" help:"What happened."`
}

// Progress is how far a job has come.
type Progress struct {
	Objects int           // done
	Bytes   int64         // moved
	Total   int64         // to be moved, as far as known
	Known   bool          // Total is all
	Rate    float64       // bytes a second, lately
	Left    time.Duration // 0 if nobody knows
	Elapsed time.Duration
	Current string // one that is under way
}
