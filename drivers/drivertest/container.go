package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Container is the suite of the container family. It needs [Harness.Image]
// where the provider can pull or list no image.
func Container(t *testing.T, h Harness) {
	s := &containerSuite{suite: newSuite(t, container.Family, h)}
	s.test(t, "unsupported", s.unsupported)
	s.test(t, "native", s.native, "native")
	s.test(t, "locations", s.locations, "list_locations")
	s.test(t, "clusters", s.clusters, "create_cluster", "get_cluster")
	s.test(t, "cluster_list", s.clusterList, "list_clusters")
	s.test(t, "images", s.images, "list_images")
	s.test(t, "containers", s.containers, "deploy_container", "get_container")
	s.test(t, "limits", s.limits, "deploy_container", "get_container")
	s.test(t, "exec", s.exec, "deploy_container", "exec_container")
	s.test(t, "logs", s.logs, "deploy_container", "get_container_logs")
	s.test(t, "refused", s.refused, "deploy_container")
	s.test(t, "image_in_use", s.imageInUse, "deploy_container", "delete_image", "list_images")
	s.test(t, "repositories", s.repositories, "list_repositories")
	s.test(t, "copy", s.copies, "copy_image", "get_image")
	s.test(t, "push", s.pushes, "push_image", "pull_image")
	s.test(t, "idempotent", s.idempotent)
	s.test(t, "paging", s.paging, "deploy_container", "list_containers")
	s.test(t, "small_pages", s.sameInSmallPages)
	s.test(t, "concurrent", s.concurrent, "deploy_container", "get_container", "destroy_container")
	s.test(t, "canceled", s.interrupted)
	s.test(t, "not_found", func(t *testing.T) { s.notFound(t, nil) })
	s.finish(t)
}

type containerSuite struct {
	*suite
	home string // the cluster that the suite's containers run on
}

// image names an image that can be deployed.
func (s *containerSuite) image(t *testing.T) string {
	t.Helper()
	if s.Image != "" {
		return s.Image
	}
	if s.offers("list_images") {
		if all := list[container.Image](t, s.conn, container.ListImages{}); len(all) > 0 && all[0].Name != "" {
			return all[0].Name
		}
	}
	if s.offers("list_repositories") && s.offers("list_tags") {
		for _, r := range list[container.Repository](t, s.conn, container.ListRepositories{}) {
			for _, tag := range list[container.Tag](t, s.conn, container.ListTags{Repository: r.Name}) {
				return r.Name + ":" + tag.Name
			}
		}
	}
	t.Fatal("there is no image to deploy; Harness.Image can name one")
	return ""
}

// cluster is where the suite's containers run: one of its own, if the provider
// makes clusters.
func (s *containerSuite) cluster(t *testing.T) string {
	t.Helper()
	if s.home == "" && s.offers("create_cluster") {
		c := Call[container.Cluster](t, s.conn, container.CreateCluster{Name: s.name("cluster")})
		s.cleanup(s.root, container.DestroyCluster{Cluster: c.ID})
		s.clusterRuns(t, c.ID)
		s.home = c.ID
	}
	return s.home
}

func (s *containerSuite) clusterRuns(t *testing.T, id string) container.Cluster {
	t.Helper()
	return until(t, s.suite, "cluster "+id+" to be running", getter[container.Cluster](s.conn, container.GetCluster{Cluster: id}),
		func(c container.Cluster) bool { return c.State == container.Running })
}

func (s *containerSuite) input(t *testing.T, in container.DeployContainer) container.DeployContainer {
	t.Helper()
	if in.Name == "" {
		in.Name = s.name("c")
	}
	if in.Command == nil {
		in.Command = s.Command
	}
	in.Image, in.Cluster = s.image(t), s.cluster(t)
	return in
}

func (s *containerSuite) deploy(t *testing.T, in container.DeployContainer) container.Container {
	t.Helper()
	c := Call[container.Container](t, s.conn, s.input(t, in))
	s.cleanup(t, container.DestroyContainer{Container: c.ID})
	return c
}

