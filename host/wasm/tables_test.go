package wasm

import (
	"bytes"
	"strings"
	"testing"
)

// module is sections behind a module's head.
func moduleOf(sections ...string) []byte {
	return []byte("\x00asm\x01\x00\x00\x00" + strings.Join(sections, ""))
}

func TestLimitTables(t *testing.T) {
	for name, c := range map[string]struct{ in, want, err string }{
		"none":            {in: "\x05\x03\x01\x00\x10", want: "\x05\x03\x01\x00\x10"},
		"no maximum":      {in: "\x04\x04\x01\x70\x00\x05\x05\x03\x01\x00\x10", want: "\x04\x07\x01\x70\x01\x05\x80\x80\x40\x05\x03\x01\x00\x10"},
		"its own maximum": {in: "\x04\x05\x01\x70\x01\x05\x06", want: "\x04\x05\x01\x70\x01\x05\x06"},
		"too much":        {in: "\x04\x09\x01\x6f\x01\x05\xff\xff\xff\xff\x0f", want: "\x04\x07\x01\x6f\x01\x05\x80\x80\x40"},
		"two":             {in: "\x04\x07\x02\x70\x00\x01\x6f\x00\x02", want: "\x04\x0d\x02\x70\x01\x01\x80\x80\x40\x6f\x01\x02\x80\x80\x40"},
		"a giant":         {in: "\x04\x07\x01\x70\x00\xff\xff\xff\x3f", err: "more than 1048576 elements"},
		"giants":          {in: "\x04\x0b\x02\x70\x00\x80\x80\x30\x70\x00\x80\x80\x30", err: "more than 1048576 elements"},
		"many":            {in: "\x04\x01\x11", err: "17 tables"},
		"another kind":    {in: "\x04\x04\x01\x63\x00\x05", err: "unknown kind"},
		"with a value":    {in: "\x04\x06\x01\x40\x00\x70\x00\x05", err: "unknown kind"},
		"cut off":         {in: "\x04\x03\x01\x70\x00", err: "cut off"},
		"past its end":    {in: "\x04\x04\x01\x70", err: "cut off"},
		"too long":        {in: "\x04\x05\x01\x70\x00\x05\x05", err: "not what WebAssembly says"},
		"no number":       {in: "\x04\x80\x80\x80\x80\x80\x80", err: "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := limitTables(moduleOf(c.in))
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
			case err != nil:
				t.Error(err)
			case !bytes.Equal(out, moduleOf(c.want)):
				t.Errorf("got  %x\nwant %x", out[8:], c.want)
			}
		})
	}
	for _, head := range []string{"", "\x00asm", "\x00asm\x01\x00\x00\x00"} {
		if out, err := limitTables([]byte(head)); err != nil || string(out) != head {
			t.Errorf("%q: %q, %v", head, out, err)
		}
	}
}

// FuzzTables: what is not refused has tables that are bounded, and is bounded as it is.
func FuzzTables(f *testing.F) {
	f.Add([]byte("\x04\x04\x01\x70\x00\x05\x05\x03\x01\x00\x10"))
	f.Add([]byte("\x04\x0b\x02\x70\x00\x80\x80\x30\x70\x00\x80\x80\x30"))
	f.Add([]byte("\x00\x80\x80\x80\x80\x08"))
	f.Fuzz(func(t *testing.T, sections []byte) {
		out, err := limitTables(moduleOf(string(sections)))
		if err != nil {
			return
		}
		again, err := limitTables(out)
		if err != nil || !bytes.Equal(out, again) {
			t.Errorf("%x became %x, and then %x, %v", sections, out, again, err)
		}
	})
}
