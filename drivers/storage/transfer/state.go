package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// An upload is an object being written in parts, and the file in Options.State in
// which a later run finds it. The file begins with a line that says which upload it
// is and of what (stateHead), and has another for each part that is there. It is
// only ever added to, so that a process that is killed loses one line at most.
type upload struct {
	storage.Upload
	partSize int64
	there    map[int]storage.Part // by number

	mu   sync.Mutex
	root *os.Root // Options.State
	name string   // of the file
	file *os.File // nil without state
}

type stateHead struct {
	Upload   storage.Upload `json:"upload"`
	Source   string         `json:"source"` // changes whenever the source does
	PartSize int64          `json:"part_size"`
}

// takeUpload finds the upload that an earlier run began, or begins one.
func (r *run) takeUpload(to Location, o storage.Object, src source) (*upload, error) {
	u := &upload{there: map[int]storage.Part{}}
	if r.o.State != "" && to.offers("list_parts") {
		if err := u.open(r.o.State, version(to.conn.Provider.Name, to)+".upload"); err != nil {
			return nil, fileError("the file for what can be resumed", err)
		}
	}
	if u.file != nil {
		ok, err := u.resume(r, to, src)
		if ok && err == nil {
			return u, nil
		}
		if err != nil {
			u.close()
			return nil, err
		}
	}
	in := r.object(to, o)
	// Begun anew after an answer that was lost, there is one more that has no parts.
	err := r.again(r.ctx, func(ctx context.Context) (bool, error) {
		return false, r.request(ctx, func(ctx context.Context) (err error) {
			u.Upload, err = drivers.Call[storage.Upload](ctx, to.conn, storage.CreateMultipartUpload{Bucket: in.Bucket, Name: in.Name, Size: in.Size,
				ContentType: in.ContentType, Metadata: in.Metadata, StorageClass: in.StorageClass})
			return err
		})
	})
	if err == nil {
		u.partSize, err = r.fit(o.Size, src.longest(), u.Upload)
	}
	if err == nil && u.file != nil {
		err = u.line(stateHead{u.Upload, src.identity(), u.partSize})
	}
	if err != nil {
		u.end(r, err)
		return nil, err
	}
	return u, nil
}

// open opens the file, unless another process writes the same object: each for itself
// then. Through a root, it can be removed while it is open, on Windows too.
func (u *upload) open(folder, name string) (err error) {
	if err = os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if u.root, err = os.OpenRoot(folder); err != nil {
		return err
	}
	u.name = name
	if u.file, err = u.root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		u.root.Close()
		return err
	}
	if mine, _ := lock(u.file); !mine || !u.inPlace() {
		u.close()
		u.file = nil
	}
	return nil
}

func (u *upload) close() {
	u.file.Close()
	u.root.Close()
}

// inPlace reports whether the file still has its name: another process may have
// finished and removed it between the opening and the lock.
func (u *upload) inPlace() bool {
	mine, err := u.file.Stat()
	if err != nil {
		return false
	}
	named, err := u.root.Stat(u.name)
	return err == nil && os.SameFile(mine, named)
}

// fit chooses the size of parts within the upload's limits, and no longer than that
// if there can be so many.
func (r *run) fit(size, longest int64, u storage.Upload) (int64, error) {
	part := r.partSize(size)
	if longest > 0 {
		part = min(part, longest)
	}
	part = max(part, u.MinPartSize)
	if u.MaxParts > 0 {
		part = max(part, (size+int64(u.MaxParts)-1)/int64(u.MaxParts))
	}
	if u.MaxPartSize > 0 && part > u.MaxPartSize {
		part = u.MaxPartSize
		if u.MaxParts > 0 && part*int64(u.MaxParts) < size {
			return 0, op.Errorf(op.InvalidArgument, "%d bytes are more than the provider takes: %d parts of %d bytes", size, u.MaxParts, u.MaxPartSize)
		}
	}
	return part, nil
}

// resume reads the file, and asks the provider for the parts that are there. A part
// is what it was when the file says so too.
func (u *upload) resume(r *run, to Location, src source) (bool, error) {
	lines := bufio.NewScanner(u.file)
	lines.Buffer(nil, 1<<20)
	var head stateHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil {
		return false, u.empty()
	}
	noted := map[int]storage.Part{}
	for lines.Scan() {
		var p storage.Part
		if json.Unmarshal(lines.Bytes(), &p) == nil { // the last line may be torn
			noted[p.Number] = p
		}
	}
	if err := lines.Err(); err != nil {
		return false, fileError("the file for what can be resumed", err)
	}
	u.Upload, u.partSize = head.Upload, head.PartSize
	if r.o.Restart || head.Source != src.identity() || head.PartSize <= 0 {
		u.abort(r, to)
		u.Upload = storage.Upload{}
		return false, u.empty()
	}
	for p, err := range drivers.List[storage.Part](r.ctx, to.conn, storage.ListParts{Bucket: to.bucket, Name: to.name, Upload: u.ID}) {
		if op.KindOf(err) == op.NotFound {
			u.Upload, u.there = storage.Upload{}, map[int]storage.Part{}
			return false, u.empty()
		}
		if err != nil {
			return false, err
		}
		if have, ok := noted[p.Number]; ok && have.Size == p.Size && (have.ETag == p.ETag || p.ETag == "") {
			u.there[p.Number] = have
		}
	}
	// What follows a torn line is a line of its own.
	_, err := u.file.Write([]byte("\n"))
	return err == nil, err
}

// empty begins the file anew.
func (u *upload) empty() error {
	if err := u.file.Truncate(0); err != nil {
		return fileError("the file for what can be resumed", err)
	}
	_, err := u.file.Seek(0, 0)
	return err
}

// note writes down that a part is there.
func (u *upload) note(p storage.Part) error {
	if u.file == nil {
		return nil
	}
	return u.line(p)
}

func (u *upload) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := u.file.Write(append(bytes.TrimSpace(b), '\n')); err != nil {
		return fileError("the file for what can be resumed", err)
	}
	return nil
}

// end forgets an upload that is complete, and aborts one that nobody will go on with.
func (u *upload) end(r *run, err error) {
	resumable := u.file != nil && u.ID != ""
	switch op.KindOf(err) {
	case op.Internal, op.Conflict, op.InvalidArgument, op.NotFound, op.AlreadyExists:
		resumable = false // the same would happen again
	}
	if err != nil && !resumable && u.ID != "" {
		to := Location{conn: r.job.To.conn, bucket: u.Bucket, name: u.Name}
		u.abort(r, to)
	}
	if u.file != nil {
		if err == nil || !resumable {
			u.root.Remove(u.name)
		}
		u.close()
	}
}

// abort removes the parts, also when the job was canceled.
func (u *upload) abort(r *run, to Location) {
	if !to.offers("abort_multipart_upload") {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 30*time.Second)
	defer cancel()
	// Why it is aborted is what counts.
	_ = drivers.Do(ctx, to.conn, storage.AbortMultipartUpload{Bucket: cmp.Or(to.bucket, u.Bucket), Name: u.Name, Upload: u.ID})
}
