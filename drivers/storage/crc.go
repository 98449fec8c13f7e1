package storage

import "hash/crc32"

// A CRC is a checksum that of a whole follows from those of its parts.
//
// It is the remainder of a division of polynomials over GF(2): appending n bytes
// multiplies what was before by x^8n, modulo the CRC's own polynomial. In a number,
// the highest bit is x^0.
type CRC struct {
	polynomial uint64
	top        uint64 // the highest bit
}

// The CRCs that providers keep.
var (
	CRC32     = CRC{crc32.IEEE, 1 << 31}
	CRC32C    = CRC{crc32.Castagnoli, 1 << 31}
	CRC64NVME = CRC{0x9a6c9329ac4bc9b5, 1 << 63}
)

// Combine returns the sum of two byte strings one after the other, of which only
// the sums are known and the length of the second.
func (c CRC) Combine(first, second uint64, length int64) uint64 {
	power, x := c.top, c.top>>8 // 1, and x^8: one byte
	for n := length; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = c.multiply(power, x)
		}
		x = c.multiply(x, x)
	}
	return c.multiply(first, power) ^ second
}

func (c CRC) multiply(a, b uint64) uint64 {
	var product uint64
	for bit := c.top; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ c.polynomial
		} else {
			b >>= 1
		}
	}
	return product
}

// CombineCRC32C is [CRC.Combine] of [CRC32C].
func CombineCRC32C(first, second uint32, length int64) uint32 {
	return uint32(CRC32C.Combine(uint64(first), uint64(second), length))
}
