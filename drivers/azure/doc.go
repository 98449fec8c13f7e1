package azure

const sessionDoc = `## Credentials

With nothing configured, credentials are those of Azure's default chain: the environment (` + "`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`" + ` and
` + "`AZURE_CLIENT_SECRET`" + ` or ` + "`AZURE_CLIENT_CERTIFICATE_PATH`" + `), workload identity, managed identity, and what ` + "`az login`, `azd auth login`" + ` or
PowerShell left. ` + "`credentials`" + ` takes one of them alone; ` + "`client_secret` and `client_certificate`" + ` are an application's own.

    [connection.prod]
    driver         = "azure"
    subscription   = "00000000-0000-0000-0000-000000000000"
    resource_group = "web-prod"
    location       = "westeurope"
    tenant         = "…"
    client_id      = "…"
    client_secret  = "env:AZURE_SECRET"

` + "`cloud`" + ` is one of Azure's sovereign clouds. ` + "`endpoint`" + ` is sent to instead of Azure's; credentials still come from where they always do, or are an
` + "`access_token`" + `, which is sent as it is.

`

const managerDoc = `## Resource groups

A connection has a resource group: what is made goes into it, and lists are of it. Without one, lists are of the whole subscription, and nothing can be made. The group
must be there: ` + "`cloud.native(\"PUT /subscriptions/{subscription}/resourcegroups/web-prod\", query = {\"api-version\": \"2021-04-01\"}, body = {\"location\": \"westeurope\"})`" + `
makes one.

An id is ` + "`group/name`" + `, of what is in something else ` + "`group/outer/name`" + `: ` + "`web-prod/web-1`, `web-prod/net/front`" + `. Without the group it is in the connection's;
Azure's own ids, which begin with ` + "`/subscriptions/`" + `, are taken too.

## The way down

` + "`cloud.native`" + ` takes a method and a path of the [REST API](https://learn.microsoft.com/rest/api/azure/), with ` + "`api-version`" + ` in its query. ` + "`{subscription}`" + ` and
` + "`{resource_group}`" + ` are the connection's. Lists have pages for ` + "`cloud.native_pages`" + `. What changes is not waited for.

    cloud.native("GET /subscriptions/{subscription}/providers/Microsoft.Compute/locations/westeurope/usages", query = {"api-version": "2025-04-01"})

`

const computeDoc = `## What to know

- **A new node** is one request: Azure makes its root disk, network interface and address with it, or nothing, and removes them with it. It is in the subnets or networks that
  are named; else in the only network of the resource group at its location; where there is none, one is made, ` + "`default-LOCATION`" + `, which stays.
- **A public address** comes with a node in that network unless it shall have none, and with others if they shall. It lets nothing in until the node has a security group.
- **Names** are 1 to 64 letters, digits, ` + "`.`, `_` and `-`" + `, and are the identity of what has them: making another of the same name is an already_exists error.
- **Tags**: Azure keeps no idempotency tokens, so what is made has the call's as the tag ` + "`cloudlark-token`" + `, which scripts do not see, and a call that is repeated finds its own.
  Descriptions of snapshots, images and security groups are the tag ` + "`description`" + `. Subnets have no tags.
- **Key pairs** are SSH public keys of the resource group, RSA or ed25519. A node's is known by the comment of its key. A node that is made without one lets nobody in but whom its
  user_data lets in; ` + "`extra = {\"admin_password\": …}`" + ` is for Windows.
- **stop_node** deallocates: only so Azure takes no money for the processors. Addresses stay, as they are static. What is on a temporary disk does not.
- **suspend_node** hibernates, which a node must be made for: ` + "`extra = {\"hibernation\": True}`" + `, and a size and an image that can.
- **get_console_output** is the end of the boot diagnostics' log, which Azure writes every minute or so.
- **list_sizes** is of a location. A temporary disk is in ` + "`extra`" + `: what comes with every size is its root disk, a volume.
- **list_images** without owner lists the images of the resource group, of its galleries, and the newest of ` + "`image_offers`" + `; with ` + "`self`" + ` the first two; with a publisher, or
  ` + "`Publisher:Offer`" + `, what that has in the marketplace. Ids are ` + "`Canonical:ubuntu-24_04-lts:server:latest`" + `, ` + "`group/image`" + ` or ` + "`group/gallery/image`" + `, with a version behind it or not.
- **create_image** makes a managed image of a snapshot of the root disk, which delete_image removes too. The node goes on. Azure takes the image for generalized: cloud-init runs again
  in what is made of it. copy_image copies such an image in its location; what is to be in several belongs into a gallery.
- **Volumes** are managed disks, of Azure's type ` + "`Standard_LRS`" + `, hard disks, by default: give ` + "`type = \"Premium_LRS\"`" + ` or the like. ` + "`device`" + ` is the number of a LUN; a node tells its volumes' in ` + "`extra[\"luns\"]`" + `.
- **A security group** is a network security group and an application security group of the same name, whose members are the nodes in it: so a rule can be for a group. A node has one.
  It lets nothing in but what it allows: Azure would let a network's nodes talk to each other, and a last rule denies that. Rules that deny, or that are of tags of Azure's, are named in
  ` + "`extra[\"otherRules\"]`" + `. Azure lets all traffic out.
- **associate_address** gives the address to the node's primary interface. The address that came with the node is given back.
- A list of nodes costs the pages of four lists: machines, what they are doing, interfaces and addresses, however many nodes there are.
- Calls return when Azure has begun. Networks, rules and addresses, which have no state to tell the rest, are waited for.
`

