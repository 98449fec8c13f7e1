package kube

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// apply is the operation that applies manifests.
const apply = "APPLY"

// NativeEffect goes by the method of the request.
func (Workloads) NativeEffect(operation string) op.Effect {
	if operation == apply {
		return op.Changes
	}
	return native.RESTEffect(operation)
}

// Native makes any request of the API, or applies a manifest. The argument
// cluster says whose API; {namespace} in a path is the connection's.
func (w Workloads) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	api, namespace, arguments, err := w.target(ctx, in.Arguments)
	if err != nil {
		return native.Answer{}, err
	}
	if in.Operation == apply {
		v, err := api.apply(ctx, namespace, arguments)
		return native.Answer{Value: v}, err
	}
	v, err := api.rest(ctx, namespace, in.Operation, arguments, "")
	return native.Answer{Value: v}, err
}

// NativePages follows the lists' continue.
func (w Workloads) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		if w.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		api, namespace, arguments, err := w.target(ctx, in.Arguments)
		if err != nil {
			return nil, "", err
		}
		v, err := api.rest(ctx, namespace, in.Operation, arguments, cursor)
		if err != nil {
			return nil, "", err
		}
		object, _ := v.(dict)
		meta, _ := object["metadata"].(dict)
		next, _ := meta["continue"].(string)
		return []native.Answer{{Value: v}}, next, nil
	})
}

// target takes out of the arguments which API, and which namespace of it, is meant.
func (w Workloads) target(ctx context.Context, arguments map[string]any) (*API, string, dict, error) {
	rest := dict{}
	cluster, namespace := "", ""
	for name, v := range arguments {
		var to *string
		switch name {
		case "cluster":
			to = &cluster
		case "namespace":
			to = &namespace
		default:
			rest[name] = v
			continue
		}
		plain, err := native.Plain(v)
		if err != nil {
			return nil, "", nil, err
		}
		*to, _ = plain.(string)
		if *to == "" {
			return nil, "", nil, op.Errorf(op.InvalidArgument, "%s is a name, not %v", name, plain)
		}
	}
	api, namespace, err := w.place(ctx, cluster, namespace)
	return api, namespace, rest, err
}

// rest makes a request of Kubernetes' API as it is written.
func (a *API) rest(ctx context.Context, namespace, operation string, arguments dict, cursor string) (any, error) {
	query, _ := arguments["query"].(dict)
	if query["watch"] != nil || query["follow"] != nil || strings.Contains(operation, "watch=") || strings.Contains(operation, "follow=") {
		return nil, op.Errorf(op.InvalidArgument, "query: an answer that does not end is none for native; list again, or use logs(follow = True)")
	}
	more := url.Values{}
	if cursor != "" {
		more.Set("continue", cursor)
	}
	if query["limit"] == nil && strings.HasPrefix(operation, http.MethodGet+" ") && !strings.Contains(operation, "limit=") {
		more.Set("limit", fmt.Sprint(a.pageSize))
	}
	return a.REST(ctx, strings.ReplaceAll(operation, "{namespace}", namespace), arguments, more)
}

// REST makes a request as native takes it, with more to its query. Its answer is
// JSON's, or text.
func (a *API) REST(ctx context.Context, operation string, arguments map[string]any, more url.Values) (any, error) {
	in, err := native.REST(operation, arguments)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(in.Path)
	if err != nil || target.Host != "" || !strings.HasPrefix(target.Path, "/") {
		return nil, op.Errorf(op.InvalidArgument, "operation: %q is no path of the API, as \"/api/v1/nodes\"", in.Path)
	}
	query := target.Query()
	for name, value := range in.Query {
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		for _, v := range values {
			query.Add(name, fmt.Sprint(v))
		}
	}
	for name, values := range more {
		query[name] = values
	}
	r := request{method: in.Method, path: target.Path, query: query, header: in.Headers, body: in.Body}
	if in.Method == http.MethodPatch {
		r.contentType = mergePatch
	}
	resp, err := a.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return answer(resp)
}

func answer(resp *http.Response) (any, error) {
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		v, err := native.ReadJSON(resp.Body)
		if err != nil {
			return nil, unreadable(err, resp)
		}
		return v, nil
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, unreadable(err, resp)
	}
	if len(data) == 0 {
		return nil, nil
	}
	return string(data), nil
}

