// Package aws is the drivers for Amazon Web Services: "ec2", of the compute
// family, "s3", of the storage family, "alb" and "elb", of the load balancers,
// and "ecs" and "ecr", of the containers; and for the services that speak S3 and
// are not Amazon's (compatible.go): "ceph", "minio" and others.
//
// They share how a session is opened (session.go) and what an error means
// (errors.go); each file of the rest is one part of one service. The SDK
// makes one attempt a request: retrying is the host's. Every error of a request
// is already an [op.Error] when the SDK hands it back, so that no call maps
// errors by itself.
package aws

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/registry"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Providers returns the drivers of this package.
func Providers() []*drivers.Provider {
	return append([]*drivers.Provider{
		drivers.New(drivers.Info{
			Name:    "ec2",
			Family:  compute.Family,
			Title:   "Amazon EC2",
			Website: "https://aws.amazon.com/ec2/",
			Doc:     sessionDoc + ec2Doc,
			Extras: map[string]any{
				"create_node":      nodeExtra{},
				"create_nodes":     nodeExtra{},
				"create_volume":    volumeExtra{},
				"create_network":   networkExtra{},
				"create_subnet":    subnetExtra{},
				"allocate_address": addressExtra{},
			},
		}, openEC2),
		drivers.New(drivers.Info{
			Name:    "s3",
			Family:  storage.Family,
			Title:   "Amazon S3",
			Website: "https://aws.amazon.com/s3/",
			Doc:     sessionDoc + s3Doc + objectsDoc,
			Extras: map[string]any{
				"create_bucket":           bucketExtra{},
				"put_object":              objectExtra{},
				"create_multipart_upload": objectExtra{},
			},
		}, openS3),
		drivers.New(drivers.Info{
			Name:    "alb",
			Family:  lb.Family,
			Title:   "Amazon Application and Network Load Balancing",
			Website: "https://aws.amazon.com/elasticloadbalancing/",
			Doc:     sessionDoc + albDoc,
			Extras:  map[string]any{"create_balancer": albExtra{}, "update_balancer": albUpdateExtra{}},
			Missing: map[string]string{"balancer_update_member": "a target has neither a weight nor a switch: detach it, and it finishes what it has"},
		}, openALB),
		drivers.New(drivers.Info{
			Name:    "elb",
			Family:  lb.Family,
			Title:   "Amazon Elastic Load Balancing, classic",
			Website: "https://aws.amazon.com/elasticloadbalancing/",
			Doc:     sessionDoc + elbDoc,
			Extras:  map[string]any{"create_balancer": elbExtra{}},
			Missing: map[string]string{
				"balancer_attach_member": "a classic load balancer's members are instances: use balancer_attach_compute_node, or alb",
				"balancer_update_member": "an instance has neither a weight nor a switch here: detach it, and it finishes what it has",
			},
		}, openELB),
		drivers.New(drivers.Info{
			Name:    "ecs",
			Family:  container.Family,
			Title:   "Amazon Elastic Container Service",
			Website: "https://aws.amazon.com/ecs/",
			Doc:     sessionDoc + ecsDoc,
			Extras:  map[string]any{"create_cluster": clusterExtra{}, "deploy_container": serviceExtra{}},
			Missing: ecsMissing(),
		}, openECS),
		drivers.New(drivers.Info{
			Name:    "ecr",
			Family:  container.Family,
			Title:   "Amazon Elastic Container Registry",
			Website: "https://aws.amazon.com/ecr/",
			Doc:     sessionDoc + ecrDoc,
			Missing: registry.Missing("list_images"),
		}, openECR),
	}, compatibleProviders()...)
}

// ecsMissing says why there are operations that "ecs" does not have.
func ecsMissing() map[string]string {
	m := map[string]string{}
	for _, name := range []string{"list_images", "get_image", "pull_image", "push_image", "copy_image", "delete_image", "list_repositories", "list_tags"} {
		m[name] = "ECS keeps no images: open a registry with the driver ecr or oci"
	}
	return m
}

