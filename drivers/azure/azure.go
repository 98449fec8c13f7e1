// Package azure is the drivers for Microsoft Azure.
//
// How a session is opened (session.go) and what an error means (errors.go) is
// for all services; each file of the rest is one part of one service. The SDK
// makes one attempt a request: retrying is the host's.
package azure

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Providers returns the drivers of this package.
func Providers() []*drivers.Provider {
	return []*drivers.Provider{
		drivers.New(drivers.Info{
			Name:    "azure_blobs",
			Family:  storage.Family,
			Title:   "Azure Blob Storage",
			Website: "https://azure.microsoft.com/products/storage/blobs",
			Doc:     blobsDoc,
			Extras: map[string]any{
				"create_bucket":           containerExtra{},
				"put_object":              objectExtra{},
				"create_multipart_upload": objectExtra{},
			},
		}, openBlobs),
	}
}

const blobsDoc = `## Credentials

    [connection.blobs]
    driver  = "azure_blobs"
    account = "mystore"

Who signs in is found as the Azure command line finds it: from ` + "`az login`" + `, the environment, a workload's or a machine's identity, or what is configured. Reading and writing wants
one of the roles Storage Blob Data Reader, Contributor and Owner. Instead, ` + "`account_key`, `sas_token` or `connection_string`" + ` can be given, or be in the environment:
` + "`AZURE_STORAGE_ACCOUNT`, `AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN`, `AZURE_STORAGE_CONNECTION_STRING`" + `. ` + "`UseDevelopmentStorage=true`" + ` is the emulator Azurite.

## What to know

- A bucket is a container. It is where its account is, so create_bucket takes no location.
- delete_bucket looks first whether the container is empty: Azure would delete it with all that is in it. What somebody writes between the two is lost.
- Objects are written as block blobs; append and page blobs can be listed, read, copied and deleted. storage_class is the access tier: Hot, Cool, Cold, Archive.
- A body of up to 8 MiB is written in one request, with its MD5; a longer one in blocks, four at a time, each with its CRC-64. The MD5 of the whole is kept with it, and compared when the whole
  is read; a range of up to 4 MiB is compared with its own.
- Azure has no uploads. Those of create_multipart_upload are blocks whose ids say what they are of. Whoever writes an object has Azure drop the blocks that others have staged for the
  same name: their uploads are gone then, and a put_object of more than 8 MiB that was under way is a conflict. list_multipart_uploads finds the uploads of names that have no object yet.
- An upload that is aborted, or a put_object that fails, of a name without an object, leaves nothing: for a moment there is an empty object. Where there is an object, Azure drops the blocks with its next
  version, or after a week.
- The etag changes with the metadata too.
- copy_object copies within the account, and waits until Azure is done.
- Names are refused that Azure would not keep: with backslashes, control characters, a dot before a slash or at the end, or more than 254 slashes.
- Metadata that is not ASCII is kept as RFC 2047 words; names are words.
- A presigned URL is a shared access signature. Without the account's key it is signed with a key that Azure lends for seven days, which wants the role Storage Blob Delegator.
  It can be used to put only with the headers that come with it.
- native makes any request of Blob Storage: ` + "`cloud.native(\"GET /?comp=properties&restype=service\")`" + `. XML comes as dicts, and of an answer without a body the headers; a body is a text, sent as it is.
`
