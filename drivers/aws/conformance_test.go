package aws

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// provider is the one of that name.
func provider(t testing.TB, name string) *drivers.Provider {
	t.Helper()
	for _, p := range Providers() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no provider %s", name)
	return nil
}

// opener opens a provider with a configuration, and what comes on top.
func opener(name string, config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := maps.Clone(config)
		maps.Copy(c, over)
		conn, err := provider(t, name).Open(t.Context(), name, c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func motoConfig(t *testing.T) map[string]any {
	return map[string]any{"endpoint": lab.Moto(t), "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}
}

func versityConfig(t *testing.T) map[string]any {
	s := lab.Versity(t)
	return map[string]any{"endpoint": s.Endpoint, "region": s.Region, "access_key_id": s.AccessKey, "secret_access_key": s.SecretKey}
}

func TestEC2OnMoto(t *testing.T) {
	const token = "ignores ClientToken; EC2 documents that a repetition with the same one answers with what the first made"
	drivertest.Compute(t, drivertest.Harness{
		Open:       opener("ec2", motoConfig(t)),
		SmallPages: map[string]any{"page_size": 5}, PageSize: 5,
		// It ignores MaxResults for these; EC2 documents it for both.
		OnePage:      []string{"list_security_groups", "list_volumes"},
		Image:        "ami-03cf127a",
		Native:       native.Call{Operation: "DescribeAccountAttributes"},
		NativeChange: "CreateVpc",
		Deviations: map[string]string{
			"nodes/security_group_in_use":   "deletes a group that a node uses; EC2 documents DependencyViolation",
			"nodes/suspend":                 "ignores Hibernate; EC2 documents the state reason Client.UserInitiatedHibernate",
			"nodes/stop/reboot_stopped":     "starts a stopped node that is rebooted; EC2 documents IncorrectState",
			"nodes/stop/resize":             "takes any word for an instance type; EC2 documents InvalidInstanceAttributeValue; see TestResize",
			"nodes/destroy/start_destroyed": "starts a terminated node; EC2 documents IncorrectInstanceState",
			"nodes_in_networks/in_use":      "deletes a subnet with nodes in it; EC2 documents DependencyViolation",
			"volumes/attach/twice":          "attaches an attached volume; EC2 documents VolumeInUse",
			"idempotent/create_node":        token,
			"idempotent/create_nodes":       token,
			"idempotent/create_volume":      token,
			"paging/nodes":                  "counts reservations for MaxResults; EC2 documents instances",
		},
	})
}

func TestS3OnMoto(t *testing.T) {
	drivertest.Storage(t, drivertest.Harness{
		Open:       opener("s3", motoConfig(t)),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Native: native.Call{Operation: "ListBuckets"}, NativeChange: "CreateBucket",
		OnePage:    []string{"list_buckets"}, // moto ignores MaxBuckets, which S3 has had since 2024
		Deviations: motoS3Deviations(),
	})
}

func TestS3OnVersity(t *testing.T) {
	drivertest.Storage(t, drivertest.Harness{
		Open:       opener("s3", versityConfig(t)),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Native: native.Call{Operation: "ListBuckets"}, NativeChange: "CreateBucket",
		Deviations: map[string]string{
			"names/leading_slash":   paths,
			"names/double_slash":    paths,
			"names/here_inside":     paths,
			"names/up_inside":       paths,
			"names/null":            "a name with a NUL, which no file has, is a 500 InternalError; S3 takes any UTF-8",
			"names/control":         "list_objects ignores EncodingType for names and so loses U+0001; S3 documents that it encodes Key with encoding-type=url",
			"objects/overwrite":     "PutObject leaves the metadata of the object that it replaces; S3 replaces objects whole",
			"uploads/list/paging":   "refuses the upload-id-marker that it gave itself, as it looks for it behind the key-marker; S3 documents that the two go together",
			"concurrent/one_object": "the body and the checksum beside it are not written in one step; S3 documents that a PUT is atomic",
		},
	})
}

const paths = "names are paths of files, cleaned before they are listed; S3 documents that a key is any sequence of bytes"

func motoS3Deviations() map[string]string {
	const sum = "of an upload in parts it keeps the checksum of the parts' checksums as that of the whole body; S3 documents FULL_OBJECT as the latter"
	m := map[string]string{
		"buckets/paging":        "cuts list_buckets to MaxBuckets and gives no ContinuationToken; S3 documents one",
		"concurrent/one_object": "answers 500 now and then when one key is written and read at once; S3 documents that both are fine",
		"names/newline":         "answers 404 to a name with a line break; S3 takes any UTF-8",
		"read/close_midway":     sum,
		"copy/large":            sum,
		"uploads/list":          "has all uploads on one page, begun in 2010; S3 documents max-uploads and Initiated",
	}
	for _, name := range []string{"whole", "one_part", "stream", "replaced_part", "fewer_parts", "missing_part", "over_another", "many_at_once", "other_connection"} {
		m["uploads/"+name] = sum
	}
	for _, way := range []string{"dribble", "seekable", "seeked", "stream"} {
		for _, known := range []string{"true", "false"} {
			m["put/"+way+"_12583257_known="+known] = sum
		}
	}
	return m
}

// compatible is the configuration of a dialect's driver for a server of the lab.
func compatible(s lab.S3) map[string]any {
	return map[string]any{"endpoint": s.Endpoint, "access_key_id": s.AccessKey, "secret_access_key": s.SecretKey}
}

func TestCeph(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a server")
	}
	drivertest.Storage(t, drivertest.Harness{
		Open:       opener("ceph", compatible(lab.Ceph(t))),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"list_buckets"}, // S3 has pages of them since 2024
		Native:  native.Call{Operation: "ListBuckets"}, NativeChange: "CreateBucket",
		Deviations: map[string]string{
			"uploads/fewer_parts": "completes an upload of all its parts alone; S3 documents that it is assembled of the parts in the request",
		},
	})
}

func TestMinIO(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a server")
	}
	drivertest.Storage(t, drivertest.Harness{
		Open:       opener("minio", compatible(lab.MinIO(t))),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"list_buckets", "list_multipart_uploads"}, // S3 has pages of both
		Native:  native.Call{Operation: "ListBuckets"}, NativeChange: "CreateBucket",
		Deviations: map[string]string{
			"names/both_a_folder's_name":   "does not list what is below the name of another object; S3 lists every key",
			"list/delimiter_in_many_pages": "gives a prefix that fills a page again on the next, with the same token, for a delimiter other than /; S3 documents each prefix once",
		},
	})
}
