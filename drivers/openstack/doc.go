package openstack

const sessionDoc = `## Which cloud

A connection is a cloud of ` + "`clouds.yaml`" + ` and ` + "`secure.yaml`" + `, where OpenStack's own tools look for them:

    cloud = compute.driver("openstack", cloud = "mycloud")

Without ` + "`cloud`" + `, ` + "`OS_CLOUD`" + ` names it; without both, the ` + "`OS_`" + ` variables of the file that a dashboard offers for download are used. What is configured stands over
what the files and the variables say, and ` + "`auth_url`" + ` with credentials stands alone: a password of the environment is not sent to another identity service. One
can be a user with a password, an application credential, or a token of Keystone, version 3. A token that runs out is renewed. A profile of ` + "`clouds-public.yaml`" + ` works
as with OpenStack's own tools.

Services are found in the cloud's catalogue, by ` + "`region`" + ` and ` + "`interface`" + `; ` + "`endpoints`" + ` says otherwise. A cloud with several regions wants one chosen.
Certificates come from the system, ` + "`cacert`" + ` and what clouds.yaml says.

`

const computeDoc = `## What to know

- Tags of nodes, volumes and snapshots are metadata. Networks, subnets, security groups and addresses have words for tags: ` + "`key=value`" + `. Images have both those and
  properties: ` + "`tag:key`" + ` is what ` + "`create_image`" + ` sets, as Glance loses words that are added while an image is made.
- ` + "`public_address = True`" + ` and ` + "`subnets`" + ` make ports and addresses that go with the node when it is destroyed. Where the project has several networks, say which one.
- ` + "`root_disk`" + ` makes the root disk a volume, which goes with the node.
- ` + "`stop_node`" + ` asks the node to shut down; Nova cuts its power when it has not done so within a minute, or within what its image says. So ` + "`force`" + ` stops it too, and no sooner.
- ` + "`resize_node`" + ` waits until the node has its new size and confirms it. A node of two sizes costs both.
- ` + "`create_key_pair`" + ` makes an ed25519 key, of which only the public half goes to Nova.
- ` + "`create_image`" + ` copies a running node's disk as it is; with ` + "`reboot`" + `, the node is stopped until the image is made.
- ` + "`copy_image`" + ` sends the image's content by way of this machine, also from another region: give ` + "`source_location`" + `.
- A network has no range: what ` + "`cidr`" + ` says is kept in its description, and its subnets are held to it. Security groups belong to no network.
- A rule that lets a security group in is one of IPv4 and one of IPv6; both are one here. Rules of other protocols are in ` + "`extra`" + `.
- Cinder destroys no volume that has snapshots.
- Nova lists nodes that have no host yet before all others: while nodes begin, a list of more than one page (1,000 nodes, as Nova comes) can show one twice, or pass over it.
- Nova has no request that is safe to repeat when it may have had effect: creates are not repeated then.
- Native operations are those of the [API](https://docs.openstack.org/api-quick-start/), of Nova or of the service whose type stands before the path:
  ` + "`cloud.native(\"GET /os-hypervisors\")`, `cloud.native(\"GET network:/routers\", query = {\"name\": \"edge\"})`, `cloud.native(\"GET identity:/projects/{project}\")`" + `.
`

const balancerDoc = `## What to know

- A balancer is a load balancer of Octavia's with one listener, one pool and a health monitor, made in one request and destroyed in one.
- It has an address in a subnet or network: give ` + "`subnets`, `networks`" + `, or the connection a ` + "`subnet`" + `. ` + "`extra = {\"public_address\": \"external\"}`" + ` gets it a public one
  besides, which goes with it.
- While Octavia works on one change, a balancer takes no other: changes wait for their turn. ` + "`update_balancer`" + ` returns when the last of its changes has begun.
- A listener has its port and protocol for good: to change them, another takes its place before the same pool. A change of port leaves no gap. What speaks HTTP cannot become
  TCP or UDP, nor the other way round.
- ` + "`https`" + ` ends TLS in the balancer: ` + "`certificate`" + ` is the URL of a container or secret of the key manager (Barbican).
- Octavia's round robin and least connections heed weights. The weighted algorithms are those, remembered as a tag of the pool.
- A member by node is its first IPv4 address; the node's id is kept as a tag. A member that drains has the weight 0, and its own in a tag. Octavia waits for nobody when a
  member is detached: there is no ` + "`drain_timeout`" + `.
- A health check's port is kept as a tag of the monitor, and is each member's monitor_port.
- Native operations are those of the [API](https://docs.openstack.org/api-ref/load-balancer/v2/) after ` + "`/v2.0`" + `: ` + "`balancers.native(\"GET /lbaas/amphorae\")`" + `.
`
