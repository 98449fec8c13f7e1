package s3compat

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

const (
	copyLimit = 5 << 30   // what S3 copies in one request
	copyPart  = 512 << 20 // larger objects are copied in parts of this, or of what makes for fewParts
)

// A copying is an object on its way to another name, or to other metadata.
type copying struct {
	*driver
	bucket, name     string // from
	toBucket, toName string
	source           abi.Head
	metadata         map[string]string // as headers
	contentType      string
	replace          bool // metadata and type are not those of source
	inPlace          bool // storage class and encryption stay as well
}

func (d *driver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	c := &copying{driver: d, bucket: in.Bucket, name: in.Name, toBucket: cmp.Or(in.ToBucket, in.Bucket), toName: cmp.Or(in.ToName, in.Name), replace: in.Metadata != nil}
	c.inPlace = c.toBucket == c.bucket && c.toName == c.name
	return c.do(ctx, in.Metadata, "")
}

func (d *driver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	c := &copying{driver: d, bucket: in.Bucket, name: in.Name, toBucket: in.Bucket, toName: in.Name, replace: true, inPlace: true}
	metadata := in.Metadata
	if metadata == nil {
		metadata = map[string]string{} // all that it shall have: none
	}
	return c.do(ctx, metadata, in.ContentType)
}

// do copies the object; metadata that is nil and a type that is empty stay as they are.
func (c *copying) do(ctx context.Context, metadata map[string]string, contentType string) (storage.Object, error) {
	if err := c.known(c.toBucket, c.toName); err != nil {
		return storage.Object{}, err
	}
	var err error
	if c.source, err = c.head(c.bucket, c.name); err != nil {
		return storage.Object{}, err
	}
	c.contentType = cmp.Or(contentType, c.source.Headers["content-type"])
	c.metadata = maps.Clone(c.source.Headers)
	maps.DeleteFunc(c.metadata, func(name, _ string) bool { return !strings.HasPrefix(name, metadataPrefix) })
	if metadata != nil {
		if c.metadata, err = encodeMetadata(metadata); err != nil {
			return storage.Object{}, err
		}
	}
	if size := c.source.Length; size > c.copyLimit {
		err = c.inParts(size)
	} else {
		err = c.atOnce()
	}
	if err != nil {
		return storage.Object{}, err
	}
	return c.GetObject(ctx, storage.GetObject{Bucket: c.toBucket, Name: c.toName})
}

// from says what to copy, as long as it is what was looked at.
func (c *copying) from() map[string]string {
	return map[string]string{"x-amz-copy-source": storage.EscapeName(c.bucket + "/" + c.name), "x-amz-copy-source-if-match": c.source.Headers["etag"]}
}

// target says what the copy shall be beside its body.
func (c *copying) target(h map[string]string) {
	maps.Copy(h, c.metadata)
	h["content-type"] = c.contentType
	c.keep(h, "cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-amz-website-redirect-location")
}

func (c *copying) keep(h map[string]string, names ...string) {
	for _, name := range names {
		h[name] = c.source.Headers[name]
	}
}

// stay keeps the storage class and the encryption of an object in its place.
func (c *copying) stay(h map[string]string) {
	if c.inPlace {
		c.keep(h, "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")
	}
}

func (c *copying) atOnce() error {
	h := c.from()
	// S3 refuses to copy an object onto itself as it is; with the same
	// metadata given anew it does not.
	if c.replace || c.inPlace {
		h["x-amz-metadata-directive"] = "REPLACE"
		c.target(h)
	}
	c.stay(h)
	_, err := c.driver.do(request{method: "PUT", bucket: c.toBucket, name: c.toName, header: h}, &result{})
	return err
}

// inParts copies what is too large for one request. Unlike a copy at once, it
// does not take the object's tags along.
func (c *copying) inParts(size int64) (err error) {
	h := map[string]string{}
	c.target(h)
	c.stay(h)
	id, err := c.create(c.toBucket, c.toName, h)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.abort(c.toBucket, c.toName, id)
		}
	}()
	part := max(c.copyPart, (size+fewParts-1)/fewParts)
	parts := make([]completed, (size+part-1)/part)
	var under []*sdk.Pending
	defer func() {
		for _, p := range under {
			p.Cancel()
		}
	}()
	done := 0
	wait := func() error { // for the oldest
		p := under[0]
		under = under[1:]
		_, err := finish(p, &parts[done])
		if done++; err == nil && parts[done-1].ETag == "" {
			err = op.Errorf(op.Internal, "the answer to a copied part has no ETag")
		}
		parts[done-1].PartNumber = done
		return err
	}
	for i := range parts {
		h := c.from()
		offset := int64(i) * part
		h["x-amz-copy-source-range"] = fmt.Sprintf("bytes=%d-%d", offset, min(offset+part, size)-1)
		p, err := c.begin(request{method: "PUT", bucket: c.toBucket, name: c.toName, header: h, repeatable: true,
			query: url.Values{"partNumber": {strconv.Itoa(i + 1)}, "uploadId": {id}}})
		if err != nil {
			return err
		}
		if under = append(under, p); len(under) == inFlight {
			if err := wait(); err != nil {
				return err
			}
		}
	}
	for len(under) > 0 {
		if err := wait(); err != nil {
			return err
		}
	}
	_, _, err = c.complete(c.toBucket, c.toName, id, parts, nil)
	return err
}
