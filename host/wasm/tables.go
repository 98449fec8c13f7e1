package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A table of a module is memory of the host, which the limit of the module's
// memory does not count, and table.grow makes it as large as 32 GiB. So each
// gets a maximum before the module is compiled.
const (
	maxTables    = 16
	maxTableSize = 1 << 20 // elements of all tables; a language's table has one for each function
)

var errCut = errors.New("it is no WebAssembly module: it is cut off")

// limitTables returns a module whose tables cannot grow without end; it is data
// itself if there is none.
func limitTables(data []byte) ([]byte, error) {
	out, done := []byte(nil), 0
	for at := 8; at < len(data); {
		id := data[at]
		size, n := uint32At(data[at+1:])
		begin := at + 1 + n
		if n == 0 || int64(size) > int64(len(data)-begin) {
			return nil, errCut
		}
		end := begin + int(size)
		if id == 4 {
			tables, err := limitSection(data[begin:end])
			if err != nil {
				return nil, err
			}
			out = append(append(append(out, data[done:at]...), 4), binary.AppendUvarint(nil, uint64(len(tables)))...)
			out, done = append(out, tables...), end
		}
		at = end
	}
	if out == nil {
		return data, nil
	}
	return append(out, data[done:]...), nil
}

func limitSection(b []byte) ([]byte, error) {
	count, at := uint32At(b)
	if at == 0 {
		return nil, errCut
	}
	if count > maxTables {
		return nil, fmt.Errorf("it has %d tables, more than %d", count, maxTables)
	}
	out := binary.AppendUvarint(nil, uint64(count))
	total := uint64(0)
	for range count {
		if len(b)-at < 3 {
			return nil, errCut
		}
		kind, flags := b[at], b[at+1]
		if kind != 0x70 && kind != 0x6f || flags > 1 {
			return nil, fmt.Errorf("it has a table of an unknown kind (%#x, %#x)", kind, flags)
		}
		at += 2
		size, n := uint32At(b[at:])
		at += n
		most, m := uint32(math.MaxUint32), 0
		if flags == 1 {
			most, m = uint32At(b[at:])
			at += m
		}
		if n == 0 || flags == 1 && m == 0 {
			return nil, errCut
		}
		if total += uint64(size); total > maxTableSize {
			return nil, fmt.Errorf("its tables have more than %d elements", maxTableSize)
		}
		if most > maxTableSize {
			most = maxTableSize
		}
		out = binary.AppendUvarint(append(out, kind, 1), uint64(size))
		out = binary.AppendUvarint(out, uint64(most))
	}
	if at != len(b) {
		return nil, errors.New("its tables are not what WebAssembly says")
	}
	return out, nil
}

// uint32At reads a number of WebAssembly's, and how many bytes it takes: 0 if it is none.
func uint32At(b []byte) (uint32, int) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 5 || v > math.MaxUint32 {
		return 0, 0
	}
	return uint32(v), n
}
