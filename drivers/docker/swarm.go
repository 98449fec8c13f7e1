package docker

import (
	"context"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/engine"
)

// SwarmProvider returns the driver "swarm": the swarm that a Docker daemon is a manager of.
func SwarmProvider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "swarm",
		Family:  container.Family,
		Title:   "Docker Swarm",
		Website: "https://docs.docker.com/engine/swarm/",
		Doc:     swarmDoc,
		Extras:  map[string]any{"deploy_container": engine.SwarmExtra{}},
		Missing: engine.SwarmMissing(),
	}, openSwarm)
}

func openSwarm(_ context.Context, c configuration) (*engine.Swarm, error) {
	keychain, options, err := c.options()
	if err != nil {
		return nil, err
	}
	return engine.NewSwarm(keychain, options...)
}

const swarmDoc = `## Where the swarm is

The daemon is found as with the driver [docker](driver-docker-container.md), and has to be a manager of the swarm.

    [connection.production]
    driver   = "swarm"
    endpoint = "ssh://ops@manager.example"

## What to know

- A container is a service: one specification, and a task for each replica somewhere in the swarm. The swarm is the one cluster. ` + "`docker swarm init`" + ` begins one, and so does
  ` + "`cloud.native(\"POST /swarm/init\", body = {\"ListenAddr\": \"0.0.0.0:2377\", \"AdvertiseAddr\": \"10.0.0.1\"})`" + `.
- deploy_container pins the image to the digest that its name has now, so that all nodes run the same, and refuses an image that neither the registry nor the daemon that is asked has.
- wait(state = "running") waits for all replicas, of a restart for those that take the old ones' place. A service whose tasks fail is in error, and ` + "`extra[\"error\"]`" + ` says why, while the swarm goes on trying.
- With restart_policy "no" or "on_failure" a service is stopped when its tasks have ended; start_container runs them again.
- ports are published at every node by the routing mesh; with ` + "`extra = {\"publish\": \"host\"}`" + ` at the nodes that a task runs on.
- stop_container takes the replicas away, and start_container gives them back. How long a task may take to end is its own: ` + "`extra = {\"container\": {\"StopGracePeriod\": 30000000000}}`" + `, in nanoseconds; timeout changes nothing.
- ` + "`extra`" + ` of deploy_container takes the rest in the Engine API's form: secrets, configs, health checks, placement, how updates go.
- get_container_logs has the logs of all tasks, of those too that were replaced and are still remembered. Following ends when the service has ended or is stopped.
- exec_container runs in a task on the node that is asked: Docker offers no way to another's. Where none runs there, the error names a node that has one.
- Images are those of the daemon that is asked.
`