// is waits until a container is as it shall be.
func (s *containerSuite) is(t *testing.T, id, what string, right func(container.Container) bool) container.Container {
	t.Helper()
	return until(t, s.suite, "container "+id+" "+what, getter[container.Container](s.conn, container.GetContainer{Container: id}), right)
}

func runs(c container.Container) bool { return c.State == container.Running }

// ended reports whether a container does not run; providers tell one that was
// stopped from one that ended by itself, or do not.
func ended(c container.Container) bool {
	return c.State == container.Stopped || c.State == container.Terminated
}

func (s *containerSuite) locations(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range list[container.Location](t, s.conn, container.ListLocations{}) {
		if seen[l.ID] || l.Name == "" {
			t.Errorf("location %+v", l)
		}
		seen[l.ID] = true
	}
	if len(seen) == 0 {
		t.Error("there are no locations")
	}
}

func (s *containerSuite) clusters(t *testing.T) {
	in := container.CreateCluster{Name: s.name("cluster"), Tags: map[string]string{"cloudlark-run": s.run}}
	c := Call[container.Cluster](t, s.conn, in)
	s.cleanup(t, container.DestroyCluster{Cluster: c.ID})
	if c.Name != in.Name || !tagged(c.Tags, in.Tags) || c.State != container.Pending && c.State != container.Running {
		t.Errorf("created with %+v, it is %+v", in, c)
	}
	c = s.clusterRuns(t, c.ID)
	if c.Name != in.Name || !tagged(c.Tags, in.Tags) {
		t.Errorf("created with %+v, it is %+v", in, c)
	}
	s.test(t, "list", func(t *testing.T) {
		if got := listed(t, s.suite, container.ListClusters{}, func(v container.Cluster) bool { return v.ID == c.ID }); got.Name != c.Name {
			t.Errorf("list_clusters says %+v, it was %+v", got, c)
		}
		filters(t, s.suite, container.ListClusters{}, c)
	}, "list_clusters")
	s.test(t, "idempotent", func(t *testing.T) {
		idempotent[container.Cluster](t, s.suite, sameName(s.name("once"), s.name("once"), func(name string) any {
			return container.CreateCluster{Name: name}
		}), func(id string) any { return container.DestroyCluster{Cluster: id} })
	})
	s.test(t, "in_use", func(t *testing.T) {
		deployed := Call[container.Container](t, s.conn, container.DeployContainer{Name: s.name("c"), Image: s.image(t), Cluster: c.ID, Command: s.Command})
		s.cleanup(t, container.DestroyContainer{Container: deployed.ID})
		if deployed.Cluster != c.ID {
			t.Errorf("deployed on %s, it runs on %s", c.ID, deployed.Cluster)
		}
		s.refuse(t, container.DestroyCluster{Cluster: c.ID}, op.Conflict)
	}, "destroy_cluster", "deploy_container", "destroy_container")
	s.test(t, "destroy", func(t *testing.T) {
		until(t, s.suite, "the cluster to be destroyed", func(ctx context.Context) (bool, error) {
			err := drivers.Do(ctx, s.conn, container.DestroyCluster{Cluster: c.ID})
			if op.KindOf(err) == op.Conflict { // what ran on it still goes
				return false, nil
			}
			return err == nil, err
		}, func(done bool) bool { return done })
		untilGone(t, s.suite, "cluster "+c.ID, getter[container.Cluster](s.conn, container.GetCluster{Cluster: c.ID}),
			func(c container.Cluster) bool { return c.State == container.Terminated })
		if err := drivers.Do(t.Context(), s.conn, container.DestroyCluster{Cluster: c.ID}); err != nil {
			wantKind(t, err, op.NotFound)
		}
	}, "destroy_cluster")
}

