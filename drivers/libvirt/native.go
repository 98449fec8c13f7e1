package libvirt

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A nativeCall is a call of libvirt's that scripts can make: a method of [wire].
type nativeCall struct {
	effect    op.Effect
	arguments []string // in the method's order
}

// nativeCalls are by libvirt's names, which are the methods' with vir before them.
var nativeCalls = map[string]nativeCall{
	"virConnectGetHostname":           {op.Reads, nil},
	"virConnectGetLibVersion":         {op.Reads, nil},
	"virConnectGetCapabilities":       {op.Reads, nil},
	"virConnectGetDomainCapabilities": {op.Reads, []string{"emulator", "arch", "machine", "virttype"}},
	"virConnectListAllDomains":        {op.Reads, []string{"flags"}},
	"virConnectListAllStoragePools":   {op.Reads, []string{"flags"}},
	"virConnectListAllNetworks":       {op.Reads, []string{"flags"}},
	"virConnectListAllNWFilters":      {op.Reads, nil},

	"virDomainGetState":            {op.Reads, []string{"domain"}},
	"virDomainGetXMLDesc":          {op.Reads, []string{"domain", "flags"}},
	"virDomainInterfaceAddresses":  {op.Reads, []string{"domain", "source"}},
	"virDomainScreenshot":          {op.Reads, []string{"domain", "screen"}},
	"virDomainListAllSnapshots":    {op.Reads, []string{"domain"}},
	"virDomainSnapshotGetXMLDesc":  {op.Reads, []string{"domain", "snapshot"}},
	"virDomainBackupGetXMLDesc":    {op.Reads, []string{"domain"}},
	"virDomainGetJobStats":         {op.Reads, []string{"domain", "flags"}},
	"virDomainDefineXML":           {op.Changes, []string{"xml"}},
	"virDomainUndefineFlags":       {op.Deletes, []string{"domain", "flags"}},
	"virDomainCreate":              {op.Changes, []string{"domain"}},
	"virDomainShutdownFlags":       {op.Changes, []string{"domain", "flags"}},
	"virDomainReboot":              {op.Changes, []string{"domain", "flags"}},
	"virDomainReset":               {op.Changes, []string{"domain"}},
	"virDomainDestroyFlags":        {op.Changes, []string{"domain", "flags"}},
	"virDomainSuspend":             {op.Changes, []string{"domain"}},
	"virDomainResume":              {op.Changes, []string{"domain"}},
	"virDomainManagedSave":         {op.Changes, []string{"domain", "flags"}},
	"virDomainSetAutostart":        {op.Changes, []string{"domain", "autostart"}},
	"virDomainSetMetadata":         {op.Changes, []string{"domain", "type", "metadata", "key", "uri", "flags"}},
	"virDomainAttachDeviceFlags":   {op.Changes, []string{"domain", "xml", "flags"}},
	"virDomainDetachDeviceFlags":   {op.Changes, []string{"domain", "xml", "flags"}},
	"virDomainUpdateDeviceFlags":   {op.Changes, []string{"domain", "xml", "flags"}},
	"virDomainBlockResize":         {op.Changes, []string{"domain", "disk", "size", "flags"}},
	"virDomainBackupBegin":         {op.Changes, []string{"domain", "xml", "flags"}},
	"virDomainAbortJob":            {op.Changes, []string{"domain"}},
	"virDomainSnapshotCreateXML":   {op.Creates, []string{"domain", "xml", "flags"}},
	"virDomainRevertToSnapshot":    {op.Changes, []string{"domain", "snapshot", "flags"}},
	"virDomainSnapshotDelete":      {op.Deletes, []string{"domain", "snapshot", "flags"}},
	"virDomainQemuMonitorCommand":  {op.Changes, []string{"domain", "cmd", "flags"}},
	"virDomainQemuAgentCommand":    {op.Changes, []string{"domain", "cmd", "timeout"}},
	"virStoragePoolGetXMLDesc":     {op.Reads, []string{"pool"}},
	"virStoragePoolListAllVolumes": {op.Reads, []string{"pool"}},
	"virStoragePoolRefresh":        {op.Changes, []string{"pool"}},
	"virStorageVolGetXMLDesc":      {op.Reads, []string{"volume"}},
	"virStorageVolCreateXML":       {op.Creates, []string{"pool", "xml", "flags"}},
	"virStorageVolCreateXMLFrom":   {op.Creates, []string{"pool", "xml", "volume", "flags"}},
	"virStorageVolDelete":          {op.Deletes, []string{"volume"}},
	"virStorageVolResize":          {op.Changes, []string{"volume", "capacity", "flags"}},
	"virNetworkGetXMLDesc":         {op.Reads, []string{"network"}},
	"virNetworkGetDHCPLeases":      {op.Reads, []string{"network"}},
	"virNetworkDefineXML":          {op.Changes, []string{"xml"}},
	"virNetworkCreate":             {op.Changes, []string{"network"}},
	"virNetworkDestroy":            {op.Changes, []string{"network"}},
	"virNetworkUndefine":           {op.Deletes, []string{"network"}},
	"virNetworkSetAutostart":       {op.Changes, []string{"network", "autostart"}},
	"virNWFilterGetXMLDesc":        {op.Reads, []string{"filter"}},
	"virNWFilterDefineXML":         {op.Changes, []string{"xml"}},
	"virNWFilterUndefine":          {op.Deletes, []string{"filter"}},
}

