package main_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/aws"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// BenchmarkTransfer moves objects from a file and to a file, by turns through
// the module and through the native driver, against the same server: MB/s of
// each, and the most MiB that Go's heap had in use meanwhile.
func BenchmarkTransfer(b *testing.B) {
	config := versityConfig(b)
	module := drivertest.Opener(wasmtest.Provider(b, load(b, "."), storage.Family), config)(b, nil)
	defer module.Close()
	var native *drivers.Conn
	for _, p := range aws.Providers() {
		if p.Name == "s3" {
			native = drivertest.Opener(p, config)(b, nil)
			defer native.Close()
		}
	}
	if _, err := drivers.Call[storage.Bucket](b.Context(), native, storage.CreateBucket{Name: "transfers"}); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for _, mib := range []int64{4, 256, 1024} {
		size := mib << 20
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		if err := noise(from, size); err != nil {
			b.Fatal(err)
		}
		for what, transfer := range map[string]func(context.Context, *drivers.Conn) error{
			"put": func(ctx context.Context, c *drivers.Conn) error { return put(ctx, c, from) },
			"get": func(ctx context.Context, c *drivers.Conn) error { return get(ctx, c, to) },
		} {
			if err := put(b.Context(), native, from); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%dMiB", what, mib), func(b *testing.B) {
				turn := 0
				var spent, peak [2]float64
				for b.Loop() {
					turn++
					for i := range 2 {
						i = (i + turn) % 2 // neither is always the first
						c := []*drivers.Conn{module, native}[i]
						stop := watchHeap()
						began := time.Now()
						if err := transfer(b.Context(), c); err != nil {
							b.Fatal(err)
						}
						spent[i] += time.Since(began).Seconds()
						peak[i] = max(peak[i], stop())
					}
				}
				for i, who := range []string{"module", "native"} {
					b.ReportMetric(float64(b.N)*float64(size)/1e6/spent[i], who+"-MB/s")
					b.ReportMetric(peak[i], who+"-MiB")
				}
				b.ReportMetric(spent[0]/spent[1], "module/native")
			})
		}
	}
}

// noise writes a file of bytes that do not compress.
func noise(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), size)
	return errors.Join(err, f.Close())
}

func put(ctx context.Context, c *drivers.Conn, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = drivers.Call[storage.Object](ctx, c, storage.PutObject{Bucket: "transfers", Name: "object", Body: f})
	return err
}

func get(ctx context.Context, c *drivers.Conn, path string) error {
	d, err := drivers.Call[storage.Download](ctx, c, storage.ReadObject{Bucket: "transfers", Name: "object"})
	if err != nil {
		return err
	}
	defer d.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, d.Body)
	return errors.Join(err, f.Close())
}

// watchHeap looks at Go's heap until it is told to stop, and then says the most
// MiB that were in use.
func watchHeap() (stop func() float64) {
	runtime.GC()
	end, most := make(chan bool), make(chan float64)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var m runtime.MemStats
		peak := uint64(0)
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-tick.C:
			case <-end:
				most <- float64(peak) / (1 << 20)
				return
			}
		}
	}()
	return func() float64 { end <- true; return <-most }
}