// clusterList is for providers whose clusters are made elsewhere, too.
func (s *containerSuite) clusterList(t *testing.T) {
	s.cluster(t)
	all := list[container.Cluster](t, s.conn, container.ListClusters{})
	if len(all) == 0 {
		t.Fatal("there are no clusters")
	}
	filters(t, s.suite, container.ListClusters{}, all[0])
	s.test(t, "get", func(t *testing.T) {
		if c := Call[container.Cluster](t, s.conn, container.GetCluster{Cluster: all[0].ID}); c.Name != all[0].Name {
			t.Errorf("get_cluster says %+v, list_clusters said %+v", c, all[0])
		}
	}, "get_cluster")
}

func (s *containerSuite) images(t *testing.T) {
	name := s.image(t)
	s.test(t, "pull", func(t *testing.T) {
		pulled := Call[container.Image](t, s.conn, container.PullImage{Name: name})
		again := Call[container.Image](t, s.conn, container.PullImage{Name: name})
		if pulled.ID != again.ID || pulled.Name == "" {
			t.Errorf("pulled twice: %+v, %+v", pulled, again)
		}
		filters(t, s.suite, container.ListImages{},
			listed(t, s.suite, container.ListImages{}, func(v container.Image) bool { return v.ID == pulled.ID }))
		s.test(t, "delete", func(t *testing.T) {
			until(t, s.suite, "the image to be deleted", func(ctx context.Context) (bool, error) {
				err := drivers.Do(ctx, s.conn, container.DeleteImage{Image: pulled.ID})
				if op.KindOf(err) == op.Conflict { // what used it still goes
					return false, nil
				}
				return err == nil, err
			}, func(done bool) bool { return done })
			for _, v := range list[container.Image](t, s.conn, container.ListImages{}) {
				if v.ID == pulled.ID {
					t.Errorf("deleted, it is still there: %+v", v)
				}
			}
			Call[container.Image](t, s.conn, container.PullImage{Name: name})
		}, "delete_image")
	}, "pull_image")
	s.test(t, "list", func(t *testing.T) {
		all := list[container.Image](t, s.conn, container.ListImages{})
		if len(all) == 0 {
			t.Fatal("there are no images")
		}
		s.test(t, "get", func(t *testing.T) {
			for _, id := range []string{all[0].ID, all[0].Name} {
				if got := Call[container.Image](t, s.conn, container.GetImage{Image: id}); got.ID != all[0].ID || got.Architecture != all[0].Architecture && all[0].Architecture != "" {
					t.Errorf("%s is listed as %+v, and found as %+v", id, all[0], got)
				}
			}
			s.refuse(t, container.GetImage{Image: s.nothing(name)}, op.NotFound)
		}, "get_image")
		filters(t, s.suite, container.ListImages{}, all[0])
	})
	s.test(t, "pull_nothing", func(t *testing.T) {
		_, err := drivers.Call[container.Image](t.Context(), s.conn, container.PullImage{Name: s.nothing(name)})
		wantKind(t, err, op.NotFound)
		_, err = drivers.Call[container.Image](t.Context(), s.conn, container.PullImage{Name: "UPPER case: no name"})
		wantKind(t, err, op.InvalidArgument)
	}, "pull_image")
}

// copies has registries copy an image, within the connection's own.
func (s *containerSuite) copies(t *testing.T) {
	from := Call[container.Image](t, s.conn, container.GetImage{Image: s.image(t)})
	to := s.nothing(s.image(t)) + ":copy-1"
	copied := Call[container.Image](t, s.conn, container.CopyImage{Image: from.Name, To: to})
	if copied.Digest == "" || copied.Digest != from.Digest || !strings.HasSuffix(copied.Name, ":copy-1") {
		t.Errorf("a copy of %+v to %s is %+v", from, to, copied)
	}
	if again := Call[container.Image](t, s.conn, container.CopyImage{Image: from.ID, To: to}); again.Digest != from.Digest {
		t.Errorf("copied again, it is %+v", again)
	}
	if got := Call[container.Image](t, s.conn, container.GetImage{Image: to}); got.Digest != from.Digest {
		t.Errorf("the copy is found as %+v", got)
	}
	s.test(t, "delete", func(t *testing.T) {
		Do(t, s.conn, container.DeleteImage{Image: to})
		s.refuse(t, container.GetImage{Image: to}, op.NotFound)
	}, "delete_image")
	s.refuse(t, container.CopyImage{Image: s.nothing(s.image(t)), To: to}, op.NotFound)
	s.refuse(t, container.CopyImage{Image: from.Name, To: "UPPER case: no name"}, op.InvalidArgument)
}

