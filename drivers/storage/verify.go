package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Checked is an open body that ends well only when it is whole: with Left bytes,
// whose sum, if there is one, is Want. Its errors are the contract's.
type Checked struct {
	io.ReadCloser
	Context context.Context // to tell a caller who gave up from a connection that broke
	Name    string          // the object's
	Left    int64           // how much is to come
	Sum     hash.Hash       // nil where there is nothing to compare with
	Want    string          // in hex
	Kind    string          // what the sum is called: "MD5"
}

func (b *Checked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.Left -= int64(n)
	if b.Sum != nil {
		b.Sum.Write(p[:n])
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && b.Left == 0 && b.Sum != nil && hex.EncodeToString(b.Sum.Sum(nil)) != b.Want:
		return n, op.Errorf(op.Internal, "%s: the body is damaged: its %s is not %s", b.Name, b.Kind, b.Want)
	case err == io.EOF && b.Left == 0:
		return n, io.EOF
	case b.Context.Err() != nil:
		return n, op.AsError(b.Context.Err())
	case op.KindOf(err) == op.Internal && errors.As(err, new(*op.Error)): // what the body itself has found
		return n, err
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, op.Errorf(op.Unavailable, "%s: the body broke off with %d bytes to come: %w", b.Name, b.Left, err)
}