const sessionDoc = `## Credentials and region

With nothing configured, credentials and region are found as the AWS command line finds them: the environment
(` + "`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`, `AWS_REGION`" + ` …), the shared files ` + "`~/.aws/config` and `~/.aws/credentials`" + `
with their profiles, SSO and roles, a web identity, and the role of the container or machine that it runs on.

    [connection.prod]
    driver  = ["ec2", "s3"]
    region  = "eu-west-1"
    profile = "prod"

` + "`role_arn`" + ` is assumed with the credentials so found. ` + "`endpoint`" + ` is a compatible or emulated service;
credentials and roles still come from where they always do.

`

const ec2Doc = `## What to know

- A node is an instance, a size an instance type, a location an availability zone, a network a VPC, an address an
  Elastic IP. Names are the tag ` + "`Name`" + `, which is not among ` + "`tags`" + `.
- ` + "`price`" + ` is None: EC2 does not tell prices.
- list_images without owner lists the account's own images and Amazon's. owner is ` + "`self`, `amazon`" + ` or an account id.
- create_network without cidr takes 10.0.0.0/16. A node created with networks and no subnets gets a subnet of the first
  of them: one in its location, if that is given.
- suspend_node hibernates: the node must have been created with ` + "`extra = {\"hibernation\": True}`" + `. A hibernated
  node counts as suspended; resuming is starting it.
- copy_image copies from the region source_location into the connection's. delete_image deletes the image's snapshots too.
- A terminated node stays in the list for about an hour.
- native calls any operation of EC2 by its name and with its arguments' names: ` + "`cloud.native(\"DescribeVpcEndpoints\", MaxResults = 20)`" + `.
`

const albDoc = `## What to know

- A balancer is a load balancer with one listener and one target group: an application load balancer for http and https, a network load balancer for
  tcp, tls and udp. Its id is the ARN. A load balancer with several listeners shows that of the lowest port.
- destroy_balancer deletes the load balancer and the target group that was made for it, which has its name and the tag ` + "`cloudlark:balancer`" + `; target groups of others stay.
- ` + "`extra = {\"rules\": [{\"priority\": 10, \"hosts\": [\"api.example.net\"], \"paths\": [\"/v1/*\"], \"members\": [{\"ip\": \"10.0.0.9\"}]}]}`" + ` sends some of the requests of an application load balancer to members of
  their own: each rule has a target group that is made with it, and goes with it or with the balancer. update_balancer takes the rules that there shall be, [] for none; those that others made stay.
  create_balancer, get_balancer and refresh() show all of them in ` + "`extra[\"rules\"]`" + ` with their members; balancer_list_members lists those that get the rest.
- Members are addresses, nodes too: a node is a member by its first private address. A target group of another's with instances is shown, and cannot be added to.
- Without subnets a balancer is in one subnet of each zone of the network, or of the default network; an application load balancer wants two zones at least.
- algorithm is for http and https: round_robin, least_connections (least outstanding requests), random. A network load balancer always chooses by the connection's hash and shows source_hash.
- A load balancer keeps its name. update_balancer cannot turn http into tcp, whose load balancers are others.
- native calls any operation of Elastic Load Balancing (version 2): ` + "`cloud.native(\"DescribeRules\", ListenerArn = \"…\")`" + `.
`

const elbDoc = `## What to know

- Classic load balancers are of the previous generation; for new ones use alb. A balancer's id is its name. It has one listener; one with several shows that of the lowest port.
- Members are nodes. All of a balancer's have one port, which the first one says. Without a health check, a connection to that port is tried.
- The algorithm is shown as round_robin and cannot be chosen: it is that for tcp and tls, and least outstanding requests for http and https.
- A load balancer keeps its name. native calls any operation of Elastic Load Balancing (2012-06-01).
`

const s3Doc = `## What to know

- For a compatible server without a driver of its own name set ` + "`endpoint`" + `; buckets are then part of the path, unless
  ` + "`path_style = false`" + `. A region is needed there too: most take ` + "`us-east-1`" + `.
- Every body is sent with its CRC32C, which the signature covers, and over a connection that others can read by its SHA-256 too. A service that heeds no CRC32C wants
  ` + "`sign_body = true`" + `.
- A bucket is used through a connection of its own region.
`

