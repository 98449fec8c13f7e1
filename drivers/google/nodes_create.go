package google

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// nodeExtra is what create_node takes beyond the contract.
type nodeExtra struct {
	Description        string            `json:"description,omitzero" help:"What to say of it."`
	ServiceAccount     string            `json:"service_account,omitzero" help:"The e-mail address of the service account that it acts as; none if not given."`
	Scopes             []string          `json:"scopes,omitzero" help:"What its tokens are good for; cloud-platform if not given."`
	Spot               bool              `json:"spot,omitzero" help:"A spot VM, which Google may stop at any time."`
	StartupScript      string            `json:"startup_script,omitzero" help:"A script that Google's guest agent runs at every start, for images without cloud-init."`
	Metadata           map[string]string `json:"metadata,omitzero" help:"More metadata."`
	BlockProjectKeys   bool              `json:"block_project_keys,omitzero" help:"Let only key_pair in, not all key pairs of the project."`
	RootDiskType       string            `json:"root_disk_type,omitzero" help:"The type of its root disk, as pd-balanced."`
	PrivateIP          string            `json:"private_ip,omitzero" help:"Its address in the first subnet."`
	CanIPForward       bool              `json:"can_ip_forward,omitzero" help:"Let it send what is not from its own address."`
	DeletionProtection bool              `json:"deletion_protection,omitzero" help:"Refuse to destroy it; for create_node alone."`
	Hostname           string            `json:"hostname,omitzero" help:"Its host name, fully qualified; for create_node alone."`
	MinCPUPlatform     string            `json:"min_cpu_platform,omitzero" help:"The oldest processor that will do, as \"Intel Ice Lake\"."`
	Accelerator        string            `json:"accelerator,omitzero" help:"The type of the accelerators to add, as nvidia-tesla-t4."`
	AcceleratorCount   int               `json:"accelerator_count,omitzero" default:"1" help:"How many of them."`
}

func (d *gceDriver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	if err := named("a node", in.Name); err != nil {
		return compute.Node{}, err
	}
	extra, err := op.Extra[nodeExtra](in.Extra)
	if err != nil {
		return compute.Node{}, err
	}
	r, i, err := d.plan(ctx, in, extra)
	if err != nil {
		return compute.Node{}, err
	}
	i.Name, i.MachineType = in.Name, fmt.Sprintf("zones/%s/machineTypes/%s", r.scope, in.Size)
	i.Hostname, i.DeletionProtection = extra.Hostname, extra.DeletionProtection
	o, err := change(ctx, "insert", d.api.Instances.Insert(r.project, r.scope, i))
	if err != nil {
		return compute.Node{}, err
	}
	return d.arrival(ctx, d.start(r.project, o), r)
}

// arrival waits until a new node has what it runs on, for a zone can be short
// of that, and returns it.
func (d *gceDriver) arrival(ctx context.Context, j *job, r ref) (compute.Node, error) {
	var seen *gce.Instance
	look := func(ctx context.Context) (bool, error) {
		i, err := d.instance(ctx, r, nodeFields)
		if op.KindOf(err) == op.NotFound {
			return false, nil
		}
		seen = i
		return err == nil && i.Status != "PENDING" && i.Status != "PROVISIONING", err
	}
	remove := func(ctx context.Context) error { return d.remove(ctx, r) }
	err := j.made(ctx, look, remove)
	if err != nil {
		return compute.Node{}, err
	}
	if seen == nil || j.done() {
		if seen, err = fetched(ctx, "the node "+r.name, func() (*gce.Instance, error) { return d.instance(ctx, r, nodeFields) }, remove); err != nil {
			return compute.Node{}, err
		}
	}
	return nodeOf(r.project, seen), nil
}

// CreateNodes leaves all or none to Google Compute Engine: a bulk insertion
// with count as its minimum removes what it made when it cannot make the rest.
func (d *gceDriver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	if in.Count < 1 {
		return nil, op.Errorf(op.InvalidArgument, "count is %d: it must be 1 or more", in.Count)
	}
	if err := named("a node", fmt.Sprintf("%s-%d", in.Name, in.Count)); err != nil {
		return nil, err
	}
	extra, err := op.Extra[nodeExtra](in.Extra)
	switch {
	case err != nil:
		return nil, err
	case extra.Hostname != "" || extra.DeletionProtection:
		return nil, op.Errorf(op.InvalidArgument, "extra: hostname and deletion_protection are for create_node alone")
	}
	r, i, err := d.plan(ctx, in.CreateNode, extra)
	if err != nil {
		return nil, err
	}
	bulk := &gce.BulkInsertInstanceResource{Count: int64(in.Count), MinCount: int64(in.Count), InstanceProperties: properties(i, in.Size),
		PerInstanceProperties: map[string]gce.BulkInsertInstanceResourcePerInstanceProperties{}}
	names := make([]string, in.Count)
	for k := range names {
		names[k] = fmt.Sprintf("%s-%d", in.Name, k+1)
		bulk.PerInstanceProperties[names[k]] = gce.BulkInsertInstanceResourcePerInstanceProperties{}
	}
	o, err := change(ctx, "insert", d.api.Instances.BulkInsert(r.project, r.scope, bulk))
	if err != nil {
		return nil, err
	}
	return d.arrivals(ctx, d.start(r.project, o), r, names)
}