var wireType = reflect.TypeFor[wire]()

// optionalArguments may be left out of a call.
var optionalArguments = []string{"flags", "screen", "source", "emulator", "arch", "machine", "virttype", "metadata", "key", "uri", "timeout"}

// NativeEffect goes by libvirt's name of the call.
func (*driver) NativeEffect(operation string) op.Effect {
	if c, ok := nativeCalls[operation]; ok {
		return c.effect
	}
	return op.Changes
}

func (d *driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	c, ok := nativeCalls[in.Operation]
	if !ok {
		known := slices.Sorted(maps.Keys(nativeCalls))
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %q is no call of libvirt's that this driver makes%s", in.Operation, op.DidYouMean(in.Operation, known))
	}
	for name := range in.Arguments {
		if !slices.Contains(c.arguments, name) {
			return native.Answer{}, op.Errorf(op.InvalidArgument, "%s takes no argument %q%s", in.Operation, name, op.DidYouMean(name, c.arguments))
		}
	}
	method, _ := wireType.MethodByName(strings.TrimPrefix(in.Operation, "vir"))
	arguments := make([]reflect.Value, len(c.arguments))
	for i, name := range c.arguments {
		v, given := in.Arguments[name]
		if !given && !slices.Contains(optionalArguments, name) {
			return native.Answer{}, op.Errorf(op.InvalidArgument, "%s: argument %q is missing", in.Operation, name)
		}
		var err error
		if arguments[i], err = argument(method.Type.In(i), name, v); err != nil {
			return native.Answer{}, err
		}
	}
	value, err := get(ctx, d.link, func(w wire) (any, error) {
		out := reflect.ValueOf(w).MethodByName(method.Name).Call(arguments)
		err, _ := out[len(out)-1].Interface().(error)
		if len(out) == 1 || err != nil {
			return nil, err
		}
		return out[0].Interface(), nil
	})
	if err != nil {
		return native.Answer{}, err
	}
	return answer(value)
}

// argument makes of what a script gave what a method takes.
func argument(t reflect.Type, name string, given any) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	plain, err := native.Plain(given)
	if err != nil {
		return v, err
	}
	number, isNumber := plain.(int64)
	if n, ok := plain.(int); ok {
		number, isNumber = int64(n), true
	}
	switch text, isText := plain.(string); {
	case plain == nil:
	case v.Kind() == reflect.String && isText:
		v.SetString(text)
	case v.CanInt() && isNumber && number >= math.MinInt32 && number <= math.MaxInt32:
		v.SetInt(number)
	case v.CanUint() && isNumber && number >= 0 && !v.OverflowUint(uint64(number)):
		v.SetUint(uint64(number))
	default:
		return v, op.Errorf(op.InvalidArgument, "%s is %v: it would be of type %s", name, plain, v.Kind())
	}
	return v, nil
}

// answer makes lists and dicts of libvirt's structs; bytes, as of a picture, are base64.
func answer(v any) (native.Answer, error) {
	switch v := v.(type) {
	case nil, string:
		return native.Answer{Value: v}, nil
	case int32:
		return native.Answer{Value: int64(v)}, nil
	case uint64:
		return native.Answer{Value: int64(v)}, nil
	}
	data, err := json.Marshal(v)
	var plain any
	if err == nil {
		err = json.Unmarshal(data, &plain)
	}
	if err != nil {
		return native.Answer{}, op.Errorf(op.Internal, "%w", err)
	}
	return native.Answer{Value: whole(plain)}, nil
}

// whole makes the numbers of JSON integers: libvirt has no others here.
func whole(v any) any {
	switch v := v.(type) {
	case float64:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	}
	return v
}
