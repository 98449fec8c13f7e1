// Package engine is the driver for whatever speaks the Docker Engine API. The
// providers "docker" and "joyent" open it, each in its own way, and "swarm" opens
// [Swarm], which runs services on the swarm that a daemon manages.
//
// A container of a [Driver] is a container; there are no clusters, and so no replicas. The SDK
// makes one attempt a request: retrying is the host's. Every request goes through
// ask or askOf, which make its error an [op.Error].
package engine

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Driver is the container family on one daemon.
type Driver struct {
	api      *client.Client
	keychain authn.Keychain

	raw        *http.Client // for native, which the SDK has nothing for
	negotiated atomic.Bool
}

// New makes the driver from the SDK's options, which say where the daemon is and
// how it is spoken to. Nothing is asked of it before the first operation. keychain
// has the credentials of the registries that the daemon is to use.
func New(keychain authn.Keychain, options ...client.Opt) (*Driver, error) {
	api, err := client.New(append(options, client.WithUserAgent("cloudlark"), client.WithHTTPResponseHook(watch))...)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "connecting to Docker: %w", err)
	}
	dial := api.Dialer()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }, DisableKeepAlives: true}
	return &Driver{api: api, keychain: keychain, raw: &http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}}, nil
}

// Close drops the idle connections.
func (d *Driver) Close() error { return d.api.Close() }

// An answer is what is known of the last response to a request.
type answer struct {
	status int
	header http.Header
}

type answerKey struct{}

func watch(r *http.Response) {
	if a, ok := r.Request.Context().Value(answerKey{}).(*answer); ok {
		a.status, a.header = r.StatusCode, r.Header
	}
}

// ask makes a request of the SDK.
func ask[In, Out any](ctx context.Context, f func(context.Context, In) (Out, error), in In) (Out, error) {
	a := new(answer)
	out, err := f(context.WithValue(ctx, answerKey{}, a), in)
	if err != nil {
		return out, failed(err, a)
	}
	return out, nil
}

// askOf makes a request of the SDK about something that has an id.
func askOf[In, Out any](ctx context.Context, f func(context.Context, string, In) (Out, error), id string, in In) (Out, error) {
	return ask(ctx, func(ctx context.Context, in In) (Out, error) { return f(ctx, id, in) }, in)
}

// identified refuses an id of a container that would make another path of the
// request's: ids and names have none of these.
func identified(id string) error {
	if id == "" || strings.ContainsAny(id, "/?#%") || strings.HasPrefix(id, ".") {
		return op.Errorf(op.NotFound, "no such container: %q is neither an id nor a name", id)
	}
	return nil
}