// arrivals is arrival for several nodes.
func (d *gceDriver) arrivals(ctx context.Context, j *job, r ref, names []string) ([]compute.Node, error) {
	created := func(context.Context) (bool, error) {
		m := j.state.InstancesBulkInsertOperationMetadata
		if m == nil {
			return false, nil
		}
		n := 0
		for _, there := range m.PerLocationStatus {
			n += int(there.CreatedVmCount)
		}
		return n == len(names), nil
	}
	remove := func(ctx context.Context) error {
		for _, name := range names {
			if err := d.remove(ctx, ref{r.project, r.scope, name}); err != nil && op.KindOf(err) != op.NotFound {
				return err
			}
		}
		return nil
	}
	if err := j.made(ctx, created, remove); err != nil {
		return nil, err
	}
	// eq takes a regular expression, which a list of a thousand names is not.
	stem := strings.TrimSuffix(names[0], "1")
	list := d.api.Instances.List(r.project, r.scope).Filter("name eq "+stem+"[0-9]+").MaxResults(d.page(most)).Fields("nextPageToken", "items("+nodeFields+")")
	found, err := fetched(ctx, "one of the nodes "+strings.Join(names, ", "), func() (map[string]compute.Node, error) {
		found := map[string]compute.Node{}
		err := list.Pages(ctx, func(l *gce.InstanceList) error {
			for _, i := range l.Items {
				found[i.Name] = nodeOf(r.project, i)
			}
			return nil
		})
		if err != nil {
			return nil, failed(err)
		}
		return found, nil
	}, remove)
	if err != nil {
		return nil, err
	}
	nodes := make([]compute.Node, len(names))
	for k, name := range names {
		n, ok := found[name]
		if !ok {
			return nil, op.Errorf(op.Conflict, "the node %s was made, and has been removed since", name)
		}
		nodes[k] = n
	}
	return nodes, nil
}

// plan is a new node in the form of a single insertion, but for its name and
// size, and the zone that it will be in.
func (d *gceDriver) plan(ctx context.Context, in compute.CreateNode, extra nodeExtra) (ref, *gce.Instance, error) {
	r := ref{name: in.Name}
	var err error
	if r.project, err = d.project(ctx); err != nil {
		return r, nil, err
	}
	image, err := d.imageURL(r.project, in.Image)
	if err != nil {
		return r, nil, err
	}
	if in.RootDisk < 0 {
		return r, nil, op.Errorf(op.InvalidArgument, "root_disk is %d GiB: it cannot be negative", in.RootDisk)
	}
	if !rule.MatchString(in.Size) {
		return r, nil, op.Errorf(op.NotFound, "there is no size %q: list_sizes lists them", in.Size)
	}
	tags, err := labels(in.Tags)
	if err != nil {
		return r, nil, err
	}
	location := in.Location
	if location == "" && len(in.Subnets) > 0 {
		// Where the subnet is, in the connection's zone if that is there.
		subnet, err := placed("subnet", in.Subnets[0], r.project, d.region)
		if err != nil {
			return r, nil, err
		}
		location = subnet.scope
	}
	if r.scope, err = d.zoneFor(ctx, location); err != nil {
		return r, nil, err
	}
	metadata, err := d.metadata(ctx, in, extra)
	if err != nil {
		return r, nil, err
	}
	if err := d.checkGroups(ctx, in.SecurityGroups); err != nil {
		return r, nil, err
	}
	interfaces, err := d.interfaces(ctx, r, in, extra.PrivateIP)
	if err != nil {
		return r, nil, err
	}
	disk := &gce.AttachedDiskInitializeParams{SourceImage: image, DiskSizeGb: int64(in.RootDisk), Labels: tags}
	if extra.RootDiskType != "" {
		disk.DiskType = fmt.Sprintf("zones/%s/diskTypes/%s", r.scope, extra.RootDiskType)
	}
	i := &gce.Instance{Description: extra.Description, Labels: tags, Metadata: metadata, NetworkInterfaces: interfaces, CanIpForward: extra.CanIPForward,
		MinCpuPlatform: extra.MinCPUPlatform, Disks: []*gce.AttachedDisk{{Boot: true, AutoDelete: true, InitializeParams: disk}}}
	if len(in.SecurityGroups) > 0 {
		i.Tags = &gce.Tags{Items: in.SecurityGroups}
	}
	extra.apply(i, r.scope)
	return r, i, nil
}

