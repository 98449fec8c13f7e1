package lib

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// hashModule is hash: hash.sha256(data) and the like, in hex. data is a string,
// bytes, or a stream, which is read to its end.
var hashModule = module("hash", map[string]function{
	"md5":    hashFunction(md5.New),
	"sha1":   hashFunction(sha1.New),
	"sha256": hashFunction(sha256.New),
	"sha512": hashFunction(sha512.New),
	"crc32c": hashFunction(func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }),
})

func hashFunction(newHash func() hash.Hash) function {
	return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var data starlark.Value
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "data", &data); err != nil {
			return nil, err
		}
		h := newHash()
		r, err := reader(b.Name(), data)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(h, &contextReader{Context(t), r}); err != nil {
			return nil, err
		}
		return starlark.String(hex.EncodeToString(h.Sum(nil))), nil
	}
}

// base64Module is base64: encode(data, url=False) and decode(text, url=False), with padding.
var base64Module = module("base64", map[string]function{
	"encode": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var data starlark.Value
		var url bool
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "data", &data, "url?", &url); err != nil {
			return nil, err
		}
		switch data := data.(type) {
		case starlark.String:
			return starlark.String(encoding(url).EncodeToString([]byte(data))), nil
		case starlark.Bytes:
			return starlark.String(encoding(url).EncodeToString([]byte(data))), nil
		}
		return nil, op.Errorf(op.InvalidArgument, "%s: want a string or bytes, got %s", b.Name(), data.Type())
	},
	"decode": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var text string
		var url bool
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text, "url?", &url); err != nil {
			return nil, err
		}
		data, err := encoding(url).DecodeString(text)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "%s: %w", b.Name(), err)
		}
		return starlark.Bytes(data), nil
	},
})

func encoding(url bool) *base64.Encoding {
	if url {
		return base64.URLEncoding
	}
	return base64.StdEncoding
}
