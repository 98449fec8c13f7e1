package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ExecContainer runs a command in one of the service's tasks. ECS Exec is a
// terminal, which has one output and no exit status: the command is run by a
// shell that keeps the terminal's habits away from it, and writes what the
// terminal does not tell between marks.
func (d *ecsDriver) ExecContainer(ctx context.Context, in container.ExecContainer) (container.ExecResult, error) {
	none := container.ExecResult{}
	if len(in.Command) == 0 {
		return none, op.Errorf(op.InvalidArgument, "command is empty: say which program to run")
	}
	mark := rand.Text()
	command, err := wrapped(mark, in)
	if err != nil {
		return none, err
	}
	s, err := d.find(ctx, in.Container)
	if err != nil {
		return none, err
	}
	task, c, err := d.taskOf(ctx, s)
	if err != nil {
		return none, err
	}
	out, err := d.client.ExecuteCommand(ctx, &ecs.ExecuteCommandInput{Cluster: s.ClusterArn, Task: task.TaskArn, Container: c.Name, Command: &command, Interactive: true})
	if err != nil {
		return none, execRefused(err)
	}
	channel, err := openChannel(ctx, aws.ToString(out.Session.StreamUrl), aws.ToString(out.Session.TokenValue))
	if err != nil {
		return none, err
	}
	defer channel.close()
	channel.newKeys = func(ctx context.Context, key string) (*sessionKeys, error) {
		target := fmt.Sprintf("ecs:%s_%s_%s", path.Base(aws.ToString(task.ClusterArn)), path.Base(aws.ToString(task.TaskArn)), aws.ToString(c.RuntimeId))
		return newSessionKeys(ctx, d.kms, key, aws.ToString(out.Session.SessionId), target)
	}
	r := &transcript{mark: mark}
	err = channel.run(ctx, func(output []byte) error {
		if began := r.add(output); began && in.Input != "" {
			if r.cooked {
				return op.Errorf(op.Conflict, "input: the image has no stty, without which the terminal would change what it hands on")
			}
			return channel.write(payloadOutput, []byte(in.Input))
		}
		return nil
	}, func() bool { return r.ended })
	if err == nil {
		return r.result()
	}
	if end, ok := errors.AsType[closedError](err); ok {
		return none, op.Errorf(op.Conflict, "the session ended before the command did: %s; exec_container wants /bin/sh and cat in the image", cmp.Or(end.output, strings.TrimSpace(r.text.String()), "it was not told why"))
	}
	if op.KindOf(err) != op.Unavailable {
		interrupt(ctx, channel)
	}
	return none, err
}

// interrupt asks what runs in a session's terminal to end, which would go on for
// as long as it likes when the session is merely left.
func interrupt(ctx context.Context, c *dataChannel) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	c.forget()
	if c.write(payloadOutput, []byte{3}) == nil {
		_ = c.run(ctx, func([]byte) error { return nil }, c.drained)
	}
}

// taskOf is a task of a service that runs, one that commands can be run in if
// there is any, and its first container.
func (d *ecsDriver) taskOf(ctx context.Context, s types.Service) (types.Task, types.Container, error) {
	tasks, err := d.tasks(ctx, s)
	if err != nil {
		return types.Task{}, types.Container{}, err
	}
	name := ""
	if s.TaskDefinition != nil {
		t, err := d.definition(ctx, *s.TaskDefinition)
		if err != nil {
			return types.Task{}, types.Container{}, err
		}
		if len(t.ContainerDefinitions) > 0 {
			name = aws.ToString(t.ContainerDefinitions[0].Name)
		}
	}
	found, main, reason := (*types.Task)(nil), types.Container{Name: &name}, ""
	for i := range tasks {
		c := main
		if at := slices.IndexFunc(tasks[i].Containers, func(c types.Container) bool { return aws.ToString(c.Name) == name }); at >= 0 {
			c = tasks[i].Containers[at]
		}
		agent := slices.IndexFunc(c.ManagedAgents, func(a types.ManagedAgent) bool { return a.Name == types.ManagedAgentNameExecuteCommandAgent })
		if agent >= 0 && aws.ToString(c.ManagedAgents[agent].LastStatus) == "RUNNING" {
			return tasks[i], c, nil
		}
		if agent >= 0 {
			reason = cmp.Or(aws.ToString(c.ManagedAgents[agent].Reason), "its agent is "+aws.ToString(c.ManagedAgents[agent].LastStatus))
		}
		if found == nil {
			found, main = &tasks[i], c
		}
	}
	switch {
	case found == nil:
		return types.Task{}, types.Container{}, op.Errorf(op.Conflict, "the service %s has no task that runs", aws.ToString(s.ServiceName))
	case reason != "":
		return types.Task{}, types.Container{}, op.Errorf(op.Conflict, "no task of the service %s can be given a command now: %s; %s", aws.ToString(s.ServiceName), reason, execAdvice)
	}
	return *found, main, nil
}