// pushes has an image that is here sent to a registry under a name of its own.
func (s *containerSuite) pushes(t *testing.T) {
	here := Call[container.Image](t, s.conn, container.PullImage{Name: s.image(t)})
	to := s.nothing(s.image(t)) + ":push-1"
	pushed := Call[container.Image](t, s.conn, container.PushImage{Image: here.ID, To: to})
	if !strings.Contains(pushed.Digest, ":") {
		t.Errorf("pushed, it is %+v", pushed)
	}
	if got := Call[container.Image](t, s.conn, container.PullImage{Name: to}); got.ID != here.ID {
		t.Errorf("%+v was pushed, %+v came back", here, got)
	}
	s.test(t, "delete", func(t *testing.T) { Do(t, s.conn, container.DeleteImage{Image: to}) }, "delete_image")
	s.refuse(t, container.PushImage{Image: s.nothing(s.image(t)), To: to}, op.NotFound)
	s.refuse(t, container.PushImage{Image: here.ID, To: "UPPER case: no name"}, op.InvalidArgument)
}

// nothing names an image that is not in the registry of the image of that name.
func (s *containerSuite) nothing(name string) string {
	if i := strings.LastIndex(name, "/"); i >= 0 {
		return name[:i+1] + s.name("nothing")
	}
	return s.name("nothing")
}

