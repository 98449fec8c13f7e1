package libvirt

const doc = "TODO"
