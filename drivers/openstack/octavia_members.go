package openstack

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

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

// paused is the weight that a member had before update_member let it drain, and has
// when it is enabled again; ok is false of one that does not drain, or was given the weight 0.
func (m member) paused() (weight int, ok bool) {
	weight, err := strconv.Atoi(word(m.Tags, weightWord))
	return weight, err == nil && m.Weight == 0
}

func checkWeight(weight int) error {
	if weight < 0 || weight > 256 {
		return op.Errorf(op.InvalidArgument, "a member's weight is %d: it can be 0 to 256", weight)
	}
	return nil
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
	if before, ok := m.paused(); ok {
		out.Weight = before
	}
	switch m.Health {
	case "ONLINE", "DRAINING":
		out.Health = lb.Healthy
	case "ERROR", "OFFLINE", "DEGRADED":
		out.Health = lb.Unhealthy
	}
	return out
}

// members is the path of a balancer's members; empty if it has no pool for them.
func (d *balancerDriver) members(ctx context.Context, balancer string) (string, error) {
	b, err := d.loadBalancer(ctx, balancer)
	if err != nil {
		return "", err
	}
	var id string
	switch pools := b.v.Pools; len(pools) {
	case 0:
		return "", nil
	case 1:
		id = pools[0].ID
	default: // one of them is the first listener's
		w, err := d.whole(ctx, balancer)
		if err != nil {
			return "", err
		}
		id = w.pool.ID
	}
	return path("lbaas", "pools", id, "members"), nil
}

// BalancerListMembers is one request a page and one that finds the pool.
func (d *balancerDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Member, string, error) {
		where, err := d.members(ctx, in.Balancer)
		if err != nil || where == "" {
			return nil, "", err
		}
		found, next, err := page[item[member]](ctx, d.session, octavia, where, nil, cursor, "members")
		members := make([]lb.Member, len(found))
		for i, m := range found {
			members[i] = memberOf(in.Balancer, m)
		}
		return members, next, err
	})
}

// member finds a member and the path that it is at.
func (d *balancerDriver) member(ctx context.Context, balancer, id string) (item[member], string, error) {
	where, err := d.members(ctx, balancer)
	if err == nil && where == "" {
		err = op.Errorf(op.NotFound, "the balancer %s has no members", balancer)
	}
	if err != nil {
		return item[member]{}, "", err
	}
	where += "/" + path(id)
	m, err := fetch[item[member]](ctx, d.session, octavia, http.MethodGet, where, nil, "member")
	return m, where, err
}

func (d *balancerDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	m, _, err := d.member(ctx, in.Balancer, in.Member)
	if err != nil {
		return lb.Member{}, err
	}
	return memberOf(in.Balancer, m), nil
}

// BalancerUpdateMember lets a member drain by giving it no weight; the one that
// it had is kept in a tag until it is enabled again.
func (d *balancerDriver) BalancerUpdateMember(ctx context.Context, in lb.BalancerUpdateMember) error {
	if err := checkWeight(op.Or(in.Weight, 1)); err != nil {
		return err
	}
	if in.State == lb.Enabled && op.Or(in.Weight, 1) == 0 {
		return op.Errorf(op.InvalidArgument, "state: a member of weight 0 gets no new work, and so is not enabled")
	}
	m, where, err := d.member(ctx, in.Balancer, in.Member)
	if err != nil {
		return err
	}
	before, drains := m.v.paused()
	if !drains {
		before = m.v.Weight
	}
	weight := op.Or(in.Weight, before)
	if in.State == lb.Enabled {
		weight = cmp.Or(weight, 1)
	}
	tags := slices.DeleteFunc(append([]string{}, m.v.Tags...), func(t string) bool { return strings.HasPrefix(t, weightWord) })
	body := object{"weight": weight, "tags": tags}
	if in.State == lb.Draining || in.State == "" && drains {
		body["weight"], body["tags"] = 0, append(tags, weightWord+strconv.Itoa(weight))
	}
	if in.State != "" {
		body["admin_state_up"] = in.State != lb.Disabled
	}
	return d.sendChange(ctx, in.Balancer, http.MethodPut, where, object{"member": body}, nil)
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
	_, where, err := d.member(ctx, in.Balancer, in.Member)
	if err != nil {
		return err
	}
	return d.sendChange(ctx, in.Balancer, http.MethodDelete, where, nil, nil)
}
