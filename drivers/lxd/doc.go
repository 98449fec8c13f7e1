package lxd

const doc = `## Where the server is, and credentials

With nothing configured, the server is found as the command lines of LXD and Incus find it: ` + "`LXD_SOCKET` or `INCUS_SOCKET`, `LXD_DIR` or `INCUS_DIR`" + `,
` + "`LXD_REMOTE` or `INCUS_REMOTE`" + `, the default remote of the command line's configuration, the usual sockets.

    [connection.lab]
    driver      = "lxd"
    endpoint    = "https://lxd.example:8443"
    fingerprint = "5f2a…"
    project     = "tests"

- A Unix socket is open to those of the group that owns it.
- An https endpoint shows the client's certificate, that of the command line if ` + "`cert_path` and `key_path`" + ` name no other; the server must trust it (` + "`lxc config trust add`" + `).
  The server's own certificate is checked against ` + "`server_cert` or `fingerprint`" + `; without either an authority must have signed it.
- ` + "`remote`" + ` takes all of this, and the project, from the command line's configuration.

## What to know

- A container is a system container: it boots the init of its image. With ` + "`command`" + ` that runs in place of the init, and nothing else boots: no daemon, and nothing that would
  ask for an address by DHCP. A command of words with blanks or quotes goes through the image's ` + "`/bin/sh`" + `. One that cannot be run is an error, and the container is removed again.
- An image is named by its alias or fingerprint, or as REMOTE:ALIAS at an image server: ` + "`ubuntu:24.04`, `images:debian/12`" + `, or a remote of the command line's configuration.
  deploy_container has the server download the last sort if it is not there. pull_image takes a URL, too, as ` + "`lxc image import`" + ` does. A private image of another server is not to be had this way.
- A container's ` + "`image`" + ` is the fingerprint of what it was made from, which may be gone: a container is a copy, and delete_image deletes any image.
- ` + "`cpus`" + ` is a quota of the processors' time (` + "`limits.cpu.allowance`" + `); for processors of its own give ` + "`extra = {\"config\": {\"limits.cpu\": \"2\"}}`" + `.
- A port is a proxy device: what connects to it outside is handed on to 127.0.0.1 in the container, where a network device must be up. The server chooses no port: without ` + "`host_port`" + ` the driver takes one
  from 32768 up, and another if that is taken. The container's own addresses are in ` + "`ips`" + `.
- A mount's source is a path of the server's host if it begins with /, else a storage volume in the pool of the root disk; one that is not there is made, and stays. Without a source it is memory.
  In an unprivileged container the files of a host's folder belong to nobody, unless a device of extra sets ` + "`shift`" + `.
- ` + "`restart_policy = \"always\"`" + ` starts the container with its server. An init that ends by itself is started again by Incus, and by no LXD. There is no on_failure: the server does not know how an init ended, and so there is no exit_code.
- Tags are the keys ` + "`user.*`" + ` of the configuration. Variables are ` + "`environment.*`" + `; a value cannot have line breaks.
- stop_container asks the init to end, and kills what is left after the timeout. destroy_container kills at once, and removes the container's snapshots with it; storage volumes stay.
- Logs are the console: both streams as one, without times. The server keeps the last 128 KiB that a container wrote and hands out each byte once. A connection remembers what it
  has read of a container since that was started; what another one has read, or ` + "`lxc console --show-log`" + `, it does not get. With follow it looks every second.
- exec_container that is given up kills its command.
- Virtual machines are not listed; native reaches them.
- In a cluster, list_locations lists the members, and ` + "`extra = {\"member\": \"node-2\"}`" + ` chooses one.
- native makes any request of the API, in the connection's project unless the query names one, and waits for what goes on in the background:
  ` + "`cloud.native(\"POST /1.0/instances/web/snapshots\", body = {\"name\": \"before\"})`" + `.
- It is tried against LXD 5.0.2. Incus has the same API, and what differs here is written to its documentation.
`