func (s *containerSuite) containers(t *testing.T) {
	in := s.input(t, container.DeployContainer{Environment: map[string]string{"GREETING": "Grüße ☕ = \"1\""},
		Tags: map[string]string{"cloudlark-run": s.run}})
	c := Call[container.Container](t, s.conn, in)
	s.cleanup(t, container.DestroyContainer{Container: c.ID})
	right := func(t *testing.T, c container.Container) {
		t.Helper()
		if c.Name != in.Name || c.Image == "" || c.Replicas != 1 || c.Cluster != in.Cluster && in.Cluster != "" || !tagged(c.Tags, in.Tags) {
			t.Errorf("deployed with %+v, it is %+v", in, c)
		}
		if len(c.Environment) > 0 && c.Environment["GREETING"] != in.Environment["GREETING"] {
			t.Errorf("deployed with %q, its environment is %q", in.Environment, c.Environment)
		}
	}
	right(t, c)
	if c.State != container.Pending && c.State != container.Running {
		t.Errorf("a new container is %s", c.State)
	}
	c = s.is(t, c.ID, "to be running", func(c container.Container) bool { return runs(c) && c.Ready == 1 })
	right(t, c)
	if c.ExitCode != nil {
		t.Errorf("a running container has exit status %d", *c.ExitCode)
	}
	s.test(t, "list", func(t *testing.T) {
		got := listed(t, s.suite, container.ListContainers{}, func(v container.Container) bool { return v.ID == c.ID })
		right(t, got)
		filters(t, s.suite, container.ListContainers{}, got)
	}, "list_containers")
	s.test(t, "other_connection", func(t *testing.T) {
		right(t, Call[container.Container](t, s.open(t, nil), container.GetContainer{Container: c.ID}))
	})
	s.test(t, "name_taken", func(t *testing.T) {
		other, err := drivers.Call[container.Container](t.Context(), s.conn, in)
		switch {
		case err != nil:
			wantKind(t, err, op.AlreadyExists)
		case other.ID == c.ID:
			t.Errorf("deployed again, it is the same: %+v", other)
		default:
			s.cleanup(t, container.DestroyContainer{Container: other.ID})
		}
	})
	s.test(t, "stop", func(t *testing.T) {
		Do(t, s.conn, container.StopContainer{Container: c.ID, Timeout: new(1)})
		s.is(t, c.ID, "to be stopped", ended)
		Do(t, s.conn, container.StopContainer{Container: c.ID, Timeout: new(1)}) // as if it were repeated
		s.test(t, "exec", func(t *testing.T) {
			_, err := drivers.Call[container.ExecResult](t.Context(), s.conn, container.ExecContainer{Container: c.ID, Command: []string{"true"}})
			wantKind(t, err, op.Conflict)
		}, "exec_container")
		s.test(t, "list", func(t *testing.T) {
			listed(t, s.suite, container.ListContainers{Name: c.Name}, func(v container.Container) bool { return v.ID == c.ID && ended(v) })
		}, "list_containers")
		s.test(t, "start", func(t *testing.T) {
			Do(t, s.conn, container.StartContainer{Container: c.ID})
			right(t, s.is(t, c.ID, "to be running", runs))
			Do(t, s.conn, container.StartContainer{Container: c.ID})
		}, "start_container")
	}, "stop_container", "start_container")
	s.test(t, "restart", func(t *testing.T) {
		Do(t, s.conn, container.RestartContainer{Container: c.ID})
		right(t, s.is(t, c.ID, "to be running", func(c container.Container) bool { return runs(c) && c.Ready == 1 }))
	}, "restart_container")
	s.test(t, "scale", func(t *testing.T) {
		s.refuse(t, container.ScaleContainer{Container: c.ID, Replicas: -1}, op.InvalidArgument)
		for _, n := range []int{3, 3, 0, 0, 1} {
			Do(t, s.conn, container.ScaleContainer{Container: c.ID, Replicas: n})
			s.is(t, c.ID, fmt.Sprintf("to have %d of itself", n), func(c container.Container) bool {
				return c.Replicas == n && c.Ready == n && (n > 0 || ended(c))
			})
		}
	}, "scale_container")
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, container.DestroyContainer{Container: c.ID})
		untilGone(t, s.suite, "container "+c.ID, getter[container.Container](s.conn, container.GetContainer{Container: c.ID}), never)
		if err := drivers.Do(t.Context(), s.conn, container.DestroyContainer{Container: c.ID}); err != nil {
			wantKind(t, err, op.NotFound)
		}
		s.test(t, "list", func(t *testing.T) {
			if all := list[container.Container](t, s.conn, container.ListContainers{Name: c.Name}); slices.ContainsFunc(all, func(v container.Container) bool { return v.ID == c.ID }) {
				t.Errorf("the destroyed container is in %+v", all)
			}
		}, "list_containers")
	}, "destroy_container")
}

func (s *containerSuite) limits(t *testing.T) {
	in := container.DeployContainer{CPUs: 0.5, Memory: 64, RestartPolicy: container.RestartAlways, Command: s.Command,
		Ports: []container.Port{{Port: 8080}, {Port: 53, Protocol: container.UDP}}, Mounts: []container.Mount{{Target: "/scratch"}}}
	c := s.deploy(t, in)
	c = s.is(t, c.ID, "to be running", runs)
	if c.CPUs != 0.5 || c.Memory != 64 || c.RestartPolicy != container.RestartAlways || s.Command != nil && !slices.Equal(c.Command, s.Command) {
		t.Errorf("deployed with %+v, it is %+v", in, c)
	}
	for _, want := range in.Ports {
		if want.Protocol == "" {
			want.Protocol = container.TCP
		}
		if !slices.ContainsFunc(c.Ports, func(p container.Port) bool { return p.Port == want.Port && p.Protocol == want.Protocol }) {
			t.Errorf("port %+v is not among %+v", want, c.Ports)
		}
	}
	if !slices.ContainsFunc(c.Mounts, func(m container.Mount) bool { return m.Target == "/scratch" }) {
		t.Errorf("deployed with %+v, its mounts are %+v", in.Mounts, c.Mounts)
	}
	s.test(t, "replicas", func(t *testing.T) {
		c := s.deploy(t, container.DeployContainer{Replicas: new(3)})
		s.is(t, c.ID, "to have three replicas", func(c container.Container) bool { return c.Replicas == 3 && c.Ready == 3 })
	}, "list_clusters") // who has no clusters keeps no number running
	s.test(t, "no replicas", func(t *testing.T) {
		c := s.deploy(t, container.DeployContainer{Replicas: new(0)})
		s.is(t, c.ID, "to be there and run nothing", func(c container.Container) bool { return c.Replicas == 0 && c.Ready == 0 && ended(c) })
		s.test(t, "start", func(t *testing.T) {
			Do(t, s.conn, container.StartContainer{Container: c.ID})
			s.is(t, c.ID, "to be running", func(c container.Container) bool { return runs(c) && c.Replicas == 1 && c.Ready == 1 })
		}, "start_container")
	}, "list_clusters")
}

