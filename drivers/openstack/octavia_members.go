package openstack

import (
	"context"
	"iter"
	"net/http"
	"strconv"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type member struct {
	ID, Address string
	Port        int `json:"protocol_port"`
	Weight      int
	Enabled     bool   `json:"admin_state_up"`
	Health      string `json:"operating_status"`
	Subnet      string `json:"subnet_id"`
	Tags        []string
}

func memberOf(balancer string, i item[member]) lb.Member {
	m := i.v
	out := lb.Member{Balancer: balancer, ID: m.ID, IP: m.Address, Port: m.Port, Node: word(m.Tags, nodeWord), Weight: m.Weight, State: lb.Enabled, Health: lb.HealthUnknown,
		Extra: i.extra("name", "subnet_id", "monitor_address", "monitor_port", "backup", "provisioning_status", "operating_status")}
	switch {
	case !m.Enabled:
		out.State = lb.Disabled
	case m.Weight == 0:
		out.State = lb.Draining // it keeps the connections that it has, and gets no new ones
	}
	switch m.Health {
	case "ONLINE", "DRAINING":
		out.Health = lb.Healthy
	case "ERROR", "OFFLINE", "DEGRADED":
		out.Health = lb.Unhealthy
	}
	return out
}

// BalancerListMembers is one request a page and those that find the pool.
func (d *balancerDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Member, string, error) {
		w, err := d.whole(ctx, in.Balancer)
		if err != nil || w.pool.ID == "" {
			return nil, "", err
		}
		found, next, err := page[item[member]](ctx, d.session, octavia, path("lbaas", "pools", w.pool.ID, "members"), nil, cursor, "members")
		members := make([]lb.Member, len(found))
		for i, m := range found {
			members[i] = memberOf(in.Balancer, m)
		}
		return members, next, err
	})
}

func (d *balancerDriver) BalancerAttachMember(ctx context.Context, in lb.BalancerAttachMember) (lb.Member, error) {
	return d.attach(ctx, in.Balancer, lb.NewMember{IP: in.IP, Port: in.Port, Weight: in.Weight})
}

// BalancerAttachComputeNode attaches the node's first IPv4 address.
func (d *balancerDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	return d.attach(ctx, in.Balancer, lb.NewMember{Node: in.Node, Port: in.Port, Weight: in.Weight})
}

func (d *balancerDriver) attach(ctx context.Context, balancer string, m lb.NewMember) (lb.Member, error) {
	w, err := d.whole(ctx, balancer)
	if err != nil {
		return lb.Member{}, err
	}
	if w.pool.ID == "" {
		return lb.Member{}, op.Errorf(op.Conflict, "the balancer %s has no pool that members could be in", balancer)
	}
	check, _ := strconv.Atoi(word(w.monitor.Tags, portWord))
	body, err := d.memberBody(ctx, m, w.listener.Port, check)
	if err != nil {
		return lb.Member{}, err
	}
	var made struct{ Member item[member] }
	err = d.sendChange(ctx, balancer, http.MethodPost, path("lbaas", "pools", w.pool.ID, "members"), object{"member": body}, &made)
	if err != nil {
		return lb.Member{}, err
	}
	return memberOf(balancer, made.Member), nil
}

func (d *balancerDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	w, err := d.whole(ctx, in.Balancer)
	if err != nil {
		return err
	}
	if w.pool.ID == "" {
		return op.Errorf(op.NotFound, "the balancer %s has no members", in.Balancer)
	}
	return d.sendChange(ctx, in.Balancer, http.MethodDelete, path("lbaas", "pools", w.pool.ID, "members", in.Member), nil, nil)
}
