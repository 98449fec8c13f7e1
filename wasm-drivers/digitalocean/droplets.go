package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type droplet struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Locked bool   `json:"locked"`
	Image  struct {
		ID   int    `json:"id"`
		Slug string `json:"slug"`
	} `json:"image"`
	SizeSlug string `json:"size_slug"`
	Region   struct {
		Slug string `json:"slug"`
	} `json:"region"`
	Networks struct {
		V4 []dropletAddress `json:"v4"`
		V6 []dropletAddress `json:"v6"`
	} `json:"networks"`
	VolumeIDs []string `json:"volume_ids"`
	Tags      []string `json:"tags"`
	VPC       string   `json:"vpc_uuid"`
	Features  []string `json:"features"`
	CreatedAt string   `json:"created_at"`
}

type dropletAddress struct {
	IP   string `json:"ip_address"`
	Type string `json:"type"`
}

// dropletExtra is what create_node takes beyond the contract.
type dropletExtra struct {
	Backups    bool     `json:"backups,omitzero" help:"Back it up."`
	IPv6       bool     `json:"ipv6,omitzero" help:"Give it an IPv6 address."`
	Monitoring bool     `json:"monitoring,omitzero" help:"Install the monitoring agent."`
	Volumes    []string `json:"volumes,omitzero" help:"The ids of volumes to attach."`
}

func (d *computeDriver) node(x droplet) compute.Node {
	n := compute.Node{ID: strconv.Itoa(x.ID), Name: x.Name, Size: x.SizeSlug, Image: imageID(x.Image.ID, x.Image.Slug), Location: x.Region.Slug,
		Tags: tagsOf(x.Tags), Volumes: x.VolumeIDs, CreatedAt: timestamp(x.CreatedAt), PublicIPs: []string{}, PrivateIPs: []string{},
		Extra: map[string]any{"locked": x.Locked, "features": x.Features}}
	if x.VPC != "" {
		n.Networks = []string{x.VPC}
	}
	for _, a := range slices.Concat(x.Networks.V4, x.Networks.V6) {
		if a.Type == "private" {
			n.PrivateIPs = append(n.PrivateIPs, a.IP)
		} else {
			n.PublicIPs = append(n.PublicIPs, a.IP)
		}
	}
	switch x.Status {
	case "new":
		n.State = compute.NodePending
	case "active":
		n.State = compute.NodeRunning
	case "off":
		n.State = compute.NodeStopped
	default: // archive
		n.State = compute.NodeUnknown
	}
	return n
}

func (d *computeDriver) ListNodes(ctx context.Context, _ compute.ListNodes) iter.Seq2[compute.Node, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) {
		items, next, err := list[droplet](ctx, d.client, "/v2/droplets", nil, "droplets", cursor)
		nodes := convert(items, d.node)
		if err == nil && len(nodes) > 0 {
			err = d.complete(ctx, nodes)
		}
		return nodes, next, err
	})
}

// complete adds what the API tells of firewalls and reserved IPs, not of
// droplets: two requests more, however many nodes there are.
func (d *computeDriver) complete(ctx context.Context, nodes []compute.Node) error {
	firewalls, err := every[firewall](ctx, d.client, "/v2/firewalls", nil, "firewalls")
	if err != nil {
		return err
	}
	addresses, err := every[reservedIP](ctx, d.client, "/v2/reserved_ips", nil, "reserved_ips")
	if err != nil {
		return err
	}
	for i := range nodes {
		n := &nodes[i]
		for _, f := range firewalls {
			if slices.ContainsFunc(f.DropletIDs, func(id int) bool { return strconv.Itoa(id) == n.ID }) {
				n.SecurityGroups = append(n.SecurityGroups, f.ID)
			}
		}
		for _, a := range addresses {
			if a.node() == n.ID && !slices.Contains(n.PublicIPs, a.IP) {
				n.PublicIPs = append(n.PublicIPs, a.IP)
			}
		}
	}
	return nil
}

func (d *computeDriver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	x, err := d.droplet(ctx, in.Node)
	if err != nil {
		return compute.Node{}, err
	}
	nodes := []compute.Node{d.node(x)}
	err = d.complete(ctx, nodes)
	return nodes[0], err
}

func (d *computeDriver) droplet(ctx context.Context, id string) (droplet, error) {
	if _, err := number("node", id); err != nil {
		return droplet{}, err
	}
	var answer struct {
		Droplet droplet `json:"droplet"`
	}
	err := d.do(ctx, http.MethodGet, path("droplets", id), nil, nil, &answer)
	return answer.Droplet, gone(err, "node", id)
}

func (d *computeDriver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	nodes, err := d.create(ctx, in, []string{in.Name})
	if err != nil {
		return compute.Node{}, err
	}
	return nodes[0], nil
}

