package storage

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// TestChecked: a body ends well only when it is what was announced.
func TestChecked(t *testing.T) {
	const text = "0123456789"
	sum := md5.Sum([]byte(text))
	right := hex.EncodeToString(sum[:])
	for name, c := range map[string]struct {
		r    io.Reader
		left int64
		want string // the sum
		kind op.Kind
		read int
	}{
		"whole":            {r: strings.NewReader(text), left: 10, want: right, read: 10},
		"of unknown size":  {r: strings.NewReader(text), left: -1, want: right, read: 10},
		"with its end":     {r: iotest.DataErrReader(strings.NewReader(text)), left: 10, want: right, read: 10},
		"without a sum":    {r: strings.NewReader(text), left: 10, read: 10},
		"empty":            {r: strings.NewReader(""), left: 0},
		"short":            {r: strings.NewReader(text), left: 11, want: right, kind: op.Unavailable, read: 10},
		"long":             {r: strings.NewReader(text), left: 9, kind: op.Internal, read: 10},
		"damaged":          {r: strings.NewReader("0123456780"), left: 10, want: right, kind: op.Internal, read: 10},
		"damaged, unsized": {r: strings.NewReader("0123456780"), left: -1, want: right, kind: op.Internal, read: 10},
		"broken": {r: io.MultiReader(strings.NewReader(text), iotest.ErrReader(errors.New("reset"))), left: 11,
			kind: op.Unavailable, read: 10},
		"broken, unsized": {r: io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)), left: -1,
			kind: op.Unavailable, read: 10},
		"found by the body": {r: iotest.ErrReader(op.Errorf(op.Internal, "a segment is damaged")), left: 10, kind: op.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			b := &Checked{ReadCloser: io.NopCloser(c.r), Context: t.Context(), Name: "o", Left: c.left, Kind: "MD5"}
			if c.want != "" {
				b.Sum, b.Want = md5.New(), c.want
			}
			got, err := io.ReadAll(b)
			if len(got) != c.read {
				t.Errorf("read %q, want %d bytes", got, c.read)
			}
			if c.kind == "" && err != nil || c.kind != "" && (err == nil || op.KindOf(err) != c.kind) {
				t.Errorf("got %v, want the kind %q", err, c.kind)
			}
		})
	}
}

// TestCheckedCanceled: what a connection has received is not given to a caller
// who gave up.
func TestCheckedCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := &Checked{ReadCloser: io.NopCloser(strings.NewReader("0123456789")), Context: ctx, Name: "o", Left: 10}
	if n, err := b.Read(make([]byte, 4)); n != 4 || err != nil {
		t.Fatalf("read %d, %v", n, err)
	}
	cancel()
	if n, err := b.Read(make([]byte, 4)); n != 0 || op.KindOf(err) != op.Canceled {
		t.Errorf("after the end: %d, %v", n, err)
	}
}
