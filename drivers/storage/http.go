package storage

import (
	"encoding/base64"
	"fmt"
	"math"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// EncodeMetadata makes of metadata what headers can carry, for providers that keep
// it in headers: names in lower case, and a value that a header would change as a
// word of RFC 2047, which is what S3 shows. name says which characters a name can
// have beside digits and lower-case letters.
func EncodeMetadata(m map[string]string, name string) (map[string]string, error) {
	encoded := make(map[string]string, len(m))
	for k, v := range m {
		lower := strings.ToLower(k)
		if lower == "" || strings.Trim(lower, "0123456789abcdefghijklmnopqrstuvwxyz"+name) != "" {
			return nil, op.Errorf(op.InvalidArgument, "metadata: %q cannot be a name: it becomes part of a header's, and can have letters, digits and any of %s", k, name)
		}
		if !utf8.ValidString(v) {
			return nil, op.Errorf(op.InvalidArgument, "metadata: the value of %q is not UTF-8", k)
		}
		if _, twice := encoded[lower]; twice {
			return nil, op.Errorf(op.InvalidArgument, "metadata: %q is there twice, as names are lower case", lower)
		}
		plain := strings.TrimSpace(v) == v && !strings.Contains(v, "=?") && !strings.Contains(v, "  ") &&
			!strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' })
		if !plain {
			// One word. The limit of 75 bytes is for mail; split into words, a value
			// would gain spaces that signatures fold.
			v = "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(v)) + "?="
		}
		encoded[lower] = v
	}
	return encoded, nil
}

// DecodeMetadata reads what [EncodeMetadata] made.
func DecodeMetadata(m map[string]string) map[string]string {
	decoded := make(map[string]string, len(m))
	var words mime.WordDecoder
	for k, v := range m {
		if d, err := words.DecodeHeader(v); err == nil {
			v = d
		}
		decoded[strings.ToLower(k)] = v
	}
	return decoded
}

// EscapeName is a name in a URL's path: all but letters, digits, slashes and -._~ as %XX.
func EscapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// ByteRange is the header Range for length bytes from offset, all of them if 0.
func ByteRange(offset, length int64) string {
	if length == 0 || offset > math.MaxInt64-length {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}
