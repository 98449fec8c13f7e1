package docker

const doc = `## Where the daemon is, and credentials

With nothing configured, the daemon is found as the command line of Docker finds it: ` + "`DOCKER_HOST`" + ` (with
` + "`DOCKER_CERT_PATH` and `DOCKER_TLS_VERIFY`" + `), ` + "`DOCKER_CONTEXT`" + `, the current context, the usual socket.

    [connection.build]
    driver   = "docker"
    endpoint = "ssh://build@build.example"

- ` + "`ssh://`" + ` runs the command ` + "`ssh`" + `, as Docker does, with the keys, known hosts and configuration of its user; Docker's command must be there on the other side.
- ` + "`tcp://`" + ` with ` + "`cert_path`" + ` shows a certificate and checks the daemon's.
- Images are pulled and pushed with the logins of ` + "`docker login`" + `, credential helpers included; ` + "`username` and `password`" + ` are for one registry that has none.

## What to know

- A container is a container: there are no clusters, and no replicas. The driver [swarm](driver-swarm-container.md) has both.
- A container with a health check, the image's or one of extra, is pending until it is healthy and in error while it is unhealthy: wait(state = "running") waits for its health.
- deploy_container pulls the image if it is not there, and returns when the container has been started. One that cannot be started is removed again.
- A mount's source is a path of the daemon's host if it begins with /, else a volume's name; a volume that is not there is made. Without a source it is memory.
- destroy_container kills the container: stop it first to let it end by itself. Volumes that have a name stay, others go.
- list_containers leaves out command, environment, limits and restart policy, which the daemon tells of one container at a time: refresh one to see them.
- An image with several names is listed once, by the first of them, or by the one that was asked for; all are in ` + "`extra`" + `.
- exec_container cannot end a command: when it is given up, the command goes on.
- native makes any request of the Engine API: ` + "`cloud.native(\"GET /volumes\", query = {\"filters\": {\"dangling\": [\"true\"]}})`" + `.
`