const balancerDoc = `## What to know

- **A balancer** is a Standard load balancer with one frontend, pool, rule and probe, and a public address of its own, which goes with it. ` + "`extra = {\"internal\": True}`" + ` with
  ` + "`subnets`" + ` gives it a private one instead.
- **Members** are addresses in one network: that of ` + "`networks` or `subnets`" + `, else that of the first node among them, else the location's only one. All have one port, which the first
  says. Their security group must let the traffic in, as Azure hands it on with the address that it came from.
- **http** is carried as TCP, and so can https be, as ` + "`tcp`" + `: Azure Load Balancer ends no TLS.
- **round_robin** is Azure's own way, the hash of a connection's addresses and ports, which spreads connections evenly; **source_hash** keeps a client with a member. There are no weights.
- **A health check** has one threshold for both directions, and no timeout to set. Without one, members are checked every 15 s by opening a connection.
- A member that is draining gets no new connections; Azure cuts none. ` + "`drain_timeout`" + ` is the pool's.
- balancer_list_members asks for the balancer, the probe's word, and the interfaces, to know which members are nodes.
- A balancer cannot be renamed.
`

const aksDoc = `## What to know

- **A cluster** is of AKS, with one pool of machines when it is made; their size is Azure's choice if none is given. A container's id is ` + "`group/cluster/namespace/deployment/name`" + `. Lists of containers are of all
  clusters that run, unless one is named: each is asked by itself. ` + "`endpoint`" + ` is Azure Resource Manager's.
- **Who is there**: Azure tells how a cluster is spoken to, for which the connection's credentials need the role Azure Kubernetes Service Cluster User. A cluster with Entra ID gets a token of those credentials; no program is
  run for it, and an ` + "`access_token`" + ` is none. ` + "`admin`" + ` takes the local administrator's certificate instead, for which the role Cluster Admin is needed.
- A private cluster can be spoken to only from where its network can be reached.
- create_cluster takes as long as AKS does, some minutes; its Kubernetes can be spoken to when it is running. What it has beyond ` + "`extra`" + ` can be set by ` + "`native`" + `. A stopped cluster's containers are in no list.
- destroy_cluster refuses while anything runs outside of the namespaces of Kubernetes and AKS. What AKS made for it, its resource group of machines, goes with it.
- list_locations lists the regions of the subscription; AKS is in most of them.
- The way down without the argument ` + "`cluster`" + ` is Azure's API; with it, it is Kubernetes' of that cluster.
`

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
- A body of up to 8 MiB is written in one request, with its MD5, and so is one of up to 64 MiB that can be read twice and whose size is given, as a file's; any other in blocks, four at a time, each with its CRC-64. The MD5 of the whole is kept with it, and compared when the whole
  is read; a range of up to 4 MiB is compared with its own.
- Azure has no uploads. Those of create_multipart_upload are blocks whose ids say what they are of. Whoever writes an object has Azure drop the blocks that others have staged for the
  same name: their uploads are gone then, and a put_object in blocks that was under way is a conflict. list_multipart_uploads finds the uploads of names that have no object yet.
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
