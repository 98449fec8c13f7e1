package openstack

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// UpdateBalancer makes one change after the other, since a balancer takes the
// next only when the one before is done; the last is only begun. Repeated, it
// goes on where it was.
func (d *balancerDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	if op.Or(in.DrainTimeout, 0) != 0 {
		return errDrain
	}
	w, err := d.whole(ctx, in.Balancer)
	if err != nil {
		return err
	}
	now := balancerOf(w)
	port, protocol := cmp.Or(in.Port, now.Port), cmp.Or(in.Protocol, now.Protocol)
	certificate := cmp.Or(in.Certificate, now.Certificate)
	if protocol != lb.HTTPS && in.Certificate == "" {
		certificate = ""
	}
	// What is not possible is refused before anything is changed.
	front, err := listenerBody(cmp.Or(in.Name, now.Name), port, protocol, certificate)
	if err != nil {
		return err
	}
	algorithm, err := algorithmBody(cmp.Or(in.Algorithm, now.Algorithm))
	if err != nil {
		return err
	}
	var check object
	if in.HealthCheck != nil {
		if check, err = monitorBody(*in.HealthCheck); err != nil {
			return err
		}
	}
	if w.listener.ID == "" || w.pool.ID == "" {
		return op.Errorf(op.Conflict, "the balancer %s has no listener with a pool: it was not made here, or not whole", in.Balancer)
	}
	if poolsOf[protocol] != w.pool.Protocol {
		return op.Errorf(op.Unsupported, "protocol: Octavia cannot make a balancer that speaks %s speak %s, as it hands on something else: make another", now.Protocol, protocol)
	}
	send := func(method, path string, kind string, body object) error {
		return d.sendChange(ctx, in.Balancer, method, path, object{kind: body}, nil)
	}
	if in.Name != "" && in.Name != now.Name {
		if err := send(http.MethodPut, path("lbaas", "loadbalancers", in.Balancer), "loadbalancer", object{"name": in.Name}); err != nil {
			return err
		}
	}
	if in.Algorithm != "" && in.Algorithm != now.Algorithm {
		if err := send(http.MethodPut, path("lbaas", "pools", w.pool.ID), "pool", algorithm); err != nil {
			return err
		}
	}
	if check != nil {
		if err := d.setCheck(ctx, in.Balancer, w, *in.HealthCheck, check); err != nil {
			return err
		}
	}
	switch {
	case port != now.Port || protocol != now.Protocol:
		return d.replaceListener(ctx, in.Balancer, w.listener, front, port == now.Port)
	case certificate != now.Certificate:
		return send(http.MethodPut, path("lbaas", "listeners", w.listener.ID), "listener", object{"default_tls_container_ref": certificate})
	}
	return nil
}

// setCheck changes the health monitor, or replaces it where it has to be of
// another type, and tells the members which port it asks.
func (d *balancerDriver) setCheck(ctx context.Context, balancer string, w whole, h lb.HealthCheck, body object) error {
	kind := checksOf[h.Protocol]
	if w.monitor.ID != "" && w.monitor.Type != kind {
		if err := d.sendChange(ctx, balancer, http.MethodDelete, path("lbaas", "healthmonitors", w.monitor.ID), nil, nil); err != nil {
			return err
		}
	}
	method, where := http.MethodPut, path("lbaas", "healthmonitors", w.monitor.ID)
	if w.monitor.ID == "" || w.monitor.Type != kind {
		method, where = http.MethodPost, "lbaas/healthmonitors"
		body["type"], body["pool_id"] = kind, w.pool.ID
	}
	if err := d.sendChange(ctx, balancer, method, where, object{"healthmonitor": body}, nil); err != nil {
		return err
	}
	if before, _ := strconv.Atoi(word(w.monitor.Tags, portWord)); before == h.Port {
		return nil
	}
	members, err := all[member](ctx, d.session, octavia, path("lbaas", "pools", w.pool.ID, "members"), nil, "members")
	if err != nil {
		return err
	}
	var port any
	if h.Port != 0 {
		port = h.Port
	}
	for _, m := range members {
		if err := d.sendChange(ctx, balancer, http.MethodPut, path("lbaas", "pools", w.pool.ID, "members", m.ID), object{"member": object{"monitor_port": port}}, nil); err != nil {
			return err
		}
	}
	return nil
}

// replaceListener puts another listener before the same pool: a listener cannot
// change its port or protocol. On the same port the old one has to go first, and
// comes back if the new one cannot be made.
func (d *balancerDriver) replaceListener(ctx context.Context, balancer string, old listener, body object, samePort bool) error {
	body["loadbalancer_id"], body["default_pool_id"] = balancer, old.Pool
	makeIt := func(ctx context.Context, body object) error {
		return d.sendChange(ctx, balancer, http.MethodPost, "lbaas/listeners", object{"listener": body}, nil)
	}
	drop := func(ctx context.Context) error {
		return d.sendChange(ctx, balancer, http.MethodDelete, path("lbaas", "listeners", old.ID), nil, nil)
	}
	if !samePort {
		if err := makeIt(ctx, body); err != nil {
			return err
		}
		return drop(ctx)
	}
	if err := drop(ctx); err != nil {
		return err
	}
	err := makeIt(ctx, body)
	if err == nil {
		return nil
	}
	before, e := listenerBody(old.Name, old.Port, protocolOf[old.Protocol], old.Certificate)
	if e == nil {
		ctx, cancel := undoing(ctx)
		defer cancel()
		before["loadbalancer_id"], before["default_pool_id"] = balancer, old.Pool
		e = makeIt(ctx, before)
	}
	if e != nil {
		return also(err, "the listener that was there could not be put back", e)
	}
	return err
}