// shell is a command line, as the image's shell runs it.
func (s *containerSuite) shell(line string) []string { return append(slices.Clone(s.Shell), line) }

func (s *containerSuite) exec(t *testing.T) {
	c := s.deploy(t, container.DeployContainer{})
	s.is(t, c.ID, "to be running", runs)
	run := func(t *testing.T, in container.ExecContainer) container.ExecResult {
		t.Helper()
		in.Container = c.ID
		return Call[container.ExecResult](t, s.conn, in)
	}
	// Without a container that really runs, only that there is an answer can be told.
	run(t, container.ExecContainer{Command: s.shell("true")})
	if !s.Runs {
		t.Skip("the harness does not say that containers really run")
	}
	r := run(t, container.ExecContainer{Command: s.shell("echo out; echo err >&2; exit 3")})
	if r.ExitCode != 3 || r.Stdout != "out\n" || r.Stderr != "err\n" {
		t.Errorf("the command ended with %+v", r)
	}
	r = run(t, container.ExecContainer{Command: s.shell(`read a; echo "$a and $B"`), Input: "Grüße\n", Environment: map[string]string{"B": "☕ = 1"}})
	if r.ExitCode != 0 || r.Stdout != "Grüße and ☕ = 1\n" {
		t.Errorf("with input and environment: %+v", r)
	}
	r = run(t, container.ExecContainer{Command: append(s.shell(`printf '<%s>' "$@"`), "sh", "a b", "", `"c"`)})
	if r.Stdout != `<a b><><"c">` {
		t.Errorf("the arguments came as %q", r.Stdout)
	}
	s.test(t, "no such program", func(t *testing.T) {
		r, err := drivers.Call[container.ExecResult](t.Context(), s.conn, container.ExecContainer{Container: c.ID, Command: []string{"/no/such/program"}})
		if err == nil && r.ExitCode != 126 && r.ExitCode != 127 {
			t.Errorf("it ended with %+v", r)
		}
		if err != nil {
			wantKind(t, err, op.InvalidArgument, op.NotFound)
		}
	})
	s.test(t, "canceled", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := drivers.Call[container.ExecResult](ctx, s.conn, container.ExecContainer{Container: c.ID, Command: s.shell("sleep 3600")}) // or the test is over before
		wantKind(t, err, op.Timeout)
	})
}