const execAdvice = "wait for it, and see that the service was deployed with a task_role that allows ssmmessages:CreateControlChannel, CreateDataChannel, OpenControlChannel and OpenDataChannel, and that its network reaches that service"

// execRefused says what to do about what ECS says of a command.
func execRefused(err error) error {
	e := *op.AsError(err)
	if e.Code == "TargetNotConnectedException" || e.Code == "InvalidParameterException" && strings.Contains(strings.ToLower(e.Message), "execute command") {
		e.Kind, e.Message = op.Conflict, strings.TrimRight(e.Message, ". ")+"; "+execAdvice
	}
	return &e
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wrapped is a command as ECS Exec is to run it. The agent splits it into words as
// a shell does, and starts the first in a terminal; that is made to hand on bytes
// as they are. The command itself writes into a pipe, as programs write otherwise
// to a terminal than to anybody else, and its errors into a file that has no name
// any more, where there can be one.
func wrapped(mark string, in container.ExecContainer) (string, error) {
	tty := "stty raw -echo"
	if !strings.ContainsAny(in.Input, "\x03\x1c\x1a") {
		tty += " isig" // see interrupt
	}
	script := []string{
		tty + " 2>/dev/null && echo " + mark + " raw || echo " + mark + " cooked",
		"e=${TMPDIR:-/tmp}/." + mark,
		`if (umask 077; set -C; : >"$e") 2>/dev/null; then exec 3>"$e" 4<"$e"; rm -f "$e"; else exec 3>&1 4</dev/null; fi`,
	}
	for _, name := range slices.Sorted(maps.Keys(in.Environment)) {
		if !variable.MatchString(name) {
			return "", op.Errorf(op.InvalidArgument, "environment: %q is no name that a shell takes", name)
		}
		script = append(script, "export "+name+"="+quoted(in.Environment[name]))
	}
	words := make([]string, len(in.Command))
	for i, w := range in.Command {
		words[i] = quoted(w)
	}
	run := `"$@" 2>&3 3>&- 4<&- 5>&- 6>&-`
	if in.Input == "" {
		run += " </dev/null"
	} else {
		run = "head -c " + strconv.Itoa(len(in.Input)) + " | " + run
	}
	script = append(script,
		"set -- "+strings.Join(words, " "),
		"exec 6>&1",
		"s=$({ { "+run+"; echo $? >&5; } | cat >&6; } 5>&1)",
		`printf '\n%s %s\n' `+mark+` "$s"; cat <&4; printf '\n%s end\n' `+mark,
	)
	return "/bin/sh -c " + quoted(strings.Join(script, "; ")), nil
}

// quoted is a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// A transcript is what came out of a session's terminal.
type transcript struct {
	mark          string
	text          bytes.Buffer
	begun, cooked bool // whether the terminal changes line ends
	ended         bool
}

// add takes more of it, and reports whether that is where the command begins.
func (r *transcript) add(output []byte) (began bool) {
	before := r.text.Len()
	r.text.Write(output)
	end := []byte("\n" + r.mark + " end")
	r.ended = r.ended || bytes.Contains(r.text.Bytes()[max(0, before-len(end)):], end)
	if r.begun {
		return false
	}
	raw, cooked := bytes.Contains(r.text.Bytes(), []byte(r.mark+" raw\n")), bytes.Contains(r.text.Bytes(), []byte(r.mark+" cooked\r\n"))
	r.begun, r.cooked = raw || cooked, cooked
	return r.begun
}

// result reads the parts of an ended one.
func (r *transcript) result() (container.ExecResult, error) {
	text, began := r.text.String(), r.mark+" raw\n"
	if r.cooked {
		text, began = strings.ReplaceAll(text, "\r\n", "\n"), r.mark+" cooked\n"
	}
	_, text, _ = strings.Cut(text, began)
	stdout, text, ok := strings.Cut(text, "\n"+r.mark+" ")
	status, text, _ := strings.Cut(text, "\n")
	stderr, _, _ := strings.Cut(text, "\n"+r.mark+" end")
	code, err := strconv.Atoi(status)
	if !ok || err != nil {
		return container.ExecResult{}, op.Errorf(op.Internal, "the session's output is not what the shell was to write: %q", text)
	}
	return container.ExecResult{ExitCode: code, Stdout: stdout, Stderr: stderr}, nil
}
