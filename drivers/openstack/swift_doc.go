package openstack

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// swiftProvider is the driver "swift".
func swiftProvider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "swift",
		Family:  storage.Family,
		Title:   "OpenStack Swift",
		Website: "https://docs.openstack.org/swift/latest/",
		Doc:     swiftDoc,
		Extras: map[string]any{
			"create_bucket":           containerExtra{},
			"put_object":              objectExtra{},
			"create_multipart_upload": objectExtra{},
		},
	}, openSwift)
}

const swiftDoc = `## Credentials

Through Keystone, as every driver of OpenStack: ` + "`cloud`" + ` names one of clouds.yaml, or OS_CLOUD or the other variables do.

    [connection.objects]
    driver = "swift"
    cloud  = "mycloud"

A cluster without Keystone, and Ceph's gateway, let users in by version 1 of the API: ` + "`auth_url`" + ` ends with /auth/v1.0 then, and username and password are the user and its key. They can be in the
environment, as for Swift's own client: ` + "`ST_AUTH`, `ST_USER`, `ST_KEY`" + `.

    [connection.ceph]
    driver   = "swift"
    auth_url = "https://gateway.example.com/auth/v1.0"
    username = "account:user"
    password = "env:SWIFT_KEY"

## What to know

- A bucket is a container. It has no location; extra takes a storage_policy. Lists may lag behind writes: a cluster is consistent after a while.
- A body of up to 8 MiB is one object, sent with its MD5, and so is one of up to 64 MiB that can be read twice and whose size is given, as a file's; any other is a static large object: segments of 8 MiB, four of which are sent at a time, each with its MD5, and a manifest. They are in
  the container ` + "`bucket_segments`" + `, which lists show too, and are deleted with the object, when it is written over, and when its upload fails. The container goes with its bucket.
- Segments that were written while a connection thought that a bucket had none, by another program, stay when this connection writes the object over.
- The whole of an object is compared with its MD5, and each segment of a large one; ranges are not, as there is no sum of a range.
- Dynamic large objects can be read; their segments are their owner's to delete.
- if_absent looks whether there is an object before it writes, and Swift does while it does: of two such writers at once, both may succeed.
- copy_object copies a large object segment by segment.
- delete_objects is one request for a thousand names where a cluster has bulk deletion and the bucket no segments, else one for each name.
- Metadata's names have letters, digits and hyphens; what is not ASCII is kept as RFC 2047 words.
- Names with "." or ".." between slashes are refused, since a proxy on the way may take them for folders.
- A presigned URL is a temporary URL. It is signed with temp_url_key, or with the account's key; an account that has none is given one the first time.
- native makes any request below the account: ` + "`cloud.native(\"HEAD /\")`" + `. JSON comes as it is, and of an answer without a body the headers; a body that is a text is sent as it is.
`