// objectsDoc is what there is to know of every service that speaks S3.
const objectsDoc = `- A body of more than 8 MiB is uploaded in parts, four at a time, and becomes visible when the last has arrived. The parts
  of an upload that fails are deleted.
- create_multipart_upload and upload_part write an object in parts of 5 MiB and more that another process can go on with. What of them is neither completed nor aborted costs
  money: list_multipart_uploads finds it. A part from a file is read twice, any other is held in memory.
- Whole reads are verified against the checksum that the service keeps, or against the MD5 in the ETag where it is one;
  reads of a range are not, as there is no checksum of a range.
- delete_object succeeds for a name that is not there: the service does not tell.
- A presigned URL works for at most seven days, and no longer than the credentials that signed it.
- Metadata that is not ASCII is kept as RFC 2047 words, as S3 itself shows it.
- native calls any operation of S3 that does not answer with a body: ` + "`cloud.native(\"GetBucketEncryption\", Bucket = \"b\")`" + `.
`

const ecsDoc = `## What to know

- A container is a service of one task definition, and its id the service's ARN. Its tasks are its replicas: ready counts those that run. Of a service with several containers the first is shown.
- deploy_container registers a task definition and creates the service; destroy_container deletes both, and no task definition of others. A task definition that the tags do not call Cloudlark's own stays.
- It runs on Fargate unless ` + "`extra = {\"launch_type\": \"EC2\"}`" + `. Without ` + "`subnets`" + ` it is in the default network, with public addresses; a Fargate task is of the smallest size that has room for cpus and memory.
- Fargate pulls from ECR and writes logs with a role: ` + "`execution_role`" + `, in the connection or in extra.
- stop_container lets none run, and start_container as many as before. restart_container replaces the tasks, new ones first. How long a task may take to end is its own: ` + "`extra = {\"stop_timeout\": \"2m\"}`" + ` of deploy_container, whatever stop_container's timeout. A service always replaces what ends: restart_policy can only be always.
- get_container_logs reads CloudWatch, where ` + "`log_group`" + ` (in the connection or in extra) has the container write. It does not tell the two outputs apart.
- A mount without a source is memory on EC2, and a folder of the task's own disk on Fargate; one with ` + "`fs-…`" + ` is a file system of EFS.
- exec_container is ECS Exec, in the first task that can take a command, as root. ECS wants the service deployed with a task role, ` + "`task_role`" + ` in the connection or in extra, that allows
  ` + "`ssmmessages:CreateControlChannel`, `CreateDataChannel`, `OpenControlChannel` and `OpenDataChannel`" + `; ` + "`extra = {\"exec\": False}`" + ` leaves it out. The image needs /bin/sh and cat, and stty and head to be given input, as
  those of Debian, Alpine and busybox have them. Where ` + "`/tmp` or `$TMPDIR`" + ` cannot be written to, standard error comes within standard output. The Session Manager ends a command that is silent for 20 minutes.
  A command that is given up is interrupted, unless input that it does not read stands in the way. Where the cluster encrypts its sessions with a key of KMS, ` + "`kms:GenerateDataKey`" + ` of it is needed.
- An image that is not there is noticed when a task starts: ` + "`extra[\"last_event\"]`" + ` tells, and after some failures the state is error.
- native calls any operation of ECS by its name: ` + "`cloud.native(\"DescribeTasks\", Cluster = \"…\", Tasks = [\"…\"])`" + `.
`

const ecrDoc = `## What to know

- The registry is that of the account and region. Names without a registry are in it; copy_image reaches any other that a name begins with, with Docker's logins.
- Its token is asked for when it is needed, and renewed.
- list_images has the images of all repositories, also those without tags; what they run on is for get_image.
- list_tags has each tag's digest, size and time. get_image and copy_image speak the registry's own protocol: see the driver oci. A repository must be there to be copied to: ` + "`cloud.native(\"CreateRepository\", RepositoryName = \"team/app\")`" + `.
- delete_image deletes a tag or, by digest, an image with all its tags.
- native calls any operation of ECR by its name: ` + "`cloud.native(\"DescribeImageScanFindings\", RepositoryName = \"team/app\", ImageId = {\"ImageTag\": \"1.2\"})`" + `.
`