// applyArguments are the arguments of APPLY.
type applyArguments struct {
	Manifest     any    `json:"manifest" op:"required"`
	Force        bool   `json:"force,omitzero"`
	FieldManager string `json:"field_manager,omitzero" default:"cloudlark"`
	DryRun       bool   `json:"dry_run,omitzero"`
}

// apply has the server merge objects into what is there, one after the other
// (server-side apply), and returns them as they are then: one, or a list where
// a list or several documents were given.
func (a *API) apply(ctx context.Context, namespace string, arguments dict) (any, error) {
	in, err := op.Extra[applyArguments](arguments)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s", strings.Replace(op.AsError(err).Message, "extra: ", "", 1))
	}
	objects, single, err := manifests(in.Manifest)
	if err != nil {
		return nil, err
	}
	query := url.Values{"fieldManager": {in.FieldManager}, "fieldValidation": {"Strict"}}
	if in.Force {
		query.Set("force", "true")
	}
	if in.DryRun {
		query.Set("dryRun", "All")
	}
	var applied []any
	for _, o := range objects {
		v, err := a.applyOne(ctx, namespace, o, query)
		if err != nil {
			e := *op.AsError(err)
			e.Message = fmt.Sprintf("%v %v: %s", o["kind"], named(o), e.Message)
			if len(applied) > 0 {
				e.Message += fmt.Sprintf("; the %d before it were applied", len(applied))
			}
			return nil, &e
		}
		applied = append(applied, v)
	}
	if single {
		return applied[0], nil
	}
	return applied, nil
}

func named(o dict) any {
	meta, _ := o["metadata"].(dict)
	return meta["name"]
}

func (a *API) applyOne(ctx context.Context, namespace string, object dict, query url.Values) (any, error) {
	var head metav1.PartialObjectMetadata
	data, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(data, &head)
	}
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "manifest: %w", err)
	}
	if head.APIVersion == "" || head.Kind == "" || !segment(head.Name) {
		return nil, op.Errorf(op.InvalidArgument, "manifest: an object has apiVersion, kind and metadata.name")
	}
	r, err := a.resource(ctx, head.APIVersion, head.Kind)
	if err != nil {
		return nil, err
	}
	switch {
	case !r.Namespaced:
		namespace = ""
	case head.Namespace != "":
		namespace = head.Namespace
	}
	resp, err := a.send(ctx, request{method: http.MethodPatch, path: objectPath(base(head.APIVersion), namespace, r.Name, head.Name),
		query: query, body: data, contentType: applyPatch})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return answer(resp)
}

// manifests are the objects of a manifest: text in YAML or JSON, an object, or a
// list of either. single tells whether it is one by its form.
func manifests(manifest any) (objects []dict, single bool, err error) {
	plain, err := native.Plain(manifest)
	if err != nil {
		return nil, false, err
	}
	switch m := plain.(type) {
	case string:
		objects, err = documents(m)
		return objects, len(objects) == 1, err
	case dict:
		objects = expand(nil, m)
		single = len(objects) == 1 && m["items"] == nil
	case []any:
		for _, each := range m {
			more, _, err := manifests(each)
			if err != nil {
				return nil, false, err
			}
			objects = append(objects, more...)
		}
	default:
		return nil, false, op.Errorf(op.InvalidArgument, "manifest: a dict, a list of them, or text in YAML, not %T", manifest)
	}
	if len(objects) == 0 {
		return nil, false, op.Errorf(op.InvalidArgument, "manifest: there is no object in it")
	}
	return objects, single, nil
}

// expand adds an object, or those of a List.
func expand(objects []dict, o dict) []dict {
	items, ok := o["items"].([]any)
	if kind, _ := o["kind"].(string); !ok || !strings.HasSuffix(kind, "List") {
		return append(objects, o)
	}
	for _, item := range items {
		if each, ok := item.(dict); ok {
			objects = expand(objects, each)
		}
	}
	return objects
}

func documents(text string) ([]dict, error) {
	var objects []dict
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var data []byte
		if err == nil {
			data, err = sigsyaml.YAMLToJSONStrict(document)
		}
		var v any
		if err == nil {
			v, err = native.ReadJSON(bytes.NewReader(data))
		}
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "manifest: document %d: %w", n, err)
		}
		switch o := v.(type) {
		case nil: // nothing but comments
		case dict:
			objects = expand(objects, o)
		default:
			return nil, op.Errorf(op.InvalidArgument, "manifest: document %d is no object", n)
		}
	}
	if len(objects) == 0 {
		return nil, op.Errorf(op.InvalidArgument, "manifest: there is no object in it")
	}
	return objects, nil
}
