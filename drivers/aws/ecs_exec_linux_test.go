package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// execable opens a connection to moto behind an agent, and runs a service there.
func execable(t *testing.T) (*agent, *drivers.Conn, container.Container) {
	t.Helper()
	config := motoConfig(t)
	a := newAgent(t, config["endpoint"].(string), nil)
	config["endpoint"] = a.server.URL
	config["task_role"] = "arn:aws:iam::123456789012:role/app"
	conn := opener("ecs", config)(t, nil)
	t.Cleanup(func() { conn.Close() })
	a.keys = conn.Driver().(*ecsDriver).kms
	if _, err := drivers.Call[container.Cluster](t.Context(), conn, container.CreateCluster{Name: "default"}); err != nil {
		t.Fatal(err)
	}
	c, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "app", Image: "app:1", Memory: 128})
	if err != nil {
		t.Fatal(err)
	}
	// Moto says that a task of the service runs, and has none.
	network, err := conn.Driver().(*ecsDriver).network(t.Context(), serviceExtra{})
	if err != nil {
		t.Fatal(err)
	}
	ran, err := conn.Driver().(*ecsDriver).client.RunTask(t.Context(), &ecs.RunTaskInput{Group: aws.String("service:app"), TaskDefinition: aws.String(c.Extra["task_definition"].(string)),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network})
	if err != nil || len(ran.Tasks) != 1 {
		t.Fatal(ran, err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(drivers.Do(ctx, conn, container.DestroyContainer{Container: c.ID}), drivers.Do(ctx, conn, container.DestroyCluster{Cluster: c.Cluster})); err != nil {
			t.Error(err)
		}
	})
	return a, conn, c
}

func TestECSExec(t *testing.T) {
	a, conn, c := execable(t)
	shell := func(line string, words ...string) []string { return append([]string{"/bin/sh", "-c", line}, words...) }
	large := strings.Repeat("0123456789abcdef\n", 4000)
	cases := map[string]struct {
		in   container.ExecContainer
		want container.ExecResult
	}{
		"both outputs and a status": {container.ExecContainer{Command: shell("echo out; echo err >&2; exit 3")}, container.ExecResult{ExitCode: 3, Stdout: "out\n", Stderr: "err\n"}},
		"nothing":                   {container.ExecContainer{Command: []string{"true"}}, container.ExecResult{}},
		"no line's end":             {container.ExecContainer{Command: shell("printf a; printf b >&2")}, container.ExecResult{Stdout: "a", Stderr: "b"}},
		"lines' ends":               {container.ExecContainer{Command: shell(`printf 'a\r\nb\n\n'`)}, container.ExecResult{Stdout: "a\r\nb\n\n"}},
		"words": {container.ExecContainer{Command: shell(`printf '<%s>' "$@"`, "sh", "a b", "", `"c"`, "it's", "$HOME", "two\nlines", "#", `\`)},
			container.ExecResult{Stdout: "<a b><><\"c\"><it's><$HOME><two\nlines><#><\\>"}},
		"input and environment": {container.ExecContainer{Command: shell(`read a; echo "$a and $B"`), Input: "Grüße\n", Environment: map[string]string{"B": "☕ = 'one'"}},
			container.ExecResult{Stdout: "Grüße and ☕ = 'one'\n"}},
		"input of control characters": {container.ExecContainer{Command: []string{"cat"}, Input: "\x01\x03\x04\x1a\x1c\x7f\r\n\x00end"}, container.ExecResult{Stdout: "\x01\x03\x04\x1a\x1c\x7f\r\n\x00end"}},
		"large":                       {container.ExecContainer{Command: []string{"cat"}, Input: large}, container.ExecResult{Stdout: large}},
		"input that is not read":      {container.ExecContainer{Command: []string{"false"}, Input: large}, container.ExecResult{ExitCode: 1}},
		"no terminal":                 {container.ExecContainer{Command: shell("test -t 0 || test -t 1 || test -t 2 || echo none")}, container.ExecResult{Stdout: "none\n"}},
	}
	run := func(t *testing.T) {
		for name, c2 := range cases {
			t.Run(name, func(t *testing.T) {
				c2.in.Container = c.ID
				got, err := drivers.Call[container.ExecResult](t.Context(), conn, c2.in)
				if err != nil || got != c2.want {
					t.Errorf("%.300s, %v; want %.300s", fmt.Sprintf("%+v", got), err, fmt.Sprintf("%+v", c2.want))
				}
			})
		}
	}
	t.Run("plain", run)
	t.Run("rough", func(t *testing.T) {
		a.rough = true
		defer func() { a.rough = false }()
		run(t)
	})
	t.Run("encrypted", func(t *testing.T) {
		key, err := a.keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		a.key = *key.KeyMetadata.KeyId
		defer func() { a.key = "" }()
		run(t)
	})
	t.Run("encrypted with no key", func(t *testing.T) {
		a.key = "11111111-2222-3333-4444-555555555555"
		defer func() { a.key = "" }()
		if _, err := drivers.Call[container.ExecResult](t.Context(), conn, container.ExecContainer{Container: c.ID, Command: []string{"true"}}); op.KindOf(err) != op.NotFound {
			t.Errorf("%v", err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		got, err := drivers.Call[container.ExecResult](t.Context(), conn, container.ExecContainer{Container: c.ID, Command: []string{"/no/such/program"}})
		if err != nil || got.ExitCode != 127 || !strings.Contains(got.Stderr, "/no/such/program") {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, in := range []container.ExecContainer{{Command: []string{"true"}, Environment: map[string]string{"a.b": "c"}}, {Command: []string{}}} {
			in.Container = c.ID
			if _, err := drivers.Call[container.ExecResult](t.Context(), conn, in); op.KindOf(err) != op.InvalidArgument {
				t.Errorf("%+v: %v", in, err)
			}
		}
	})
	// What is given up does not go on.
	ends := func(t *testing.T, mark string, in container.ExecContainer) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		context.AfterFunc(ctx, func() { a.deaf.Store(false) })
		in.Container = c.ID
		if _, err := drivers.Call[container.ExecResult](ctx, conn, in); op.KindOf(err) != op.Timeout {
			t.Errorf("%v", err)
		}
		for command := ""; !strings.Contains(command, mark); {
			select {
			case command = <-a.ended:
			case <-time.After(time.Minute):
				t.Fatal("the command goes on")
			}
		}
	}
	t.Run("canceled", func(t *testing.T) { ends(t, "601", container.ExecContainer{Command: []string{"sleep", "601"}}) })
	t.Run("canceled in the middle of its input", func(t *testing.T) {
		a.deaf.Store(true)
		ends(t, "602", container.ExecContainer{Command: shell("cat >/dev/null; sleep 602"), Input: strings.Repeat(large, 5)})
	})
	t.Run("ended", func(t *testing.T) {
		_, err := drivers.Call[container.ExecResult](t.Context(), conn, container.ExecContainer{Container: c.ID, Command: shell("kill -9 0")})
		if op.KindOf(err) != op.Conflict || !strings.Contains(err.Error(), "ended before the command did") {
			t.Errorf("%v", err)
		}
	})
}
