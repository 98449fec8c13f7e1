package google

const sessionDoc = `## Credentials and project

With nothing configured, credentials are Google's application default credentials: the file that
` + "`GOOGLE_APPLICATION_CREDENTIALS`" + ` names, what ` + "`gcloud auth application-default login`" + ` left, or the service account of
the machine that it runs on. The project is that of ` + "`GOOGLE_CLOUD_PROJECT`" + ` or of the credentials.

    [connection.prod]
    driver           = "gce"
    project          = "my-project"
    zone             = "europe-west1-b"
    credentials_file = "/etc/cloudlark/robot.json"

` + "`impersonate`" + ` is a service account to act as: the credentials need the role Service Account Token Creator on it.
` + "`endpoint`" + ` is sent to instead of Google's; credentials still come from where they always do.

`

const gceDoc = `## The way down

` + "`cloud.native`" + ` takes a method and a path of the [API](https://cloud.google.com/compute/docs/reference/rest/v1) after ` + "`/compute/v1`" + `;
` + "`{project}`" + ` is the connection's. Another service of Google's is named by its whole URL. Lists have pages for ` + "`cloud.native_pages`" + `. What
changes answers with an operation, which is not waited for.

    cloud.native("GET /projects/{project}/regions", query = {"fields": "items(name,quotas)"})
    cloud.native("POST /projects/{project}/zones/europe-west1-b/instances/web-1/setScheduling", body = {"automaticRestart": False})

## What to know

- **Names** are the identity of everything here, and cannot be changed: 1 to 63 lower-case letters, digits and hyphens, beginning
  with a letter. Other names are refused. An id is the name, with the zone or region before it where there is one:
  ` + "`europe-west1-b/web-1`, `europe-west1/front`, `prod-net`" + `; in another project, with that before: ` + "`debian-cloud/debian-12-bookworm-v20240415`" + `.
- **Tags** are labels: at most 63 lower-case letters, digits, ` + "`_` and `-`" + `. Networks, subnets and firewall rules have none.
- **Locations** are zones. Subnets and addresses are in regions: there, a zone stands for its region. Where a zone is needed, a region
  stands for the connection's zone in it, or its first.
- **list_sizes** without location lists the sizes of the zone where a node would be made; where the connection has neither zone nor
  region, those of all zones, each once, which takes more than a hundred requests. Ids are the same in all zones.
- **list_images** without owner lists the project's own images and those of Google's public projects that are not deprecated. owner is
  ` + "`self`" + ` or a project. Where a node is made, ` + "`debian-cloud/family/debian-12`" + ` is the newest image of a family.
- A node's ` + "`image`" + ` is empty: Google tells it only of the root disk, in ` + "`extra[\"sourceImage\"]`" + ` of the volume.
- **A new node** is in the network ` + "`default`" + ` and has a public address, unless told otherwise. user_data is for images with cloud-init; for
  others there is ` + "`extra = {\"startup_script\": …}`" + `.
- **Key pairs** are the lines of the project's metadata ` + "`ssh-keys`" + `, their names the comments. By Google's rules such a key lets into all
  nodes of the project, as the user ` + "`ssh_user`" + `; a node made with ` + "`extra = {\"block_project_keys\": True}`" + ` knows only its own. Where
  OS Login is on, Google ignores metadata.
- **A security group** is a network tag: its rules are the firewall rules for it, and a node's groups are its tags. A disabled firewall rule with
  the group's name keeps its description, and keeps it while it has no rules. Firewall rules that are for all nodes, deny, or are for service
  accounts are not shown. Google lets all traffic out.
- **Networks** have no range of addresses. One that was made with ` + "`cidr`" + ` keeps it in its description, and create_subnet holds to it.
- reboot_node resets the node: Google cannot ask it to reboot.
- create_image of a running node takes its disk as it is; with ` + "`reboot`" + `, the node is stopped until the image is made.
- What is in a zone or region that cannot be reached makes a list fail, as leaving it out could mislead; with location, the others can be listed.
- Calls return when Google has begun and what it made it from is there. What has no state to tell the rest, such as a network or a key, is waited for.
`

const gcsDoc = `## What to know

- An etag is the object's generation, which changes with the body alone. Google's own etag is in ` + "`extra`" + `.
- A body of up to 8 MiB is sent in one request, and so is one of up to 64 MiB that can be read twice and whose size is given, as a file's; any other by a resumable upload, 8 MiB at a time, and becomes
  visible when the last has arrived.
- Every body is checked with its CRC32C. Google is told it beforehand with what is sent in one request, and refuses damaged ones; of others it is compared afterwards, and an
  object that was damaged is deleted again. Whole reads are verified; reads of a range are not, as Google keeps no checksum of a range.
- The parts of a multipart upload are objects below ` + "`.cloudlark/`" + ` in the bucket, which lists leave out, until Google composes them: only so can an upload be resumed by another
  process, in any order, and replace nothing with ` + "`if_absent`" + `. What is composed has no MD5. No other object's name can begin like that, and a bucket with uploads in it is not empty.
- What is kept with ` + "`content_encoding = \"gzip\"`" + ` is given as it is kept.
- ` + "`presign_object`" + ` needs a service account's key, from a file: other credentials cannot sign. A URL works for at most seven days.
- Google has no request that deletes many objects: ` + "`delete_objects`" + ` sends sixteen at a time.
- Native operations are those of the [JSON API](https://cloud.google.com/storage/docs/json_api/v1) after ` + "`/storage/v1`" + `:
  ` + "`store.native(\"GET /b/reports/iam\")`" + `.
`

const lbDoc = `## What to know

- A balancer is a forwarding rule with what it leads to: for http and https a proxy, a URL map and a backend service, for tcp and tls a proxy and a backend service, for udp a backend service alone, which passes
  packets through. ` + "`extra = {\"form\": …}`" + ` chooses: ` + "`passthrough`" + ` for tcp as well, ` + "`target_pool`" + ` for the oldest form.
- Its id is the rule's name, with the region before it for one in a region: ` + "`web`, `europe-west1/web`" + `. http, https, tcp and tls are global unless a location is given, which tcp and tls proxies cannot have; an application
  balancer in a region wants a proxy-only subnet there. passthrough and target_pool are in the connection's region if no location is given.
- All parts have the balancer's name, and its mark as their description; destroy_balancer removes those, also the rest of what a destroy left that failed. Parts of others stay.
- Members are endpoints of network endpoint groups, one group for each zone; addresses that are not of nodes are in a group of the connection's zone, which Google reaches by VPN or interconnect.
  Members of passthrough and target_pool are nodes, and have the balancer's port.
- **Checks come from 130.211.0.0/22 and 35.191.0.0/16**, and so do the connections of proxies: the members' security group must let them in. Google takes an answer of 200 alone for healthy. Without a health check asked for, ` + "`/`" + `
  is asked for with http and https, and a connection is tried otherwise.
- algorithm is for http, https, tcp and tls: round_robin, least_connections, random, source_hash. The others choose by the connection's hash, and show source_hash.
- A certificate is the name of an SSL certificate of the project. TLS ends at the balancer.
- A rule cannot change: update_balancer makes it anew with another port, and it keeps its address, which is reserved for it. Its name stays.
- native is as that of the compute driver: ` + "`balancers.native(\"GET /projects/{project}/global/urlMaps/web\")`" + `.
`