func (d *computeDriver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	if in.Count < 1 {
		return nil, op.Errorf(op.InvalidArgument, "count is at least 1, not %d", in.Count)
	}
	names := make([]string, in.Count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", in.Name, i+1)
	}
	return d.create(ctx, in.CreateNode, names)
}

// atOnce is how many droplets one request makes at most.
const atOnce = 10

// create makes droplets, all or none.
func (d *computeDriver) create(ctx context.Context, in compute.CreateNode, names []string) (nodes []compute.Node, err error) {
	request, err := d.request(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.undo(ctx, nodes))
			nodes = nil
		}
	}()
	for batch := range slices.Chunk(names, atOnce) {
		delete(request, "name")
		delete(request, "names")
		if request["names"] = batch; len(names) == 1 {
			delete(request, "names")
			request["name"] = names[0]
		}
		var answer struct {
			Droplet  *droplet  `json:"droplet"`
			Droplets []droplet `json:"droplets"`
		}
		if err := d.do(ctx, http.MethodPost, "/v2/droplets", nil, request, &answer); err != nil {
			return nodes, err
		}
		if answer.Droplet != nil {
			answer.Droplets = append(answer.Droplets, *answer.Droplet)
		}
		nodes = append(nodes, convert(answer.Droplets, d.node)...)
	}
	for _, group := range in.SecurityGroups {
		ids := make([]int, len(nodes))
		for i, n := range nodes {
			ids[i], _ = strconv.Atoi(n.ID)
			nodes[i].SecurityGroups = append(nodes[i].SecurityGroups, group)
		}
		if err := d.do(ctx, http.MethodPost, path("firewalls", group, "droplets"), nil, map[string]any{"droplet_ids": ids}, nil); err != nil {
			return nodes, gone(err, "security group", group)
		}
	}
	for i := range nodes {
		nodes[i].KeyPair = in.KeyPair
	}
	return nodes, nil
}

// undo destroys droplets that shall not be, also when the caller has given up.
func (d *computeDriver) undo(ctx context.Context, nodes []compute.Node) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	for _, n := range nodes {
		if err := d.do(ctx, http.MethodDelete, path("droplets", n.ID), nil, nil, nil); err != nil {
			errs = append(errs, fmt.Errorf("the droplet %s was left behind: %w", n.ID, err))
		}
	}
	return errors.Join(errs...)
}

// request is the body that makes a droplet, less its name.
func (d *computeDriver) request(ctx context.Context, in compute.CreateNode) (map[string]any, error) {
	extra, err := extraOf[dropletExtra](in.Extra)
	if err != nil {
		return nil, err
	}
	tags, err := words(in.Tags)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.Subnets) > 0:
		return nil, op.Errorf(op.NotFound, "there is no subnet %q: a VPC has none", in.Subnets[0])
	case len(in.Networks) > 1:
		return nil, op.Errorf(op.InvalidArgument, "networks: a droplet is in one VPC, not in %d", len(in.Networks))
	case in.RootDisk != 0:
		return nil, op.Errorf(op.InvalidArgument, "root_disk: a droplet's disk is its size's")
	}
	r := map[string]any{"size": in.Size, "image": imageArgument(in.Image), "tags": tags, "backups": extra.Backups, "ipv6": extra.IPv6, "monitoring": extra.Monitoring}
	if region := d.region(in.Location); region != "" {
		r["region"] = region
	}
	if in.UserData != "" {
		r["user_data"] = in.UserData
	}
	if in.PublicAddress != nil {
		r["public_networking"] = *in.PublicAddress
	}
	if len(extra.Volumes) > 0 {
		r["volumes"] = extra.Volumes
	}
	if len(in.Networks) > 0 {
		r["vpc_uuid"] = in.Networks[0]
	}
	if in.KeyPair != "" {
		k, err := d.key(ctx, in.KeyPair)
		if err != nil {
			return nil, err
		}
		r["ssh_keys"] = []int{k.ID}
	}
	for _, group := range in.SecurityGroups { // asked before anything is made
		if _, err := d.firewall(ctx, group); err != nil {
			return nil, err
		}
	}
	return r, d.known(ctx, in, r)
}

// known says in the contract's words what a request names that is not there:
// the API's one message for it all does not tell what.
func (d *computeDriver) known(ctx context.Context, in compute.CreateNode, r map[string]any) error {
	sizes, err := every[size](ctx, d.client, "/v2/sizes", nil, "sizes")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(sizes, func(s size) bool { return s.Slug == in.Size }) {
		return op.Errorf(op.NotFound, "there is no size %q", in.Size)
	}
	if region, ok := r["region"].(string); ok {
		regions, err := every[place](ctx, d.client, "/v2/regions", nil, "regions")
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(regions, func(g place) bool { return g.Slug == region }) {
			return op.Errorf(op.NotFound, "there is no location %q", region)
		}
	}
	if _, err := d.image(ctx, in.Image); err != nil {
		return err
	}
	if len(in.Networks) > 0 {
		if _, err := d.vpc(ctx, in.Networks[0]); err != nil {
			return err
		}
	}
	return nil
}

