package libvirt

const doc = `## Connections

` + "`endpoint`" + ` is libvirt's [URI](https://libvirt.org/uri.html) of the hypervisor.

    [connection.lab]
    driver   = "libvirt"
    endpoint = "qemu+ssh://root@host.example.com/system"
    pool     = "default"
    network  = "default"

This program speaks libvirtd's protocol itself, over UNIX sockets, TCP, TLS and SSH: nothing has to be installed. Over SSH it takes the keys of
the agent and of ` + "`~/.ssh`" + `, checks the host's key against ` + "`~/.ssh/known_hosts`" + `, and heeds libvirt's parameters keyfile, socket, known_hosts and
no_verify, but not the configuration of ssh. A build with ` + "`-tags libvirt_dlopen`" + ` (it wants a C compiler, and libvirt.so.0 where it runs) goes through
libvirt's own library and reaches every URI that libvirt knows, ` + "`test:///default`" + ` included. Who is let in is libvirtd's affair: UNIX permissions, polkit,
certificates, SSH.

## The way down

` + "`cloud.native`" + ` takes a call of [libvirt's API](https://libvirt.org/html/index.html) by its name, with its arguments by theirs. Domains, networks and filters are named by
their UUIDs, pools by their names, volumes by their keys; values of scripts stand for their ids. XML goes in and out as it is.

    cloud.native("virDomainGetXMLDesc", domain = node, flags = 2)
    cloud.native("virConnectGetDomainCapabilities", virttype = "kvm")
    cloud.native("virDomainSnapshotCreateXML", domain = node, xml = "<domainsnapshot><name>before</name></domainsnapshot>")
    cloud.native("virDomainQemuAgentCommand", domain = node, cmd = '{"execute": "guest-ping"}')
    cloud.native("virDomainScreenshot", domain = node)        # base64

## What to know

- **Nodes** are domains, of this driver's making or not. A new one boots a disk of its own, and finds at its first start what cloud-init's data source NoCloud
  brings: its name, the key pair, user_data. It runs with KVM where the host has it. A name is the identity of a node, a volume, an image, a network: two cannot have the same.
- **Sizes** are a catalogue of this driver's, as libvirt has none; the connection's ` + "`sizes`" + ` replaces it. The size of a node that others made is empty:
  ` + "`extra`" + ` has vcpus and memory.
- **Images** are the volumes of ` + "`image_pool`" + `: disks, or a kernel ` + "`NAME.vmlinuz`" + ` with ` + "`NAME.initrd`" + ` beside it, which a node boots with an empty disk. An image's id is its
  volume's key; its name will do as well. A node's root disk is an overlay of the image; with ` + "`extra = {\"clone\": True}`" + ` it is a copy. The file of a deleted
  image stays until the last node that is based on it is gone. Copy a cloud image there and call ` + "`cloud.native(\"virStoragePoolRefresh\", pool = \"default\")`" + `.
- **Volumes** are qcow2 or, with ` + "`type = \"raw\"`" + `, raw files of ` + "`pool`" + `; root disks are among them. In the guest one is found as ` + "`/dev/disk/by-id/virtio-SERIAL`" + `; SERIAL is
  in its ` + "`extra`" + `. detach_volume asks a running guest to let go, and asks again, like stop_node.
- **Snapshots and images of nodes** are full copies: of a running node's disk as it was when the call was made. libvirt copies while the call waits.
- **Addresses** are those that libvirt's DHCP gave out, or those that the guest's agent tells, or those that the host has heard of. Private ranges are private_ips.
- **Networks** translate addresses (NAT) unless ` + "`extra`" + ` says otherwise; ` + "`cidr`" + ` is needed.
- **stop_node** asks the guest, and asks again, until it is off or ` + "`guest_timeout`" + ` is over: a guest that still boots does not listen,
  and libvirt does not remember that it was to stop. suspend_node pauses it.
- **reboot_node** asks the guest, which may not listen: a guest that is only booting does not reboot.
- **Key pairs, tags and descriptions**, which libvirt has no place for, are small files in ` + "`pool`" + ` and metadata of the domains. So everyone who uses the pool shares them.
- **Locations**: the one host.
- **Security groups**: there are none. libvirt's [network filters](https://libvirt.org/formatnwfilter.html), of which ` + "`extra = {\"filter\": …}`" + ` gives a node's interfaces one, are good against what a node sends with
  addresses that are not its own (` + "`clean-traffic`" + `). As a guard against others they have a gap: rules with a state (` + "`tcp`, `udp`, `all`" + `) are put into iptables by libvirt's usual way, and see what is
  bridged to a node, but of what the host routes there only the answers: so a TCP connection is not made, and a datagram is delivered. Rules without one (` + "`ip`, `ipv6`" + `) are put into ebtables
  and see everything, but would have to let the answers to what the node itself asks in from everyone. Where nodes are to be guarded, do it in the node, by user_data, or on the host.
`
