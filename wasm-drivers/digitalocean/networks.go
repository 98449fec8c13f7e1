package digitalocean

import (
	"context"
	"iter"
	"net/http"
	"strconv"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type vpc struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Range       string `json:"ip_range"`
	Region      string `json:"region"`
	Default     bool   `json:"default"`
}

func network(v vpc) compute.Network {
	return compute.Network{ID: v.ID, Name: v.Name, CIDR: v.Range, State: "available",
		Extra: map[string]any{"description": v.Description, "region": v.Region, "default": v.Default}}
}

func (d *computeDriver) ListNetworks(ctx context.Context, _ compute.ListNetworks) iter.Seq2[compute.Network, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Network, string, error) {
		items, next, err := list[vpc](ctx, d.client, "/v2/vpcs", nil, "vpcs", cursor)
		return convert(items, network), next, err
	})
}

func (d *computeDriver) vpc(ctx context.Context, id string) (vpc, error) {
	var answer struct {
		VPC vpc `json:"vpc"`
	}
	err := d.do(ctx, http.MethodGet, path("vpcs", id), nil, nil, &answer)
	return answer.VPC, gone(err, "network", id)
}

// CreateNetwork makes a VPC in the region of the connection.
func (d *computeDriver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	if err := none(in.Tags, "VPCs"); err != nil {
		return compute.Network{}, err
	}
	if d.config.Region == "" {
		return compute.Network{}, op.Errorf(op.InvalidArgument, "a VPC is in a region: configure region")
	}
	request := map[string]any{"name": in.Name, "region": d.config.Region}
	if in.CIDR != "" {
		request["ip_range"] = in.CIDR
	}
	var answer struct {
		VPC vpc `json:"vpc"`
	}
	err := d.do(ctx, http.MethodPost, "/v2/vpcs", nil, request, &answer)
	return network(answer.VPC), err
}

func (d *computeDriver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	return gone(d.do(ctx, http.MethodDelete, path("vpcs", in.Network), nil, nil, nil), "network", in.Network)
}

type reservedIP struct {
	IP     string `json:"ip"`
	Region struct {
		Slug string `json:"slug"`
	} `json:"region"`
	Droplet *droplet `json:"droplet"`
	Locked  bool     `json:"locked"`
	Project string   `json:"project_id"`
}

// node is the id of the droplet that the address leads to, empty if to none.
func (r reservedIP) node() string {
	if r.Droplet == nil || r.Droplet.ID == 0 {
		return ""
	}
	return strconv.Itoa(r.Droplet.ID)
}

func address(r reservedIP) compute.Address {
	return compute.Address{ID: r.IP, IP: r.IP, Node: r.node(), Location: r.Region.Slug, Extra: map[string]any{"locked": r.Locked, "project_id": r.Project}}
}

func (d *computeDriver) ListAddresses(ctx context.Context, _ compute.ListAddresses) iter.Seq2[compute.Address, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Address, string, error) {
		items, next, err := list[reservedIP](ctx, d.client, "/v2/reserved_ips", nil, "reserved_ips", cursor)
		return convert(items, address), next, err
	})
}

func (d *computeDriver) AllocateAddress(ctx context.Context, in compute.AllocateAddress) (compute.Address, error) {
	if err := none(in.Tags, "reserved IPs"); err != nil {
		return compute.Address{}, err
	}
	region := d.region(in.Location)
	if region == "" {
		return compute.Address{}, op.Errorf(op.InvalidArgument, "location: a reserved IP is in a region; give it, or configure region")
	}
	if err := d.inRegion(ctx, region); err != nil {
		return compute.Address{}, err
	}
	var answer struct {
		IP reservedIP `json:"reserved_ip"`
	}
	err := d.do(ctx, http.MethodPost, "/v2/reserved_ips", nil, map[string]any{"region": region}, &answer)
	return address(answer.IP), err
}

func (d *computeDriver) reserved(ctx context.Context, ip string) (reservedIP, error) {
	var answer struct {
		IP reservedIP `json:"reserved_ip"`
	}
	err := d.do(ctx, http.MethodGet, path("reserved_ips", ip), nil, nil, &answer)
	if op.KindOf(err) == op.InvalidArgument { // what is no address is nobody's
		err = op.Errorf(op.NotFound, "%w", err)
	}
	return answer.IP, gone(err, "address", ip)
}

func (d *computeDriver) AssociateAddress(ctx context.Context, in compute.AssociateAddress) error {
	if _, err := d.reserved(ctx, in.Address); err != nil {
		return err
	}
	if _, err := d.droplet(ctx, in.Node); err != nil {
		return err
	}
	id, err := number("node", in.Node)
	if err != nil {
		return err
	}
	return d.act(ctx, path("reserved_ips", in.Address, "actions"), map[string]any{"type": "assign", "droplet_id": id})
}

func (d *computeDriver) DisassociateAddress(ctx context.Context, in compute.DisassociateAddress) error {
	r, err := d.reserved(ctx, in.Address)
	if err != nil {
		return err
	}
	if r.node() == "" {
		return op.Errorf(op.Conflict, "the address %s leads nowhere", in.Address)
	}
	return d.act(ctx, path("reserved_ips", in.Address, "actions"), map[string]any{"type": "unassign"})
}

// ReleaseAddress refuses an address that is in use: the API would cut it off.
func (d *computeDriver) ReleaseAddress(ctx context.Context, in compute.ReleaseAddress) error {
	r, err := d.reserved(ctx, in.Address)
	if err != nil {
		return err
	}
	if node := r.node(); node != "" {
		return op.Errorf(op.Conflict, "the address %s leads to the node %s", in.Address, node)
	}
	return gone(d.do(ctx, http.MethodDelete, path("reserved_ips", in.Address), nil, nil, nil), "address", in.Address)
}