func (e nodeExtra) apply(i *gce.Instance, zone string) {
	if e.ServiceAccount != "" {
		scopes := e.Scopes
		if len(scopes) == 0 {
			scopes = []string{scope}
		}
		i.ServiceAccounts = []*gce.ServiceAccount{{Email: e.ServiceAccount, Scopes: scopes}}
	}
	if e.Spot {
		i.Scheduling = &gce.Scheduling{ProvisioningModel: "SPOT", InstanceTerminationAction: "STOP"}
	}
	if e.Accelerator != "" {
		i.GuestAccelerators = []*gce.AcceleratorConfig{{AcceleratorType: fmt.Sprintf("zones/%s/acceleratorTypes/%s", zone, e.Accelerator),
			AcceleratorCount: int64(cmp.Or(e.AcceleratorCount, 1))}}
		if i.Scheduling == nil {
			i.Scheduling = &gce.Scheduling{}
		}
		i.Scheduling.OnHostMaintenance = "TERMINATE" // accelerators do not migrate
	}
}

// metadata is what a new node finds at the metadata server.
func (d *gceDriver) metadata(ctx context.Context, in compute.CreateNode, extra nodeExtra) (*gce.Metadata, error) {
	values := maps.Clone(extra.Metadata)
	if values == nil {
		values = map[string]string{}
	}
	if in.UserData != "" {
		values["user-data"] = in.UserData
	}
	if extra.StartupScript != "" {
		values["startup-script"] = extra.StartupScript
	}
	if extra.BlockProjectKeys {
		values["block-project-ssh-keys"] = "TRUE"
	}
	if in.KeyPair != "" {
		k, err := d.key(ctx, in.KeyPair)
		if err != nil {
			return nil, err
		}
		// The key that the node was made with comes first: see keyIn.
		values[sshKeys] = strings.TrimSuffix(k.line()+"\n"+values[sshKeys], "\n")
	}
	if len(values) == 0 {
		return nil, nil
	}
	m := &gce.Metadata{}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v := values[k]
		m.Items = append(m.Items, &gce.MetadataItems{Key: k, Value: &v})
	}
	return m, nil
}

// interfaces are the network interfaces of a new node: one for each subnet or
// network. The first has a public address unless it shall not.
func (d *gceDriver) interfaces(ctx context.Context, r ref, in compute.CreateNode, privateIP string) ([]*gce.NetworkInterface, error) {
	var list []*gce.NetworkInterface
	switch {
	case len(in.Subnets) > 0:
		for _, id := range in.Subnets {
			subnet, err := placed("subnet", id, r.project, regionOf(r.scope))
			if err != nil {
				return nil, err
			}
			list = append(list, &gce.NetworkInterface{Subnetwork: subnet.url("regions", "subnetworks")})
		}
	case len(in.Networks) > 0:
		for _, id := range in.Networks {
			network, err := global("network", id, r.project)
			if err != nil {
				return nil, err
			}
			subnet, err := d.subnetIn(ctx, network, regionOf(r.scope))
			if err != nil {
				return nil, err
			}
			list = append(list, &gce.NetworkInterface{Network: network.url("", "networks"), Subnetwork: subnet})
		}
	default:
		list = []*gce.NetworkInterface{{Network: "global/networks/default"}}
	}
	list[0].NetworkIP = privateIP
	if in.PublicAddress == nil || *in.PublicAddress {
		list[0].AccessConfigs = []*gce.AccessConfig{{Name: natName, Type: "ONE_TO_ONE_NAT"}}
	}
	return list, nil
}

// properties is a planned node in the form of a bulk insertion, which wants
// names where a single one wants URLs.
func properties(i *gce.Instance, size string) *gce.InstanceProperties {
	for _, disk := range i.Disks {
		disk.InitializeParams.DiskType = base(disk.InitializeParams.DiskType)
	}
	for _, a := range i.GuestAccelerators {
		a.AcceleratorType = base(a.AcceleratorType)
	}
	return &gce.InstanceProperties{MachineType: size, Description: i.Description, Labels: i.Labels, Metadata: i.Metadata, Tags: i.Tags, Disks: i.Disks,
		NetworkInterfaces: i.NetworkInterfaces, CanIpForward: i.CanIpForward, MinCpuPlatform: i.MinCpuPlatform, Scheduling: i.Scheduling,
		ServiceAccounts: i.ServiceAccounts, GuestAccelerators: i.GuestAccelerators}
}

// url is a ref as a partial URL: places is "zones", "regions" or, of what is
// in none, empty.
func (r ref) url(places, collection string) string {
	if places == "" {
		return "projects/" + r.project + "/global/" + collection + "/" + r.name
	}
	return "projects/" + r.project + "/" + places + "/" + r.scope + "/" + collection + "/" + r.name
}
