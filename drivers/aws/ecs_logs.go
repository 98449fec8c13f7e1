package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A logsCursor is where reading goes on.
type logsCursor struct {
	Token string   `json:"t,omitempty"` // of a page that was not the last
	Since int64    `json:"s,omitempty"` // the time of the last event that was read, in ms
	Seen  []string `json:"e,omitempty"` // the events of that time that were
}

// GetContainerLogs reads what the service's tasks wrote to CloudWatch, which does
// not keep the two outputs apart: all of it counts as standard output.
func (d *ecsDriver) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return op.Follow(ctx, 2*time.Second, func(ctx context.Context, cursor string) ([]container.LogLine, string, error) {
		tail, err := in.Last()
		if err != nil {
			return nil, "", err
		}
		group, prefix, err := d.logStreams(ctx, in.Container)
		if err != nil {
			if op.KindOf(err) == op.NotFound && cursor != "" {
				return nil, "", nil // destroyed, and so ended
			}
			return nil, "", err
		}
		var at logsCursor
		if cursor != "" {
			if err := json.Unmarshal([]byte(cursor), &at); err != nil {
				return nil, "", op.Errorf(op.InvalidArgument, "the cursor is none of this log: %w", err)
			}
		}
		var lines []container.LogLine
		if cursor == "" && tail >= 0 {
			if lines, at, err = d.tail(ctx, group, prefix, tail); err != nil {
				return nil, "", err
			}
		} else {
			if lines, at, err = d.after(ctx, group, prefix, at); err != nil {
				return nil, "", err
			}
		}
		if at.Token == "" && !in.Follow {
			return lines, "", nil
		}
		next, err := json.Marshal(at)
		return lines, string(next), err
	})
}

// logStreams are where a service's container writes: the group, and how the
// names of its tasks' streams begin.
func (d *ecsDriver) logStreams(ctx context.Context, id string) (group, prefix string, err error) {
	s, err := d.find(ctx, id)
	if err != nil {
		return "", "", err
	}
	t, err := d.definition(ctx, aws.ToString(s.TaskDefinition))
	if err != nil {
		return "", "", err
	}
	for _, c := range t.ContainerDefinitions {
		if l := c.LogConfiguration; l != nil && l.LogDriver == types.LogDriverAwslogs {
			return l.Options["awslogs-group"], l.Options["awslogs-stream-prefix"] + "/" + aws.ToString(c.Name) + "/", nil
		}
	}
	return "", "", op.Errorf(op.Conflict, "the service writes its logs nowhere that they can be read again: deploy it with log_group, in extra or the connection's")
}

// after reads a page of what came since.
func (d *ecsDriver) after(ctx context.Context, group, prefix string, at logsCursor) ([]container.LogLine, logsCursor, error) {
	request := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, LogStreamNamePrefix: &prefix, Limit: d.page()}
	if at.Token != "" {
		request.NextToken = &at.Token
	}
	if at.Since > 0 {
		request.StartTime = &at.Since
	}
	out, err := d.logs.FilterLogEvents(ctx, request)
	if isCode(err, "ResourceNotFoundException") {
		return nil, at, nil // made when the first task writes
	}
	if err != nil {
		return nil, at, err
	}
	next := logsCursor{Token: aws.ToString(out.NextToken), Since: at.Since, Seen: at.Seen}
	var lines []container.LogLine
	for _, e := range out.Events {
		id, time := aws.ToString(e.EventId), aws.ToInt64(e.Timestamp)
		if time == at.Since && slices.Contains(at.Seen, id) {
			continue
		}
		if time > next.Since {
			next.Since, next.Seen = time, nil
		}
		next.Seen = append(next.Seen, id)
		lines = append(lines, line(time, aws.ToString(e.Message)))
	}
	return lines, next, nil
}

// recent is how many of a service's streams, one a task, are looked at for its
// last lines.
const recent = 20

// tail reads the last lines: of the streams that were written to last, the last of each.
func (d *ecsDriver) tail(ctx context.Context, group, prefix string, n int) ([]container.LogLine, logsCursor, error) {
	var at logsCursor
	var streams []logtypes.LogStream
	for token := (*string)(nil); ; {
		out, err := d.logs.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &group, LogStreamNamePrefix: &prefix, NextToken: token})
		if isCode(err, "ResourceNotFoundException") {
			return nil, at, nil
		}
		if err != nil {
			return nil, at, err
		}
		streams = append(streams, out.LogStreams...)
		if token = out.NextToken; token == nil {
			break
		}
	}
	slices.SortFunc(streams, func(a, b logtypes.LogStream) int {
		return cmp.Compare(aws.ToInt64(b.LastEventTimestamp), aws.ToInt64(a.LastEventTimestamp))
	})
	var lines []container.LogLine
	for _, s := range streams[:min(recent, len(streams))] {
		out, err := d.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &group, LogStreamName: s.LogStreamName, StartFromHead: aws.Bool(false), Limit: aws.Int32(int32(min(max(1, n), 10000)))})
		if err != nil {
			return nil, at, err
		}
		for _, e := range out.Events {
			lines = append(lines, line(aws.ToInt64(e.Timestamp), aws.ToString(e.Message)))
			at.Since = max(at.Since, aws.ToInt64(e.Timestamp)+1) // these have no ids to tell them from others of the time
		}
	}
	slices.SortStableFunc(lines, func(a, b container.LogLine) int { return a.Time.Compare(b.Time) })
	return lines[max(0, len(lines)-n):], at, nil
}

func line(milliseconds int64, text string) container.LogLine {
	return container.LogLine{Time: time.UnixMilli(milliseconds).UTC(), Stream: container.Stdout, Text: strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\n", " ")}
}
