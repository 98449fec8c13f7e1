package aws

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestNativePages follows tokens of one field, and of two.
func TestNativePages(t *testing.T) {
	ctx := t.Context()
	conn := opener("s3", versityConfig(t))(t, nil)
	defer conn.Close()
	if _, err := drivers.Call[storage.Bucket](ctx, conn, storage.CreateBucket{Name: "pages"}); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		_, err := drivers.Call[storage.Object](ctx, conn, storage.PutObject{Bucket: "pages", Name: fmt.Sprintf("object-%d", i), Body: strings.NewReader("x")})
		if err != nil {
			t.Fatal(err)
		}
	}
	for operation, items := range map[string]string{"ListObjectsV2": "Contents", "ListObjects": "Contents"} {
		var keys []string
		pages := 0
		for a, err := range drivers.List[native.Answer](ctx, conn, native.Pages{Operation: operation, Arguments: map[string]any{"Bucket": "pages", "MaxKeys": int64(2)}}) {
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, o := range a.Value.(map[string]any)[items].([]any) {
				keys = append(keys, o.(map[string]any)["Key"].(string))
			}
		}
		if want := []string{"object-0", "object-1", "object-2", "object-3", "object-4"}; !reflect.DeepEqual(keys, want) || pages != 3 {
			t.Errorf("%s: %d pages of %q", operation, pages, keys)
		}
	}
}

// TestFollowing: which fields of an answer go into which of the next request.
func TestFollowing(t *testing.T) {
	for _, c := range []struct {
		input, out any
		want       map[string]string
	}{
		{ec2.DescribeVpcsInput{}, ec2.DescribeVpcsOutput{NextToken: aws.String("n")}, map[string]string{"NextToken": "n"}},
		{ec2.DescribeVpcsInput{}, ec2.DescribeVpcsOutput{NextToken: aws.String("")}, map[string]string{}},
		{s3.ListObjectsV2Input{}, s3.ListObjectsV2Output{ContinuationToken: aws.String("this"), NextContinuationToken: aws.String("next")}, map[string]string{"ContinuationToken": "next"}},
		{s3.ListObjectsV2Input{}, s3.ListObjectsV2Output{ContinuationToken: aws.String("this")}, map[string]string{}},
		{s3.ListBucketsInput{}, s3.ListBucketsOutput{ContinuationToken: aws.String("next")}, map[string]string{"ContinuationToken": "next"}},
		{s3.ListObjectVersionsInput{}, s3.ListObjectVersionsOutput{NextKeyMarker: aws.String("k"), NextVersionIdMarker: aws.String("v")},
			map[string]string{"KeyMarker": "k", "VersionIdMarker": "v"}},
	} {
		if got := following(reflect.TypeOf(c.input), reflect.ValueOf(c.out)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T: %v, want %v", c.out, got, c.want)
		}
	}
}

// TestNativeArguments: scripts' values become the SDK's, and what cannot is
// refused by name.
func TestNativeArguments(t *testing.T) {
	s := service{ec2.New(ec2.Options{})}
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	_, input, err := s.prepare("DescribeSpotPriceHistory", map[string]any{
		"InstanceTypes": []any{"t3.micro"}, "StartTime": at, "EndTime": "2026-11-25T00:00:00Z", "MaxResults": int64(7), "DryRun": true,
		"Filters": []any{map[string]any{"Name": "zone", "Values": []any{compute.Location{ID: "eu-1"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	end := at.Add(24 * time.Hour)
	want := &ec2.DescribeSpotPriceHistoryInput{InstanceTypes: []types.InstanceType{"t3.micro"}, StartTime: &at, EndTime: &end, MaxResults: aws.Int32(7), DryRun: aws.Bool(true),
		Filters: []types.Filter{{Name: aws.String("zone"), Values: []string{"eu-1"}}}}
	if !reflect.DeepEqual(input.Interface(), want) {
		t.Errorf("the input is %+v", input.Interface())
	}
	for _, c := range []struct {
		operation string
		arguments map[string]any
		says      string
	}{
		{"DescribeVpc", nil, "did you mean DescribeVpcs"},
		{"Options", nil, `no "Options"`},
		{"DescribeVpcs", map[string]any{"MaxResult": int64(5)}, "did you mean MaxResults"},
		{"DescribeVpcs", map[string]any{"MaxResults": "many"}, "MaxResults: want an int"},
		{"DescribeVpcs", map[string]any{"MaxResults": int64(1) << 40}, "MaxResults: want an int"},
		{"DescribeVpcs", map[string]any{"VpcIds": "vpc-1"}, "VpcIds: want a list"},
		{"DescribeVpcs", map[string]any{"Filters": []any{map[string]any{"Nam": "x"}}}, "Filters[0].Nam"},
		{"DescribeVpcs", map[string]any{"Filters": []any{"x"}}, "a dict of Name, Values"},
	} {
		_, _, err := s.prepare(c.operation, c.arguments)
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %v", c.operation, c.arguments, err)
		}
	}
	if _, _, err := (service{s3.New(s3.Options{})}).prepare("GetObject", nil); err == nil || !strings.Contains(err.Error(), "read_object") {
		t.Errorf("GetObject: %v", err)
	}
}

// TestNativeEffect: the names of operations that read, over all of EC2's.
func TestNativeEffect(t *testing.T) {
	var s *session
	for operation, want := range map[string]op.Effect{
		"DescribeVpcs": op.Reads, "GetConsoleOutput": op.Reads, "SearchTransitGatewayRoutes": op.Reads, "ListObjectsV2": op.Reads, "HeadBucket": op.Reads,
		"RunInstances": op.Creates, "CreateVpc": op.Creates, "TerminateInstances": op.Deletes, "DeleteVpc": op.Deletes,
		"StopInstances": op.Changes, "ModifyVpcAttribute": op.Changes, "Listen": op.Changes, "Get": op.Changes, "": op.Changes,
	} {
		if got := s.NativeEffect(operation); got != want {
			t.Errorf("%q %s, want %s", operation, got, want)
		}
	}
}

// TestNativeError: errors are those of portable operations.
func TestNativeError(t *testing.T) {
	conn := opener("ec2", map[string]any{"endpoint": lab.Moto(t), "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"})(t, nil)
	defer conn.Close()
	_, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "DescribeInstances", Arguments: map[string]any{"InstanceIds": []any{"i-0123456789abcdef0"}}})
	if e := op.AsError(err); op.KindOf(err) != op.NotFound || e.RequestID == "" || e.Op != "native" {
		t.Errorf("no such instance: %#v", e)
	}
}
