package storage

import "hash/crc32"

// CombineCRC32C returns the CRC-32C of two byte strings one after the other, of
// which only the sums are known and the length of the second: so the sum of an
// object follows from those of its parts, whoever computed them.
//
// A CRC is the remainder of a division of polynomials over GF(2): appending n
// bytes multiplies what was before by x^8n, modulo the CRC's own polynomial.
func CombineCRC32C(first, second uint32, length int64) uint32 {
	power := uint32(1) << 31 // the polynomial 1, the highest bit being x^0
	x := uint32(1) << 23     // x^8, one byte
	for n := length; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = multiply(power, x)
		}
		x = multiply(x, x)
	}
	return multiply(first, power) ^ second
}

// multiply is the product of two polynomials modulo Castagnoli's.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.Castagnoli
		} else {
			b >>= 1
		}
	}
	return product
}