func (s *containerSuite) logs(t *testing.T) {
	in := with(t, s.suite, s.input(t, container.DeployContainer{}), "restart_policy", container.RestartNo)
	if s.Runs {
		in.Command = s.shell("for i in 1 2 3 4 5; do echo line $i; done; echo Grüße >&2; sleep 600")
	}
	c := s.deploy(t, in)
	s.is(t, c.ID, "to be running", runs)
	lines := func(t *testing.T, in container.GetContainerLogs) []container.LogLine {
		t.Helper()
		in.Container = c.ID
		all := list[container.LogLine](t, s.conn, in)
		for _, l := range all {
			if strings.ContainsAny(l.Text, "\r\n") || l.Stream != container.Stdout && l.Stream != container.Stderr {
				t.Errorf("a line is %+v", l)
			}
		}
		return all
	}
	lines(t, container.GetContainerLogs{})
	s.test(t, "follow until given up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		for _, err = range drivers.List[container.LogLine](ctx, s.conn, container.GetContainerLogs{Container: c.ID, Follow: true}) {
			if err != nil {
				break
			}
		}
		wantKind(t, err, op.Timeout)
	})
	if !s.Runs {
		return
	}
	all := until(t, s.suite, "six lines", func(context.Context) ([]container.LogLine, error) { return lines(t, container.GetContainerLogs{}), nil },
		func(all []container.LogLine) bool { return len(all) == 6 })
	var out, errs []string
	for _, l := range all {
		if l.Stream == container.Stdout && !(s.Lacks["log_line.stream"] != "" && l.Text == "Grüße") {
			out = append(out, l.Text)
		} else {
			errs = append(errs, l.Text)
		}
	}
	if !slices.Equal(out, []string{"line 1", "line 2", "line 3", "line 4", "line 5"}) || !slices.Equal(errs, []string{"Grüße"}) {
		t.Errorf("the lines are %+v", all)
	}
	s.test(t, "tail", func(t *testing.T) {
		for _, n := range []int{2, 0} {
			if got := lines(t, container.GetContainerLogs{Tail: &n}); len(got) != n {
				t.Errorf("the last %d lines are %+v", n, got)
			}
		}
		var err error
		for _, err = range drivers.List[container.LogLine](t.Context(), s.conn, container.GetContainerLogs{Container: c.ID, Tail: new(-1)}) {
			break
		}
		wantKind(t, err, op.InvalidArgument)
	})
	s.test(t, "stop reading", func(t *testing.T) {
		n := 0
		for _, err := range drivers.List[container.LogLine](t.Context(), s.conn, container.GetContainerLogs{Container: c.ID, Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				break
			}
		}
	})
	s.test(t, "follow what is to come", func(t *testing.T) {
		c := s.deploy(t, container.DeployContainer{Command: s.shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 1; done"), RestartPolicy: container.RestartNo})
		s.begins(t, c.ID, "1")
		for l, err := range drivers.List[container.LogLine](t.Context(), s.conn, container.GetContainerLogs{Container: c.ID, Follow: true, Tail: new(0)}) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Text == "1" {
				t.Errorf("%+v was there before", l)
			}
			break
		}
	})
	s.test(t, "follow to the end", func(t *testing.T) {
		c := s.deploy(t, container.DeployContainer{Command: s.shell("for i in 1 2 3; do echo $i; sleep 1; done"), RestartPolicy: container.RestartNo})
		var got []string
		s.begins(t, c.ID, "1")
		for l, err := range drivers.List[container.LogLine](t.Context(), s.conn, container.GetContainerLogs{Container: c.ID, Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l.Text)
		}
		if !slices.Equal(got, []string{"1", "2", "3"}) {
			t.Errorf("the lines are %q", got)
		}
		s.test(t, "exit_code", func(t *testing.T) {
			c := s.is(t, c.ID, "to have ended", ended)
			if c.ExitCode == nil || *c.ExitCode != 0 {
				t.Errorf("it ended with %v", c.ExitCode)
			}
		}, "get_container")
	})
}

// begins waits for the first line of a container's log, and says what it is to be.
func (s *containerSuite) begins(t *testing.T, id, text string) {
	t.Helper()
	until(t, s.suite, "the first line", func(ctx context.Context) (bool, error) {
		for l, err := range drivers.List[container.LogLine](ctx, s.conn, container.GetContainerLogs{Container: id}) {
			return err == nil && l.Text == text, err
		}
		return false, nil
	}, func(there bool) bool { return there })
}

