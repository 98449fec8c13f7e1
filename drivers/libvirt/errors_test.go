package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

func TestFailed(t *testing.T) {
	for _, c := range []struct {
		err  error
		want op.Kind
	}{
		{&fault{42, "Domain not found: no domain with matching uuid"}, op.NotFound},
		{&fault{50, "Storage volume not found"}, op.NotFound},
		{&fault{9, "operation failed: domain 'web-1' already exists with uuid 1"}, op.AlreadyExists},
		{&fault{90, "storage volume name 'x' already in use."}, op.AlreadyExists},
		{&fault{1, "internal error: Network is already in use by interface virbr0"}, op.Conflict},
		{&fault{55, "Requested operation is not valid: domain is not running"}, op.Conflict},
		{&fault{38, "cannot fallocate 1 bytes: No space left on device"}, op.QuotaExceeded},
		{&fault{38, "Cannot create file: Permission denied"}, op.PermissionDenied},
		{&fault{27, "XML error: unknown machine"}, op.InvalidArgument},
		{&fault{45, "authentication failed: access denied by policy"}, op.Unauthenticated},
		{&fault{88, "access denied"}, op.PermissionDenied},
		{&fault{3, "this function is not supported"}, op.Unsupported},
		{&fault{1, "internal error: something else"}, op.Internal},
		{fmt.Errorf("dial: %w", fs.ErrPermission), op.PermissionDenied},
		{errors.New("ssh: handshake failed: ssh: unable to authenticate"), op.Unauthenticated},
		{errors.New("EOF"), op.Unavailable},
		{context.DeadlineExceeded, op.Timeout},
		{op.Errorf(op.Conflict, "as it was"), op.Conflict},
	} {
		if got := op.KindOf(failed(c.err)); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

func TestConfiguration(t *testing.T) {
	for what, c := range map[string]map[string]any{
		"no URI":        {"endpoint": "localhost"},
		"size twice":    {"sizes": []any{map[string]any{"name": "a", "ram": 64}, map[string]any{"name": "a", "ram": 128}}},
		"no memory":     {"sizes": []any{map[string]any{"name": "a"}}},
		"no such type":  {"virt_type": "xen"},
		"no such field": {"uri": "qemu:///system"},
	} {
		if conn, err := Provider().Open(t.Context(), "libvirt", c); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", what, err)
			if err == nil {
				conn.Close()
			}
		}
	}
}

// connect opens the driver on an endpoint.
func connect(t *testing.T, endpoint string) *drivers.Conn {
	t.Helper()
	conn, err := Provider().Open(t.Context(), "libvirt", map[string]any{"endpoint": endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func listNodes(ctx context.Context, conn *drivers.Conn) (nodes []compute.Node, err error) {
	for n, err := range drivers.List[compute.Node](ctx, conn, compute.ListNodes{}) {
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// listen serves a UNIX socket as serve does, and returns the endpoint that leads there.
func listen(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lark") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "qemu+unix:///system?socket=" + socket
}

func TestNoAnswer(t *testing.T) {
	for what, endpoint := range map[string]string{
		"nobody there": "qemu+unix:///system?socket=/nonexistent/libvirt-sock",
		"hangs up":     listen(t, func(net.Conn) {}),
		"cut off": listen(t, func(c net.Conn) {
			c.Read(make([]byte, 28))
			c.Write([]byte{0, 0, 0, 36, 0x20, 0, 0x80, 0x86, 0, 0})
		}),
	} {
		if _, err := listNodes(t.Context(), connect(t, endpoint)); op.KindOf(err) != op.Unavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A server that says nothing holds nobody for longer than the call's context.
func TestSilence(t *testing.T) {
	done := make(chan struct{})
	endpoint := listen(t, func(net.Conn) { <-done })
	conn := connect(t, endpoint)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := listNodes(ctx, conn); op.KindOf(err) != op.Timeout {
		t.Errorf("got %v", err)
	}
	if err := conn.Close(); err != nil { // which waits for nothing either
		t.Error(err)
	}
	close(done)
}

// What cannot be made leaves nothing behind.
func TestNothingIsLeft(t *testing.T) {
	h := lab.Libvirt(t)
	g := &guestTest{T: t, conn: opener(h)(t, nil)}
	t.Cleanup(func() { g.conn.Close() })
	taken := answerOf[compute.Node](g, compute.CreateNode{Name: "many-2", Size: "tiny", Image: h.Image})
	before := files(t, h)
	base := compute.CreateNode{Name: "web", Size: "tiny", Image: h.Image}
	machine, filter := base, base
	machine.Extra = map[string]any{"machine": "nonsense"}
	filter.Extra = map[string]any{"filter": "nonsense"} // which libvirt notices when the node starts
	again := base
	again.Name = taken.Name
	many := base
	many.Name = "many"
	for what, c := range map[string]struct {
		in   any
		want []op.Kind
	}{
		"no such machine": {machine, []op.Kind{op.InvalidArgument, op.Conflict}},
		"no such filter":  {filter, []op.Kind{op.InvalidArgument, op.NotFound, op.Internal, op.Conflict}},
		"a name twice":    {again, []op.Kind{op.AlreadyExists}},
		"one of several":  {compute.CreateNodes{CreateNode: many, Count: 3}, []op.Kind{op.AlreadyExists}},
	} {
		o, _ := compute.Family.For(c.in)
		if _, err := g.conn.Do(t.Context(), o, c.in); !slices.Contains(c.want, op.KindOf(err)) {
			t.Errorf("%s: %v", what, err)
		}
		nodes, err := listNodes(t.Context(), g.conn)
		if err != nil || len(nodes) != 1 {
			t.Errorf("%s: there are %d nodes, %v", what, len(nodes), err)
		}
		if after := files(t, h); !slices.Equal(before, after) {
			t.Errorf("%s: the pool held %q, and holds %q", what, before, after)
		}
	}
}

// A disk that others are based on outlives the node that boots from it.
func TestBaseStays(t *testing.T) {
	h := lab.Libvirt(t)
	g := &guestTest{T: t, conn: opener(h)(t, nil)}
	t.Cleanup(func() { g.conn.Close() })
	xml := "<domain type='qemu'><name>by hand</name><memory unit='MiB'>32</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'>" +
		"<driver name='qemu' type='qcow2'/><source file='" + h.Image + "'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
	n := answerOf[compute.Node](g, compute.CreateNode{Name: "web-1", Size: "tiny", Image: h.Image})
	for _, based := range []bool{true, false} {
		hand := answerOf[native.Answer](g, native.Call{Operation: "virDomainDefineXML", Arguments: map[string]any{"xml": xml}}).Value.(string)
		g.do(compute.DestroyNode{Node: hand})
		if _, err := os.Stat(h.Image); (err == nil) != based {
			t.Errorf("that another disk is based on it is %v, and of it is said %v", based, err)
		}
		if based {
			g.do(compute.DestroyNode{Node: n.ID})
		}
	}
}

func TestNative(t *testing.T) {
	h := lab.Libvirt(t)
	g := &guestTest{T: t, conn: opener(h)(t, nil)}
	t.Cleanup(func() { g.conn.Close() })
	ask := func(operation string, arguments map[string]any) (any, error) {
		a, err := drivers.Call[native.Answer](t.Context(), g.conn, native.Call{Operation: operation, Arguments: arguments})
		return a.Value, err
	}
	id, err := ask("virDomainDefineXML", map[string]any{"xml": "<domain type='qemu'><name>by hand</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>"})
	if err != nil {
		t.Fatal(err)
	}
	n := answerOf[compute.Node](g, compute.GetNode{Node: id.(string)})
	if n.Name != "by hand" || n.State != compute.NodeStopped || n.Extra["memory"] != 32 {
		t.Errorf("a domain of another's making is %+v", n)
	}
	xml, err := ask("virDomainGetXMLDesc", map[string]any{"domain": n, "flags": int64(2)})
	if text, ok := xml.(string); err != nil || !ok || !strings.Contains(text, "<name>by hand</name>") {
		t.Errorf("virDomainGetXMLDesc of a node: %v, %v", xml, err)
	}
	all, err := ask("virStoragePoolListAllVolumes", map[string]any{"pool": h.Pool})
	if list, ok := all.([]any); err != nil || !ok || len(list) != 3 || list[0].(map[string]any)["key"] == "" {
		t.Errorf("virStoragePoolListAllVolumes: %v, %v", all, err)
	}
	if _, err := ask("virDomainUndefineFlags", map[string]any{"domain": n}); err != nil {
		t.Error(err)
	}
	for what, c := range map[string]struct {
		operation string
		arguments map[string]any
	}{
		"no such call":     {"virDomainGetXML", nil},
		"no such argument": {"virDomainGetXMLDesc", map[string]any{"domain": id, "flag": int64(1)}},
		"missing argument": {"virDomainGetXMLDesc", nil},
		"wrong type":       {"virDomainGetXMLDesc", map[string]any{"domain": id, "flags": "all"}},
	} {
		if _, err := ask(c.operation, c.arguments); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Every call of libvirt's that scripts can make is one of the wire's, with as many arguments.
func TestNativeCalls(t *testing.T) {
	for name, c := range nativeCalls {
		method, ok := wireType.MethodByName(strings.TrimPrefix(name, "vir"))
		if !ok || method.Type.NumIn() != len(c.arguments) {
			t.Errorf("%s takes %q, and the method is %v", name, c.arguments, method.Type)
		}
	}
}
