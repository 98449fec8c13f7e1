package storage

import (
	"context"
	"encoding/binary"
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
	Left    int64           // how much is to come; negative where nothing says
	Sum     hash.Hash       // nil where there is nothing to compare with
	Want    string          // in hex
	Kind    string          // what the sum is called: "MD5"
}

func (b *Checked) Read(p []byte) (int, error) {
	// A connection that is to end still gives what it has received.
	if err := b.Context.Err(); err != nil {
		return 0, op.AsError(err)
	}
	n, err := b.ReadCloser.Read(p)
	if b.Sum != nil {
		b.Sum.Write(p[:n])
	}
	if b.Left >= 0 {
		if b.Left -= int64(n); b.Left < 0 {
			return n, op.Errorf(op.Internal, "%s: the body has more bytes than were announced", b.Name)
		}
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && b.Left <= 0 && b.Sum != nil && hex.EncodeToString(b.Sum.Sum(nil)) != b.Want:
		return n, op.Errorf(op.Internal, "%s: the body is damaged: its %s is not %s", b.Name, b.Kind, b.Want)
	case err == io.EOF && b.Left <= 0:
		return n, io.EOF
	case b.Context.Err() != nil:
		return n, op.AsError(b.Context.Err())
	case op.KindOf(err) == op.Internal && errors.As(err, new(*op.Error)): // what the body itself has found
		return n, err
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	if b.Left < 0 {
		return n, op.Errorf(op.Unavailable, "%s: the body broke off: %w", b.Name, err)
	}
	return n, op.Errorf(op.Unavailable, "%s: the body broke off with %d bytes to come: %w", b.Name, b.Left, err)
}

// Complete is how an upload to a service that speaks S3 becomes an object: of one
// part at least, by the request that complete makes, to which the CRC-32C of the whole
// is told ("" if nobody knows it). exists reports that the request was refused since
// there is such an object. What has come of it is looked up, and compared.
func (in CompleteMultipartUpload) Complete(ctx context.Context, d ObjectGetter, complete func(crc32c string) error, exists func(error) bool) (Object, error) {
	if len(in.Parts) == 0 {
		return Object{}, op.Errorf(op.InvalidArgument, "%s: an upload is completed of one part at least", in.Name)
	}
	whole, err := in.wholeCRC32C()
	if err != nil {
		return Object{}, err
	}
	if err := complete(whole); err != nil {
		if in.IfAbsent && exists(err) {
			return Object{}, op.Errorf(op.AlreadyExists, "the object %s exists already: %w", in.Name, err)
		}
		return Object{}, err
	}
	made, err := d.GetObject(ctx, GetObject{Bucket: in.Bucket, Name: in.Name})
	if err != nil {
		return Object{}, err
	}
	for name, want := range in.Checksums {
		if have := made.Checksums[name]; have != "" && have != want {
			return Object{}, op.Errorf(op.Internal, "%s was damaged on its way: its %s is %s there, not %s", in.Name, name, have, want)
		}
	}
	return made, nil
}

// wholeCRC32C is the CRC-32C of the object to be made, in hex: what those of its
// parts come to, if each has one, else that which is given; empty if none is. Where
// both are there, they must be the same.
func (in CompleteMultipartUpload) wholeCRC32C() (string, error) {
	given := in.Checksums["crc32c"]
	var whole uint32
	for _, p := range in.Parts {
		sum, err := hex.DecodeString(p.Checksums["crc32c"])
		if err != nil || len(sum) != 4 {
			return given, nil
		}
		whole = CombineCRC32C(whole, binary.BigEndian.Uint32(sum), p.Size)
	}
	sum := hex.EncodeToString(binary.BigEndian.AppendUint32(nil, whole))
	if given != "" && given != sum {
		return "", op.Errorf(op.Internal, "the parts of %s are not what it should be: their CRC32C is %s, not %s", in.Name, sum, given)
	}
	return sum, nil
}
