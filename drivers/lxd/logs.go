package lxd

import (
	"bufio"
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// The log of a container is what it wrote to its console: the server keeps the last
// 128 KiB or so of it in memory while the container runs, and in a file afterwards.

// GetContainerLogs yields lines. With follow it looks again and again, and goes on
// after the end of what it has seen.
func (d *driver) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		if in.Tail < 0 {
			yield(container.LogLine{}, op.Errorf(op.InvalidArgument, "tail is %d: it is not negative", in.Tail))
			return
		}
		var seen, rest string
		first, late := true, 0
		stopped := false // the reader
		err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
			// What was written before it was seen to have ended is all there is.
			c, err := d.instance(ctx, in.Container)
			if err != nil {
				return false, err
			}
			ended := states[c.StatusCode] == container.Stopped || states[c.StatusCode] == container.Error
			text, err := d.console(ctx, in.Container)
			if err != nil {
				return false, err
			}
			if text == "" && seen != "" {
				if late++; late < 10 { // between memory and file
					return false, nil
				}
				text = seen
			}
			whole, part := cutLast(rest + after(seen, text))
			seen, rest = text, part
			if ended || !in.Follow {
				whole, rest = append(whole, lastLine(rest)...), ""
			}
			if n := len(whole); first && in.Tail > 0 && n > in.Tail {
				whole = whole[n-in.Tail:]
			}
			first = false
			for _, line := range whole {
				if !yield(container.LogLine{Stream: container.Stdout, Text: line}, nil) {
					stopped = true
					return true, nil
				}
			}
			return ended || !in.Follow, nil
		})
		if err != nil && !stopped {
			yield(container.LogLine{}, failed(err))
		}
	}
}

// console reads what is kept of a container's console.
func (d *driver) console(ctx context.Context, name string) (string, error) {
	path, err := named(name)
	if err != nil {
		return "", err
	}
	resp, err := d.do(ctx, http.MethodGet, path+"/console", nil, nil, nil)
	if op.KindOf(err) == op.NotFound || says(err, "no such file or directory") {
		return "", nil // it has not run, or has written nothing
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, largest))
	if err != nil {
		return "", failed(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n"), nil
}

// after is what text, the end of what was written, has beyond seen, an earlier end
// of it. The two overlap, unless more was written in between than is kept.
func after(seen, text string) string {
	if more, ok := strings.CutPrefix(text, seen); ok {
		return more
	}
	const enough = 4 << 10
	end := seen[max(0, len(seen)-enough):]
	if at := strings.LastIndex(text, end); end != "" && at >= 0 {
		return text[at+len(end):]
	}
	return text
}

// cutLast is the whole lines of a text, and what comes after the last.
func cutLast(text string) (whole []string, rest string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\r", "")
	}
	return lines[:len(lines)-1], lines[len(lines)-1]
}

func lastLine(rest string) []string {
	if rest == "" {
		return nil
	}
	return []string{rest}
}

// lxcErrors are the reasons in LXC's own log of why a container did not start.
func lxcErrors(log io.Reader) []string {
	var reasons []string
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		// lxc NAME TIME ERROR    MODULE - FILE:FUNCTION:LINE - REASON
		_, text, ok := strings.Cut(lines.Text(), " ERROR ")
		parts := strings.SplitN(text, " - ", 3)
		if ok && len(parts) == 3 && len(reasons) < 3 {
			reasons = append(reasons, parts[2])
		}
	}
	return reasons
}
