package transfer_test

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
)

// TestUnreadable: of a folder that cannot be read nobody knows what is in it, and so
// nothing of it is deleted at the far end.
func TestUnreadable(t *testing.T) {
	conn, root := cloud(t), folder(t)
	have := tree{"a": {1}, "dir/b": {2}, "dir/sub/c": {3}, "dir-x": {4}, "z": {5}}
	have.put(t, conn, "")
	tree{"a": {1}, "dir/b": {2}, "new": {6}}.write(t, root)
	must(t, root.Chmod("dir", 0))
	t.Cleanup(func() { root.Chmod("dir", 0o700) })
	if os.Geteuid() == 0 { // who can read everything
		must(t, os.Chmod(root.Name(), 0o755))
		runtime.LockOSThread() // which ends with the test's goroutine
		must(t, syscall.Setfsuid(65534))
		t.Cleanup(func() { syscall.Setfsuid(0) })
	}
	for _, filter := range []transfer.Filter{{}, {Include: []string{"b", "c", "z", "new", "dir-x"}}} {
		s, err := transfer.New(small).Sync(t.Context(), transfer.Job{From: transfer.Files(root, "."), To: transfer.Objects(conn, "bbb", ""), Delete: true, DryRun: true, Filter: filter})
		if s.Failed != 1 || err == nil || !strings.HasSuffix(s.Errors[0].Name, "/dir") || s.Deleted != 2 {
			t.Errorf("filtered by %v: %+v, %v; want dir/ to fail, and dir-x and z deleted", filter, s, err)
		}
	}
	s, err := transfer.New(small).Sync(t.Context(), transfer.Job{From: transfer.Files(root, "."), To: transfer.Objects(conn, "bbb", ""), Delete: true, DryRun: true, Filter: transfer.Filter{Exclude: []string{"dir/**"}}})
	if s.Failed != 0 || err != nil || s.Deleted != 2 {
		t.Errorf("with the folder left out: %+v, %v", s, err)
	}
}
