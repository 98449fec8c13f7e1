package sim

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// where runs a benchmark in memory and on disk.
func where(b *testing.B, f func(b *testing.B, ps []*drivers.Provider)) {
	b.Run("memory", func(b *testing.B) { f(b, Providers(Options{})) })
	b.Run("folder", func(b *testing.B) { f(b, Providers(Options{State: b.TempDir()})) })
}

func BenchmarkListNodes10000(b *testing.B) {
	where(b, func(b *testing.B, ps []*drivers.Provider) {
		c := open(b, ps, compute.Family, map[string]any{"max_nodes": 10000, "page_size": 1000, "boot_time": "0s"})
		_, err := drivers.Call[[]compute.Node](b.Context(), c, compute.CreateNodes{Count: 10000,
			CreateNode: compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64", Tags: map[string]string{"a": "b"}}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for _, err := range drivers.List[compute.Node](b.Context(), c, compute.ListNodes{}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != 10000 {
				b.Fatal(n)
			}
		}
	})
}

func BenchmarkGetNode(b *testing.B) {
	where(b, func(b *testing.B, ps []*drivers.Provider) {
		c := open(b, ps, compute.Family, nil)
		n := createNode(b, c)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := drivers.Call[compute.Node](b.Context(), c, compute.GetNode{Node: n.ID}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Benchmark1000Calls makes a thousand calls at once: half of them create.
func Benchmark1000Calls(b *testing.B) {
	where(b, func(b *testing.B, ps []*drivers.Provider) {
		c := open(b, ps, compute.Family, map[string]any{"max_volumes": 1 << 30})
		n := createNode(b, c)
		for b.Loop() {
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					var err error
					if i%2 == 0 {
						_, err = drivers.Call[compute.Volume](b.Context(), c, compute.CreateVolume{Name: "v", Size: 1})
					} else {
						_, err = drivers.Call[compute.Node](b.Context(), c, compute.GetNode{Node: n.ID})
					}
					if err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
		}
	})
}

func BenchmarkPutObject(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 20} {
		body := strings.Repeat("0123456789abcdef", size/16)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			where(b, func(b *testing.B, ps []*drivers.Provider) {
				c := open(b, ps, storage.Family, nil)
				if _, err := drivers.Call[storage.Bucket](b.Context(), c, storage.CreateBucket{Name: "bench"}); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size))
				for b.Loop() {
					in := storage.PutObject{Bucket: "bench", Name: "o", Body: strings.NewReader(body)}
					if _, err := drivers.Call[storage.Object](b.Context(), c, in); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
