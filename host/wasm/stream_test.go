package wasm

import (
	"bytes"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
)

// TestTake: parts of every size, of bodies that say how long they are and of
// those that do not, each with its own checksum and without a part's bytes in
// the next one's memory.
func TestTake(t *testing.T) {
	body := make([]byte, 3<<20+17)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	for name, open := range map[string]func() *source{
		"known":     func() *source { return newSource(bytes.NewReader(body), int64(len(body))) },
		"unknown":   func() *source { return newSource(bytes.NewReader(body), -1) },
		"too short": func() *source { return newSource(bytes.NewReader(body), 5) },
		"too long":  func() *source { return newSource(bytes.NewReader(body), 1<<40) },
		"dribble":   func() *source { return newSource(iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(body))), -1) },
	} {
		for _, n := range []int64{1000, 1 << 20, int64(len(body)), 4 << 20} {
			s := open()
			var free spare
			var all []byte
			for {
				b, crc, err := s.take(n, free.take())
				if err != nil {
					t.Fatal(err)
				}
				if len(b) == 0 {
					break
				}
				if want := min(n, int64(len(body)-len(all))); int64(len(b)) != want || crc != crc32.Checksum(b, castagnoli) {
					t.Fatalf("%s by %d: at %d it took %d bytes with CRC-32C %08x", name, n, len(all), len(b), crc)
				}
				all = append(all, b...)
				(&held{data: b, spare: &free}).use().release()
				if s.peek() != (len(all) == len(body)) {
					t.Fatalf("%s by %d: at %d the end is wrong", name, n, len(all))
				}
			}
			if !bytes.Equal(all, body) || s.crc != crc32.Checksum(body, castagnoli) {
				t.Errorf("%s by %d: the body differs", name, n)
			}
		}
	}
	s := newSource(io.MultiReader(bytes.NewReader(body), iotest.ErrReader(io.ErrClosedPipe)), -1)
	if _, _, err := s.take(4<<20, nil); err != io.ErrClosedPipe {
		t.Errorf("a body that breaks is taken with %v", err)
	}
}
