package s3compat

import (
	"context"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

func (d *driver) ReadObject(_ context.Context, in storage.ReadObject) (storage.Download, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.Download{}, err
	}
	if in.Offset < 0 || in.Length < 0 {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d and length %d: neither can be negative", in.Offset, in.Length)
	}
	get := request{method: "GET", bucket: in.Bucket, name: in.Name, header: map[string]string{}}
	if in.IfETag != "" {
		get.header["if-match"] = strconv.Quote(in.IfETag)
	}
	whole := in.Offset == 0 && in.Length == 0
	if whole {
		get.header["x-amz-checksum-mode"] = "ENABLED"
	} else {
		get.header["range"] = storage.ByteRange(in.Offset, in.Length)
	}
	resp, err := d.open(get)
	if isCode(err, "InvalidRange") && in.Offset == 0 { // the object is empty
		delete(get.header, "range")
		resp, err = d.open(get)
	}
	if err != nil {
		return storage.Download{}, err
	}
	o := objectOf(in.Bucket, in.Name, resp.Length, resp.Headers)
	if _, size, ok := strings.Cut(resp.Headers["content-range"], "/"); ok {
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			o.Size = n
		}
	} else if in.Offset > 0 {
		resp.Body.Close()
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the %d bytes of %s", in.Offset, o.Size, in.Name)
	}
	var verify *abi.Digest
	if whole {
		verify = digestOf(o)
	}
	return storage.Download{Object: o, Body: resp.Body.Verified(resp.Length, verify)}, nil
}

// digestOf is what the whole body must add up to, if the store says it.
func digestOf(o storage.Object) *abi.Digest {
	for _, name := range append(sums, "md5") {
		if sum := o.Checksums[name]; sum != "" {
			return &abi.Digest{Algorithm: name, Sum: sum}
		}
	}
	return nil
}
