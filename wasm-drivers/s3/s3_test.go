package main_test

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// harness is that of the module against one server. The server is at a loopback
// address and without TLS, which a module may reach as the user's
// configuration names it.
func harness(t *testing.T, config map[string]any) drivertest.Harness {
	m := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "."), Grant: wasm.Grant{
		Hosts:       []string{"{endpoint}", "*.{endpoint}"},
		Credentials: []string{"s3: sigv4 (s3) to {endpoint}, *.{endpoint}, from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN"},
	}}, wasm.Options{})
	return drivertest.Harness{
		Open:       wasmtest.Opener(wasmtest.Provider(t, m, storage.Family), config),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
	}
}

func motoConfig(t testing.TB) map[string]any {
	return map[string]any{"endpoint": lab.Moto(t), "access_key_id": "test", "secret_access_key": "test"}
}

func versityConfig(t testing.TB) map[string]any {
	s := lab.Versity(t)
	return map[string]any{"endpoint": s.Endpoint, "region": s.Region, "access_key_id": s.AccessKey, "secret_access_key": s.SecretKey}
}

// The servers' deviations are those of the native driver's tests in drivers/aws.

func TestOnMoto(t *testing.T) {
	h := harness(t, motoConfig(t))
	h.OnePage = []string{"list_buckets"} // moto ignores MaxBuckets, which S3 has had since 2024
	const sum = "of an upload in parts it keeps the checksum of the parts' checksums as that of the whole body; S3 documents FULL_OBJECT as the latter"
	h.Deviations = map[string]string{
		"buckets/paging":        "cuts list_buckets to MaxBuckets and gives no ContinuationToken; S3 documents one",
		"concurrent/one_object": "answers 500 now and then when one key is written and read at once; S3 documents that both are fine",
		"names/newline":         "answers 404 to a name with a line break; S3 takes any UTF-8",
		"read/close_midway":     sum,
		"copy/large":            sum,
	}
	for _, way := range []string{"dribble", "seekable", "seeked", "stream"} {
		for _, known := range []string{"true", "false"} {
			h.Deviations["put/"+way+"_12583257_known="+known] = sum
		}
	}
	drivertest.Storage(t, h)
}

func TestOnVersity(t *testing.T) {
	h := harness(t, versityConfig(t))
	const paths = "names are paths of files, cleaned before they are listed; S3 documents that a key is any sequence of bytes"
	h.Deviations = map[string]string{
		"names/leading_slash":   paths,
		"names/double_slash":    paths,
		"names/here_inside":     paths,
		"names/up_inside":       paths,
		"names/null":            "a name with a NUL, which no file has, is a 500 InternalError; S3 takes any UTF-8",
		"names/control":         "list_objects ignores EncodingType for names and so loses U+0001; S3 documents that it encodes Key with encoding-type=url",
		"objects/overwrite":     "PutObject leaves the metadata of the object that it replaces; S3 replaces objects whole",
		"concurrent/one_object": "the body and the checksum beside it are not written in one step; S3 documents that a PUT is atomic",
	}
	drivertest.Storage(t, h)
}
