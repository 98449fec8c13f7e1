package storage

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func TestCombineCRC32C(t *testing.T) {
	table := crc32.MakeTable(crc32.Castagnoli)
	data := make([]byte, 10_000)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	whole := crc32.Checksum(data, table)
	for _, at := range []int{0, 1, 7, 4096, len(data) - 1, len(data)} {
		first, second := crc32.Checksum(data[:at], table), crc32.Checksum(data[at:], table)
		if got := CombineCRC32C(first, second, int64(len(data)-at)); got != whole {
			t.Errorf("split at %d: %08x, want %08x", at, got, whole)
		}
	}
}
