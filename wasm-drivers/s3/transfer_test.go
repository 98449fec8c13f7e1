package main_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// TestTransfer has the transfer engine move a large file through the module, in parts,
// and go on with what was interrupted.
func TestTransfer(t *testing.T) {
	const part = 5 << 20
	const most = 3 // that are sent before it breaks
	var parts atomic.Int64
	var broken atomic.Bool
	var there sync.WaitGroup
	there.Add(most)
	broken.Store(true)
	count := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if r.Op.Name != "upload_part" {
			return next(ctx, r)
		}
		n := parts.Add(1)
		if broken.Load() && n > most {
			there.Wait()
			return nil, op.Errorf(op.PermissionDenied, "no more")
		}
		if broken.Load() {
			defer there.Done()
		}
		return next(ctx, r)
	}
	c := drivertest.Opener(wasmtest.Provider(t, load(t, "."), storage.Family), versityConfig(t))(t, nil, count)
	defer c.Close()
	call[storage.Bucket](t, c, storage.CreateBucket{Name: "transfer"})
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	body := make([]byte, 5*part+7)
	rand.NewChaCha8([32]byte{1}).Read(body)
	if err := root.WriteFile("large", body, 0o600); err != nil {
		t.Fatal(err)
	}
	e := transfer.New(transfer.Options{PartSize: part, State: t.TempDir()})
	up := transfer.Job{From: transfer.Files(root, "large"), To: transfer.Objects(c, "transfer", "large")}
	if _, err := e.Copy(t.Context(), up); op.KindOf(err) != op.PermissionDenied {
		t.Fatalf("interrupted: %v", err)
	}
	parts.Store(0)
	broken.Store(false)
	s, err := e.Copy(t.Context(), up)
	if err != nil {
		t.Fatal(err)
	}
	if s.Resumed == 0 || parts.Load()+(s.Resumed+part-1)/part != 6 {
		t.Errorf("%d parts were sent, and %+v", parts.Load(), s)
	}
	if _, err := e.Copy(t.Context(), transfer.Job{From: up.To, To: transfer.Files(root, "copy")}); err != nil {
		t.Fatal(err)
	}
	if b, err := root.ReadFile("copy"); err != nil || !bytes.Equal(b, body) {
		t.Errorf("the copy differs: %d bytes, %v", len(b), err)
	}
	o := call[storage.Object](t, c, storage.GetObject{Bucket: "transfer", Name: "large"})
	if o.Checksums["crc32c"] == "" {
		t.Errorf("it has no checksum of its whole: %+v", o)
	}
}