// power does one of a droplet's actions.
func (d *computeDriver) power(ctx context.Context, node, action string) error {
	if _, err := number("node", node); err != nil {
		return err
	}
	return gone(d.act(ctx, path("droplets", node, "actions"), map[string]any{"type": action}), "node", node)
}

func (d *computeDriver) StartNode(ctx context.Context, in compute.StartNode) error {
	x, err := d.droplet(ctx, in.Node)
	if err != nil || x.Status == "active" {
		return err
	}
	return d.power(ctx, in.Node, "power_on")
}

func (d *computeDriver) StopNode(ctx context.Context, in compute.StopNode) error {
	x, err := d.droplet(ctx, in.Node)
	if err != nil || x.Status == "off" {
		return err
	}
	if in.Force {
		return d.power(ctx, in.Node, "power_off")
	}
	return d.power(ctx, in.Node, "shutdown")
}

func (d *computeDriver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	x, err := d.droplet(ctx, in.Node)
	if err != nil {
		return err
	}
	if x.Status != "active" {
		return op.Errorf(op.Conflict, "the node %s is not running: it is %s", in.Node, x.Status)
	}
	return d.power(ctx, in.Node, "reboot")
}

func (d *computeDriver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	x, err := d.droplet(ctx, in.Node)
	if err != nil || x.SizeSlug == in.Size {
		return err
	}
	sizes, err := every[size](ctx, d.client, "/v2/sizes", nil, "sizes")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(sizes, func(s size) bool { return s.Slug == in.Size }) {
		return op.Errorf(op.NotFound, "there is no size %q", in.Size)
	}
	return gone(d.act(ctx, path("droplets", in.Node, "actions"), map[string]any{"type": "resize", "size": in.Size, "disk": false}), "node", in.Node)
}

func (d *computeDriver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	if _, err := number("node", in.Node); err != nil {
		return err
	}
	return gone(d.do(ctx, http.MethodDelete, path("droplets", in.Node), nil, nil, nil), "node", in.Node)
}

func (d *computeDriver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	want, err := words(in.Tags)
	if err != nil {
		return err
	}
	x, err := d.droplet(ctx, in.Node)
	if err != nil {
		return err
	}
	return d.retag(ctx, "droplet", in.Node, x.Tags, want)
}

type size struct {
	Slug        string   `json:"slug"`
	Memory      int      `json:"memory"`
	VCPUs       int      `json:"vcpus"`
	Disk        int      `json:"disk"`
	Transfer    float64  `json:"transfer"`
	Hourly      float64  `json:"price_hourly"`
	Monthly     float64  `json:"price_monthly"`
	Regions     []string `json:"regions"`
	Available   bool     `json:"available"`
	Description string   `json:"description"`
	GPU         *struct {
		Count int    `json:"count"`
		Model string `json:"model"`
	} `json:"gpu_info"`
}

func (d *computeDriver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Size, string, error) {
		items, next, err := list[size](ctx, d.client, "/v2/sizes", nil, "sizes", cursor)
		sizes := []compute.Size{}
		for _, s := range items {
			if in.Location != "" && !slices.Contains(s.Regions, in.Location) {
				continue
			}
			v := compute.Size{ID: s.Slug, Name: s.Slug, VCPUs: s.VCPUs, RAM: s.Memory, Disk: s.Disk, Architecture: compute.X86_64, Price: &s.Hourly,
				Extra: map[string]any{"description": s.Description, "available": s.Available, "regions": s.Regions, "transfer": s.Transfer, "price_monthly": s.Monthly}}
			if s.GPU != nil {
				v.GPUs = s.GPU.Count
			}
			sizes = append(sizes, v)
		}
		return sizes, next, err
	})
}

// A place is a region.
type place struct {
	Slug      string   `json:"slug"`
	Name      string   `json:"name"`
	Available bool     `json:"available"`
	Features  []string `json:"features"`
}

// countries are those of the regions' first three letters.
var countries = map[string]string{"nyc": "US", "sfo": "US", "atl": "US", "ric": "US", "ams": "NL", "sgp": "SG", "lon": "GB", "fra": "DE", "tor": "CA", "blr": "IN", "syd": "AU"}

func (d *computeDriver) ListLocations(ctx context.Context, _ compute.ListLocations) iter.Seq2[compute.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Location, string, error) {
		items, next, err := list[place](ctx, d.client, "/v2/regions", nil, "regions", cursor)
		return convert(items, func(r place) compute.Location {
			return compute.Location{ID: r.Slug, Name: r.Name, Country: countries[r.Slug[:min(3, len(r.Slug))]], Region: r.Slug,
				Extra: map[string]any{"available": r.Available, "features": r.Features}}
		}), next, err
	})
}
