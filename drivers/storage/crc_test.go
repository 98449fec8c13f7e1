package storage

import (
	"hash/crc32"
	"hash/crc64"
	"math/rand/v2"
	"testing"
)

func TestCombine(t *testing.T) {
	of32 := func(polynomial uint32) func(b []byte) uint64 {
		table := crc32.MakeTable(polynomial)
		return func(b []byte) uint64 { return uint64(crc32.Checksum(b, table)) }
	}
	nvme := crc64.MakeTable(0x9a6c9329ac4bc9b5)
	data := make([]byte, 10_000)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for name, c := range map[string]struct {
		CRC
		sum func(b []byte) uint64
	}{
		"crc32":     {CRC32, of32(crc32.IEEE)},
		"crc32c":    {CRC32C, of32(crc32.Castagnoli)},
		"crc64nvme": {CRC64NVME, func(b []byte) uint64 { return crc64.Checksum(b, nvme) }},
	} {
		for _, at := range []int{0, 1, 7, 4096, len(data) - 1, len(data)} {
			if got, want := c.Combine(c.sum(data[:at]), c.sum(data[at:]), int64(len(data)-at)), c.sum(data); got != want {
				t.Errorf("%s split at %d: %x, want %x", name, at, got, want)
			}
		}
	}
}