func (s *containerSuite) refused(t *testing.T) {
	image := s.image(t)
	for what, c := range map[string]struct {
		in   container.DeployContainer
		kind op.Kind
	}{
		"no such image":     {container.DeployContainer{Image: s.nothing(image)}, op.NotFound},
		"image of no name":  {container.DeployContainer{Image: "UPPER case: no name"}, op.InvalidArgument},
		"no port":           {container.DeployContainer{Image: image, Ports: []container.Port{{Port: 70000}}}, op.InvalidArgument},
		"negative memory":   {container.DeployContainer{Image: image, Memory: -1}, op.InvalidArgument},
		"negative cpus":     {container.DeployContainer{Image: image, CPUs: -1}, op.InvalidArgument},
		"negative replicas": {container.DeployContainer{Image: image, Replicas: new(-1)}, op.InvalidArgument},
	} {
		s.test(t, what, func(t *testing.T) {
			in := c.in
			in.Name, in.Cluster, in.Command = s.name("refused"), s.cluster(t), s.Command
			deployed, err := drivers.Call[container.Container](t.Context(), s.conn, in)
			if err == nil {
				s.cleanup(t, container.DestroyContainer{Container: deployed.ID})
			}
			wantKind(t, err, c.kind)
			if s.offers("list_containers") {
				if left := list[container.Container](t, s.conn, container.ListContainers{Name: in.Name}); len(left) > 0 {
					t.Errorf("it left %+v", left)
				}
			}
		})
	}
}

func (s *containerSuite) imageInUse(t *testing.T) {
	c := s.deploy(t, container.DeployContainer{})
	s.is(t, c.ID, "to be running", runs)
	name := s.image(t)
	for _, i := range list[container.Image](t, s.conn, container.ListImages{}) {
		if i.Name == name || i.ID == c.Image || i.Name == c.Image {
			s.refuse(t, container.DeleteImage{Image: i.ID}, op.Conflict)
			return
		}
	}
	t.Errorf("the image of %+v is not in the list", c)
}

func (s *containerSuite) repositories(t *testing.T) {
	all := list[container.Repository](t, s.conn, container.ListRepositories{})
	if len(all) == 0 {
		t.Fatal("there are no repositories")
	}
	s.test(t, "tags", func(t *testing.T) {
		for _, r := range all[:min(3, len(all))] {
			tags := list[container.Tag](t, s.conn, container.ListTags{Repository: r.Name})
			for _, tag := range tags {
				if tag.Repository != r.Name || tag.Digest != "" && !strings.Contains(tag.Digest, ":") {
					t.Errorf("a tag of %s is %+v", r.Name, tag)
				}
			}
		}
	}, "list_tags")
}

func (s *containerSuite) idempotent(t *testing.T) {
	s.test(t, "deploy_container", func(t *testing.T) {
		base := s.input(t, container.DeployContainer{})
		idempotent[container.Container](t, s.suite, sameName(s.name("once"), s.name("once"), func(name string) any {
			in := base
			in.Name = name
			return in
		}), func(id string) any { return container.DestroyContainer{Container: id} })
	}, "deploy_container")
}

func (s *containerSuite) paging(t *testing.T) {
	if s.PageSize > 20 {
		t.Skipf("%d containers are too many to make for a test", s.PageSize)
	}
	var want []string
	for range s.PageSize + 1 {
		want = append(want, s.deploy(t, container.DeployContainer{}).ID)
	}
	s.paged(t, container.ListContainers{}, want)
}

func (s *containerSuite) concurrent(t *testing.T) {
	inputs := make([]container.DeployContainer, 4)
	for i := range inputs {
		inputs[i] = s.input(t, container.DeployContainer{})
	}
	together(t, len(inputs), func(i int) error {
		c, err := drivers.Call[container.Container](t.Context(), s.conn, inputs[i])
		if err != nil {
			return err
		}
		got, err := drivers.Call[container.Container](t.Context(), s.conn, container.GetContainer{Container: c.ID})
		if err == nil && got.Name != inputs[i].Name {
			err = fmt.Errorf("created %+v, found %+v", c, got)
		}
		if err != nil {
			return err
		}
		return drivers.Do(t.Context(), s.conn, container.DestroyContainer{Container: c.ID})
	})
}
