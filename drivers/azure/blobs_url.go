package azure

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// address is a blob's URL, without the signature that this driver may have.
func (d *blobsDriver) address(bucket, name string) (*url.URL, error) {
	u, err := url.Parse(d.blob(bucket, name).URL())
	if err != nil {
		return nil, op.Errorf(op.Internal, "%w", err)
	}
	u.RawQuery = ""
	return u, nil
}

func (d *blobsDriver) GetObjectURL(_ context.Context, in storage.GetObjectURL) (storage.URL, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	u, err := d.address(in.Bucket, in.Name)
	if err != nil {
		return storage.URL{}, err
	}
	return storage.URL{URL: u.String(), Method: storage.Get, Headers: map[string]string{}}, nil
}

const week = 7 * 24 * time.Hour

// PresignObject makes a shared access signature: with the account's key, or with a
// key that Azure lends to who is signed in.
func (d *blobsDriver) PresignObject(ctx context.Context, in storage.PresignObject) (storage.URL, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	lifetime := time.Duration(in.Expires) * time.Second
	if in.Expires < 1 || d.key == nil && lifetime > week {
		return storage.URL{}, op.Errorf(op.InvalidArgument, "expires is %d s: it can be 1 s and more, and up to 7 days without the account's key", in.Expires)
	}
	u, err := d.address(in.Bucket, in.Name)
	if err != nil {
		return storage.URL{}, err
	}
	expires := time.Now().Add(lifetime).UTC()
	values := sas.BlobSignatureValues{Protocol: sas.ProtocolHTTPS, ExpiryTime: expires, ContainerName: in.Bucket, BlobName: in.Name, Permissions: (&sas.BlobPermissions{Read: true}).String()}
	if u.Scheme == "http" {
		values.Protocol = sas.ProtocolHTTPSandHTTP
	}
	out := storage.URL{Method: in.Method, Headers: map[string]string{}, ExpiresAt: expires}
	if in.Method == storage.Put {
		values.Permissions = (&sas.BlobPermissions{Create: true, Write: true}).String()
		out.Headers["x-ms-blob-type"] = "BlockBlob"
		if in.ContentType != "" {
			out.Headers["Content-Type"] = in.ContentType
		}
	}
	var signed sas.QueryParameters
	switch {
	case d.key != nil:
		signed, err = values.SignWithSharedKey(d.key)
	case d.sas != "":
		return storage.URL{}, op.Errorf(op.Unsupported, "a shared access signature cannot sign another: give account_key, or sign in")
	default:
		var lent *service.UserDelegationCredential
		if lent, err = d.delegation.until(ctx, d.client, expires); err == nil {
			signed, err = values.SignWithUserDelegation(lent)
		}
	}
	if err != nil {
		return storage.URL{}, failed(err)
	}
	u.RawQuery = signed.Encode()
	out.URL = u.String()
	return out, nil
}

// delegation is a key that Azure lends, which signs as long as it lasts.
type delegation struct {
	mu   sync.Mutex
	key  *service.UserDelegationCredential
	ends time.Time
}

func (l *delegation) until(ctx context.Context, c *service.Client, expires time.Time) (*service.UserDelegationCredential, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key != nil && l.ends.After(expires) {
		return l.key, nil
	}
	// Clocks differ, and another URL may be wanted soon.
	now := time.Now().UTC()
	ends := expires.Add(time.Hour)
	if latest := now.Add(week); ends.After(latest) {
		ends = latest
	}
	key, err := did(c.GetUserDelegationCredential(ctx, service.KeyInfo{Start: to.Ptr(now.Add(-5 * time.Minute).Format(sas.TimeFormat)), Expiry: to.Ptr(ends.Format(sas.TimeFormat))}, nil))
	if err != nil {
		return nil, err
	}
	l.key, l.ends = key, ends
	return key, nil
}
