package transfer_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/aws"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
	"github.com/cloudlark/cloudlark/host"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of what goes wrong by chance; by chance if 0")

// seed is for a test, which tells it.
func seed(t testing.TB) uint64 {
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("to see the same again: -seed %d", s)
	return s
}

// s3Config is a driver's configuration for a server of the lab, reached at url.
func s3Config(s lab.S3, url string) map[string]any {
	return map[string]any{"endpoint": url, "region": s.Region, "access_key_id": s.AccessKey, "secret_access_key": s.SecretKey}
}

// TestFaults: whatever goes wrong, what arrives is right, or there is an error that
// names the object. No damaged byte is ever taken for good.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("many transfers through a bad network")
	}
	server := lab.Versity(t)
	flaky := lab.NewFlaky(t, server.Endpoint, seed(t))
	h, err := host.New(host.Options{Drivers: aws.Providers(), Limits: host.Limits{Retries: 6}})
	must(t, err)
	defer h.Close()
	conn, err := h.Open(t.Context(), "storage", "s3", s3Config(server, flaky.URL))
	must(t, err)
	want := tree{"large.bin": random(9, 23<<20+5)}
	for i := range 40 {
		want[fmt.Sprintf("dir/%02d", i)] = random(i, 5000+i)
	}
	source := folder(t)
	want.write(t, source)
	for i, fault := range lab.Faults {
		t.Run(string(fault), func(t *testing.T) {
			bucket := fmt.Sprint("faults-", i)
			flaky.Set(fault, 0)
			_, err := drivers.Call[storage.Bucket](t.Context(), conn, storage.CreateBucket{Name: bucket})
			must(t, err)
			o := transfer.Options{PartSize: 5 << 20, State: t.TempDir(), Concurrency: 16}
			calm := transfer.New(o)
			o.Stall = 400 * time.Millisecond // less than a busy machine may need, too
			e := transfer.New(o)
			target := folder(t)
			up := transfer.Job{From: transfer.Files(source, "."), To: transfer.Objects(conn, bucket, "")}
			down := transfer.Job{From: up.To, To: transfer.Files(target, ".")}
			hits := 0
			for round, job := range []transfer.Job{up, down} {
				flaky.Set(fault, 0.15)
				s, err := e.CopyTree(t.Context(), job)
				hits += flaky.Hits()
				flaky.Set(fault, 0)
				t.Logf("round %d: %d moved, %d failed, %d requests went wrong: %v", round, s.Transferred, s.Failed, hits, err)
				if (err == nil) != (s.Failed == 0) {
					t.Errorf("%+v, and the error is %v", s, err)
				}
				for _, f := range s.Errors {
					if !strings.Contains(f.Name, "dir/") && !strings.Contains(f.Name, "large.bin") {
						t.Errorf("an error that names no object: %+v", f)
					}
				}
				// What is there is right, also before the rest has come.
				there := have(t, conn, bucket)
				if round == 1 {
					there = onDisk(t, target)
				}
				for name, b := range there {
					if !strings.HasSuffix(name, ".cloudlark") && sha256.Sum256(b) != sha256.Sum256(want[name]) {
						t.Errorf("%s is there, and is damaged", name)
					}
				}
				if s.Failed > 0 {
					_, err = calm.CopyTree(t.Context(), job)
					must(t, err)
				}
			}
			if hits == 0 {
				t.Error("nothing went wrong")
			}
			have(t, conn, bucket).equal(t, want)
			onDisk(t, target).equal(t, want)
			must(t, fs.WalkDir(target.FS(), ".", func(name string, d fs.DirEntry, err error) error {
				if strings.HasSuffix(name, ".cloudlark") {
					t.Errorf("%s is left", name)
				}
				return err
			}))
		})
	}
}

func have(t testing.TB, conn *drivers.Conn, bucket string) tree {
	t.Helper()
	return read(t, conn, bucket, "")
}
